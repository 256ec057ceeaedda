// SPDX-License-Identifier: GPL-2.0

//! Gives a WireGuard device as many peers as one likes, and times that.
//!
//! ```text
//! scale COMMAND INTERFACE COUNT [--first N] [--shift N] [--bytes N] [--others N] [--from NAMESPACE] [--to ADDRESS]
//! ```
//!
//! Peers have numbers, from `--first` on (0), and all that they have follows from those: a public key to
//! which nobody has the private one, an endpoint, an IPv4 and an IPv6 address (peers.rs). So what a
//! device lists can be checked to the last address, without remembering what it was given.
//!
//! - `load` makes the peers, as many with each request as fit into `--bytes`;
//! - `list` reads a dump, and fails unless all of them are in it with what they were given, and beside them
//!   `--others` (0) that are none of ours;
//! - `move` gives each peer the addresses of the one that is `--shift` further, the last ones those of the
//!   first; `list` with the same `--shift` looks for them there;
//! - `remove` takes the peers away one by one, as many with each request as fit into `--bytes`;
//! - `clear` takes all away at once, with one request;
//! - `key` gives the device another private key;
//! - `greet` makes other peers, with private keys, and has them begin handshakes, each from an address of its own in
//!   198.19.0.0/16, in the namespace that `--from` says; the device is at the address `--to` (callers.rs);
//! - `expect` prints what `wg show INTERFACE dump` should say of them, in order of their numbers.
//!
//! Each prints what it did and the time that took, as `COMMAND COUNT NANOSECONDS NANOSECONDS-PER-PEER`.

mod callers;
mod device;
mod dump;
mod options;
mod peers;

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use wire_peer::tap::Result;

use crate::device::Device;
use crate::options::{Command, Options};

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("scale: {why}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "scale: {} {}: {error}",
                options.command.name(),
                options.interface
            );
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result {
    if options.command == Command::Expect {
        return expect(options);
    }
    let mut device = Device::open(&options.interface)?;
    let started = Instant::now();
    match options.command {
        Command::Load => device.load(options.range(), options.bytes)?,
        Command::List => dump::check(&device, options)?,
        Command::Move => device.reassign(options)?,
        Command::Remove => device.remove(options.range(), options.bytes)?,
        Command::Clear => device.clear()?,
        Command::Key => device.change_key()?,
        Command::Greet => {
            let took = callers::greet(&device, options.count, &options.from, options.to)?;
            return tell(options, took);
        }
        Command::Expect => {}
    }
    tell(options, started.elapsed())
}

fn tell(options: &Options, took: Duration) -> Result {
    let took = took.as_nanos();
    let count = options.count;
    println!(
        "{} {count} {took} {}",
        options.command.name(),
        took / u128::from(count)
    );
    Ok(())
}

fn expect(options: &Options) -> Result {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for number in options.range() {
        let line = peers::shown(number, options.owned_by(number));
        writeln!(out, "{line}")?;
    }
    Ok(out.flush()?)
}
