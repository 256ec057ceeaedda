// SPDX-License-Identifier: GPL-2.0

//! Floods a WireGuard device with what nobody asked for.
//!
//! ```text
//! flood ADDRESS:PORT PUBLIC-KEY BURST PAUSE [KIND] [OPTION=VALUE…]
//! ```
//!
//! sends bursts of so many datagrams, with so many milliseconds between them, until it is killed. The
//! public key is the device's. The kinds, by what the device has to do to tell them from others:
//!
//! ```text
//! random    bytes that are no message
//! forged    initiations whose mac1 is wrong
//! known     initiations whose mac1 is right, the rest being noise, from our address (the default)
//! spoofed   the same from addresses that are not ours
//! replayed  an initiation of a peer of the device, again and again
//! proven    initiations with mac1 and mac2, from our address: the device is asked for cookies
//! mix       all of them in turn
//! ```
//!
//! Options: `count=N` ends after so many, and `go=yes` has them wait for a line of input once all is
//! prepared, which is told by a line of output; `sources=ADDRESS/LENGTH` is the network of addresses
//! for `spoofed`; `key=FILE` has the peer's private key for `replayed`, as `wg genkey` writes it.

mod arguments;
mod kinds;
mod noise;
mod wire;

use std::{
    io::{self, BufRead},
    process::ExitCode,
    thread,
};

use arguments::Arguments;
use kinds::Stream;

fn main() -> ExitCode {
    match Arguments::parse(std::env::args().skip(1)).and_then(|arguments| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flood: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Sends until enough has been sent, or that fails.
fn run(arguments: &Arguments) -> Result<(), String> {
    let mut streams = kinds::streams(arguments)?;
    if arguments.go {
        println!("ready");
        let mut line = String::new();
        io::stdin()
            .lock()
            .read_line(&mut line)
            .map_err(|error| format!("nobody says go: {error}"))?;
    }
    let mut left = arguments.count;
    loop {
        for _ in 0..arguments.burst {
            if left == Some(0) {
                println!("sent");
                return Ok(());
            }
            // In turn, however many there are.
            let stream = streams.first_mut().ok_or("nothing to send")?;
            stream
                .send()
                .map_err(|error| format!("cannot send to {}: {error}", arguments.to))?;
            streams.rotate_left(1);
            left = left.map(|left| left - 1);
        }
        streams.iter_mut().try_for_each(Stream::refresh)?;
        if !arguments.pause.is_zero() {
            thread::sleep(arguments.pause);
        }
    }
}
