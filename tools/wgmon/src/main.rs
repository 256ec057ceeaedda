// SPDX-License-Identifier: GPL-2.0

//! Shows WireGuard peers as they live: state, rates, handshakes, drops by reason, and events.
//!
//! ```text
//! wgmon [OPTION…] [INTERFACE…]                 a live table, of all interfaces unless some are named
//! wgmon --once [INTERFACE…]                    the table as it is now
//! wgmon --json [--once] [INTERFACE…]           lines of JSON
//! wgmon --prometheus ADDRESS:PORT [INTERFACE…] metrics by HTTP
//! ```
//!
//! What happens to peers is heard by the driver's events, as it happens. Counters are read once in an interval. The C driver has
//! neither events nor names for drops: there all is read once in an interval. See `Documentation/wgmon.rst`.
//!
//! What cannot go is said in one line, with what to do about it. The status is 0 if all is well, 1 if something does not work,
//! and 2 if the command cannot be read.

mod event;
mod http;
mod json;
mod model;
mod monitor;
mod names;
mod netlink;
mod options;
mod prometheus;
mod reading;
mod screen;
mod signals;
mod text;
mod ui;
mod view;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::monitor::Monitor;
use crate::options::{Mode, Options};

/// Whether something did not go, and the line that says so.
type Result<T = ()> = std::result::Result<T, String>;

const NOT_UNDERSTOOD: u8 = 2;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            // Who does not read the help does not miss it.
            let _ = io::stdout().write_all(options::HELP.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(why) => return failed(NOT_UNDERSTOOD, &why),
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => failed(1, &why),
    }
}

fn failed(status: u8, why: &str) -> ExitCode {
    eprintln!("wgmon: {why}");
    ExitCode::from(status)
}

fn run(options: &Options) -> Result {
    let mut monitor = Monitor::start(options)?;
    match &options.mode {
        Mode::Once => text::print(&monitor.world),
        Mode::Json { once } => json::run(&mut monitor, *once),
        Mode::Prometheus(address) => http::serve(&mut monitor, address),
        Mode::Table => screen::run(&mut monitor),
    }
}
