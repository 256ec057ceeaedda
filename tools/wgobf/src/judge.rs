// SPDX-License-Identifier: GPL-2.0

//! What classifiers of traffic say of captures, or of a device's tunnels: asks `tools/dpi-judge/judge`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::device::Device;
use crate::Result;

/// What `timeout` ends with if the time was over, and if there is no such program.
const TIME_OVER: i32 = 124;
const NOT_FOUND: i32 = 127;

pub fn run(what: &[String], seconds: u32) -> Result {
    let captures: Vec<PathBuf> = match what {
        [device] if is_device(device) => vec![listen(device, seconds)?],
        _ => what
            .iter()
            .map(|file| in_tree(file))
            .collect::<Result<_>>()?,
    };
    judge(&captures)
}

/// Names of files say that they are captures, or are those of files that are there.
fn is_device(name: &str) -> bool {
    !name.contains('/') && !name.contains(".pcap") && !Path::new(name).exists()
}

fn tree() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

/// Where captures may be for the lab's root to see them.
fn folder() -> Result<PathBuf> {
    let folder = tree().join("build/log/wgobf");
    fs::create_dir_all(&folder)
        .map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    Ok(folder)
}

/// A capture, or a copy of it in the tree.
fn in_tree(file: &str) -> Result<PathBuf> {
    let why = |error| format!("{file} is neither a capture nor a device: {error}");
    let path = fs::canonicalize(file).map_err(why)?;
    if path.starts_with(tree()) {
        return Ok(path);
    }
    let copy = folder()?.join(path.file_name().unwrap_or_default());
    fs::copy(&path, &copy).map_err(why)?;
    Ok(copy)
}

/// Captures what a device sends and receives for a while.
fn listen(name: &str, seconds: u32) -> Result<PathBuf> {
    let port = Device::open(name)?
        .read()?
        .end
        .port
        .filter(|port| *port != 0);
    let port = port.ok_or_else(|| format!("{name} has no port yet: ip link set {name} up"))?;
    let capture = folder()?.join(format!("{name}.pcap"));
    let why = |error| format!("{} cannot be written: {error}", capture.display());
    let out = File::create(&capture).map_err(why)?;
    eprintln!("wgobf: listening to port {port} for {seconds} s");
    // Written by us, so that it need not be root to write, and need not become somebody whom there may not be.
    let status = Command::new("timeout")
        .args(["--signal=INT", &seconds.to_string()])
        .args(["tcpdump", "-Z", "root", "-n", "-U", "-i", "any", "-w", "-"])
        .arg(format!("udp port {port}"))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .stdout(out)
        .status()
        .map_err(|error| format!("timeout (package coreutils) cannot be run: {error}"))?;
    match status.code() {
        Some(TIME_OVER) => {}
        Some(NOT_FOUND) => return Err("tcpdump is missing: apt install tcpdump".into()),
        _ => {
            return Err(format!(
                "tcpdump cannot listen ({status}): run it as root, or capture by hand and name \
                 the file"
            ))
        }
    }
    /// Of a capture without packets.
    const EMPTY: u64 = 24;
    match fs::metadata(&capture) {
        Ok(data) if data.len() > EMPTY => Ok(capture),
        _ => Err(format!(
            "nothing came or went at port {port} for {seconds} s: send something through {name} \
             meanwhile"
        )),
    }
}

fn judge(captures: &[PathBuf]) -> Result {
    let judge = tree().join("tools/dpi-judge/judge");
    // Which is nothing to be entered when we are in it.
    let in_root = tree().join("tools/lab/in-root");
    let status = Command::new(&in_root)
        .arg(&judge)
        .args(captures)
        .current_dir(tree())
        .status()
        .map_err(|error| {
            format!(
                "{} cannot be run: {error}: run wgobf where its tree is",
                in_root.display()
            )
        })?;
    match status.success() {
        true => Ok(()),
        false => Err(format!(
            "the judge has not come to a verdict ({status}): see what it says, or make the lab \
             by make lab"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_judge_is_where_it_is_looked_for() {
        for program in ["tools/dpi-judge/judge", "tools/lab/in-root"] {
            assert!(tree().join(program).is_file(), "{program}");
        }
    }

    #[test]
    fn what_is_neither_a_capture_nor_a_device_is_told() {
        let told = run(&["/nowhere/a.pcap".into()], 1).unwrap_err();
        assert!(
            told.starts_with("/nowhere/a.pcap is neither a capture nor a device: "),
            "{told}"
        );
        assert!(is_device("awg0") && is_device("wg.1"));
        assert!(!is_device("a.pcap") && !is_device("./a") && !is_device("Cargo.toml"));
    }
}
