// SPDX-License-Identifier: GPL-2.0

//! Plays the peers of a WireGuard device in one of several suites, and checks what it does.
//!
//! ```text
//! wire-peer SUITE
//! ```
//!
//! Runs as root in one network namespace; in the other, named `dut`, the device is made. The two are
//! joined by a cable with the addresses that `dut.rs` has. Prints a line for each test, as TAP
//! without numbers: the script that starts us has those.

use std::process::ExitCode;

use wire_peer::bench::Bench;
use wire_peer::suites;

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let Some(suite) = suites::by_name(&name) else {
        eprintln!("wire-peer: say which suite to run: {}", suites::names());
        return ExitCode::from(2);
    };
    let mut bench = match Bench::new() {
        Ok(bench) => bench,
        Err(error) => {
            eprintln!("wire-peer: the device could not be set up: {error}");
            return ExitCode::FAILURE;
        }
    };
    suite(&mut bench);
    match bench.has_passed() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
