// SPDX-License-Identifier: GPL-2.0

//! `awg-relay CONFIG` makes a WireGuard end look like one of AmneziaWG. What it does is said in the library, and
//! the settings are in `config`.
//!
//! It tells in a line each where it listens and what becomes of datagrams, but for data that goes its way, until it
//! is killed.

use std::{
    fs, io,
    net::{SocketAddr, UdpSocket},
    process::ExitCode,
    sync::{mpsc, Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use awg_relay::{
    config::Config,
    message::Kind,
    relay::{Outcome, Relay},
};

/// No datagram is longer.
const BUFFER: usize = 1 << 16;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("awg-relay: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Until a socket fails.
fn run() -> Result<(), String> {
    let config = configured()?;
    let sockets = Arc::new(Sockets {
        inside: listen("Inside", config.inside)?,
        outside: listen("Listen", config.listen)?,
        device: config.device,
        relay: Mutex::new(Relay::new(&config)),
    });
    let local = |socket: &UdpSocket| socket.local_addr().map_err(|error| error.to_string());
    println!(
        "inside {}, outside {}",
        local(&sockets.inside)?,
        local(&sockets.outside)?
    );
    let (ended, end) = mpsc::channel();
    for direction in [Sockets::send, Sockets::receive] {
        let (sockets, ended) = (Arc::clone(&sockets), ended.clone());
        thread::spawn(move || ended.send(direction(&sockets)));
    }
    let result = end.recv().map_err(|error| error.to_string())?;
    result.map_err(|error| format!("cannot receive any more: {error}: start it anew"))
}

fn configured() -> Result<Config, String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file] = arguments.as_slice() else {
        return Err("usage: awg-relay CONFIG, which is a file of settings".into());
    };
    let text = fs::read_to_string(file)
        .map_err(|error| format!("cannot read {file}: {error}: name another"))?;
    Config::parse(&text).map_err(|error| format!("{file}: {error}"))
}

fn listen(name: &str, at: SocketAddr) -> Result<UdpSocket, String> {
    UdpSocket::bind(at)
        .map_err(|error| format!("cannot listen at {name} = {at}: {error}: choose another"))
}

struct Sockets {
    inside: UdpSocket,
    outside: UdpSocket,
    device: SocketAddr,
    relay: Mutex<Relay>,
}

impl Sockets {
    fn send(&self) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        loop {
            let length = self.inside.recv(&mut buffer)?;
            let wire = |datagram: &[u8], to| tell_failure(self.outside.send_to(datagram, to));
            let mut relay = self.relay();
            tell(relay.send(&buffer[..length], wire));
        }
    }

    fn receive(&self) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        loop {
            let (length, from) = self.outside.recv_from(&mut buffer)?;
            let mut relay = self.relay();
            let (outcome, message) = relay.receive(&buffer[..length], from);
            tell(outcome);
            drop(relay);
            if let Some(message) = message {
                tell_failure(self.inside.send_to(&message, self.device));
            }
        }
    }

    /// Who has it also tells, so that an answer is not told before what it answers.
    fn relay(&self) -> MutexGuard<'_, Relay> {
        self.relay.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(outcome: Outcome) {
    if !matches!(
        outcome,
        Outcome::Sent(Kind::Data) | Outcome::Received(Kind::Data)
    ) {
        println!("{outcome}");
    }
}

/// As with any loss on the way, it is for the ends to notice.
fn tell_failure(sent: io::Result<usize>) {
    if let Err(error) = sent {
        println!("lost: {error}");
    }
}
