// SPDX-License-Identifier: GPL-2.0

//! Settings of obfuscated tunnels: makes them, checks them, gives them to a device and shows those of one.
//!
//! ```text
//! wgobf presets
//! wgobf generate PRESET [--seed N] [--mtu N] [--no-keys] [FILE FILE]
//! wgobf check [--mtu N] FILE…
//! wgobf apply DEV FILE
//! wgobf show [--secrets] DEV
//! wgobf judge [--seconds N] PCAP…|DEV
//! ```
//!
//! Files are those of AmneziaWG's tools, `awg` and `awg-quick`. What the driver would refuse is refused by the same
//! code, `wireguard_proto::awg`. See `Documentation/tools.rst`.
//!
//! What cannot go is said in one line, with what to do about it. The status is 0 if all is well, 1 if something does not
//! work, 2 if the command or a file cannot be read, and 3 if `check` has only found what is unwise.

mod check;
mod device;
mod end;
mod file;
mod generate;
mod judge;
mod options;
mod presets;
mod random;
mod setting;
mod show;
mod values;

use std::process::ExitCode;

use crate::end::End;
use crate::file::{Finding, Weight};
use crate::options::Options;

/// Whether something did not go, and the line that says so.
type Result<T = ()> = std::result::Result<T, String>;

const NOT_UNDERSTOOD: u8 = 2;
const UNWISE: u8 = 3;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => return failed(NOT_UNDERSTOOD, &why),
    };
    match run(&options) {
        Ok(status) => status,
        Err(why) => failed(1, &why),
    }
}

fn failed(status: u8, why: &str) -> ExitCode {
    eprintln!("wgobf: {why}");
    ExitCode::from(status)
}

fn run(options: &Options) -> Result<ExitCode> {
    match options {
        Options::Presets => print!("{}", presets::list()),
        Options::Generate(wanted) => generate::run(wanted)?,
        Options::Check { path_mtu, files } => return Ok(check(*path_mtu, files)),
        Options::Apply { device, file } => {
            let (end, findings) = match End::load(file) {
                Ok(read) => read,
                Err(why) => return Ok(failed(NOT_UNDERSTOOD, &why)),
            };
            if tell(file, &findings) == Some(Weight::Refused) {
                return Err(format!("{device} stays as it is: {file} has errors"));
            }
            device::Device::open(device)?.apply(&end, file)?;
        }
        Options::Show { device, secrets } => {
            let shown = device::Device::open(device)?.read()?;
            print!("{}", show::text(&shown, *secrets));
        }
        Options::Judge { seconds, what } => judge::run(what, *seconds)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// All files that are named together are ends of tunnels with each other, unless their keys say that they are not.
fn check(path_mtu: u16, files: &[String]) -> ExitCode {
    let mut worst = None;
    let mut ends: Vec<(&String, End)> = Vec::new();
    for file in files {
        let (end, mut findings) = match End::load(file) {
            Ok(read) => read,
            Err(why) => return failed(NOT_UNDERSTOOD, &why),
        };
        findings.extend(check::advice(&end, path_mtu));
        for (other_file, other) in &ends {
            findings.extend(check::mismatches(&end, other, other_file));
        }
        worst = worst.max(tell(file, &findings));
        ends.push((file, end));
    }
    match worst {
        None => ExitCode::SUCCESS,
        Some(Weight::Unwise) => ExitCode::from(UNWISE),
        Some(Weight::Refused) => ExitCode::FAILURE,
    }
}

/// Prints findings in the order of lines, and returns the greatest weight.
fn tell(file: &str, findings: &[Finding]) -> Option<Weight> {
    let mut findings: Vec<&Finding> = findings.iter().collect();
    findings.sort_by_key(|finding| finding.line);
    for finding in &findings {
        eprintln!("{}", finding.told_of(file));
    }
    findings.iter().map(|finding| finding.weight).max()
}
