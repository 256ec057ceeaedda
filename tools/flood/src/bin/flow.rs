// SPDX-License-Identifier: GPL-2.0

//! A paced flow of datagrams from one network namespace to another, and how it fares.
//!
//! ```text
//! flow COUNT INTERVAL FROM TO ADDRESS
//! ```
//!
//! sends so many datagrams, one every so many microseconds, from the namespace FROM to ADDRESS, which
//! is in TO. Each has a number and the time at which it was sent; the kernel at the other end notes
//! when it gets it. The last line of output is, with times in nanoseconds,
//!
//! ```text
//! flow sent N lost N again N late N p50 T p99 T max T
//! ```
//!
//! where `again` are duplicates, and `late` came behind a later one.

use std::{
    fs::File,
    net::{SocketAddr, UdpSocket},
    os::fd::AsRawFd,
    process::ExitCode,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use nix::{
    sched::{setns, CloneFlags},
    sys::socket::{recvmsg, setsockopt, sockopt, ControlMessageOwned, MsgFlags, SockaddrStorage},
    sys::time::TimeSpec,
};

const USAGE: &str = "usage: flow COUNT INTERVAL-IN-US FROM-NAMESPACE TO-NAMESPACE ADDRESS";
const PORT: u16 = 7070;

/// As long as a frame of speech.
const LENGTH: usize = 160;

/// For how long the last ones are waited for.
const PATIENCE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [count, interval, from, to, address] = arguments.as_slice() else {
        eprintln!("flow: {USAGE}");
        return ExitCode::FAILURE;
    };
    let (Ok(count), Ok(interval), Ok(address)) = (count.parse(), interval.parse(), address.parse())
    else {
        eprintln!("flow: {USAGE}");
        return ExitCode::FAILURE;
    };
    let address = SocketAddr::new(address, PORT);
    match run(count, Duration::from_micros(interval), from, to, address) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flow: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(
    count: usize,
    interval: Duration,
    from: &str,
    to: &str,
    address: SocketAddr,
) -> Result<(), String> {
    enter(to)?;
    let there =
        UdpSocket::bind(address).map_err(|error| format!("no socket at {address}: {error}"))?;
    setsockopt(&there, sockopt::ReceiveTimestampns, &true).map_err(|error| error.to_string())?;
    setsockopt(&there, sockopt::RcvBufForce, &(8 << 20)).map_err(|error| error.to_string())?;
    enter(from)?;
    let any = match address {
        SocketAddr::V4(_) => SocketAddr::from(([0; 4], 0)),
        SocketAddr::V6(_) => SocketAddr::from(([0; 16], 0)),
    };
    let here = UdpSocket::bind(any).map_err(|error| format!("no socket to send from: {error}"))?;
    let receiver = thread::spawn(move || receive(&there, count));
    let mut due = Instant::now();
    for number in 0..count as u64 {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        due += interval;
        let mut datagram = [0; LENGTH];
        datagram[..8].copy_from_slice(&number.to_le_bytes());
        datagram[8..16].copy_from_slice(&nanoseconds_now().to_le_bytes());
        // What the kernel does not take is lost.
        let _ = here.send_to(&datagram, address);
    }
    let arrivals = receiver.join().map_err(|_| "the receiver gave up")??;
    println!("{}", arrivals.summary());
    Ok(())
}

fn enter(namespace: &str) -> Result<(), String> {
    let path = format!("/run/netns/{namespace}");
    let file = File::open(&path).map_err(|error| format!("no namespace {namespace}: {error}"))?;
    setns(file, CloneFlags::CLONE_NEWNET).map_err(|error| format!("cannot enter {path}: {error}"))
}

fn nanoseconds_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_nanos() as u64
}

/// What has come.
struct Arrivals {
    seen: Vec<bool>,
    times: Vec<u64>,
    again: usize,
    late: usize,
    last: usize,
}

fn receive(socket: &UdpSocket, count: usize) -> Result<Arrivals, String> {
    let mut arrivals = Arrivals {
        seen: vec![false; count],
        times: Vec::new(),
        again: 0,
        late: 0,
        last: 0,
    };
    socket
        .set_read_timeout(Some(PATIENCE))
        .map_err(|error| error.to_string())?;
    while arrivals.times.len() < count {
        let Some((datagram, came)) = next(socket) else {
            break;
        };
        arrivals.note(&datagram, came);
    }
    Ok(arrivals)
}

/// The next datagram, and when the kernel got it.
fn next(socket: &UdpSocket) -> Option<([u8; LENGTH], u64)> {
    let mut datagram = [0; LENGTH];
    let mut space = nix::cmsg_space!(TimeSpec);
    let mut parts = [std::io::IoSliceMut::new(&mut datagram)];
    let (fd, flags) = (socket.as_raw_fd(), MsgFlags::empty());
    let message = recvmsg::<SockaddrStorage>(fd, &mut parts, Some(&mut space), flags).ok()?;
    let came = message.cmsgs().ok()?.find_map(|part| match part {
        ControlMessageOwned::ScmTimestampns(time) => Some(Duration::from(time)),
        _ => None,
    })?;
    Some((datagram, came.as_nanos() as u64))
}

impl Arrivals {
    fn note(&mut self, datagram: &[u8; LENGTH], came: u64) {
        let word = |at: usize| {
            let bytes = datagram[at..at + 8].try_into();
            u64::from_le_bytes(bytes.expect("eight bytes are eight bytes"))
        };
        let number = word(0) as usize;
        match self.seen.get_mut(number) {
            Some(seen) if !*seen => *seen = true,
            _ => {
                self.again += 1;
                return;
            }
        }
        self.times.push(came.saturating_sub(word(8)));
        self.late += usize::from(number < self.last);
        self.last = self.last.max(number);
    }

    fn summary(mut self) -> String {
        self.times.sort_unstable();
        let sent = self.seen.len();
        let at = |percent: usize| {
            let index = self.times.len() * percent / 100;
            let last = self.times.len().saturating_sub(1);
            self.times.get(index.min(last)).copied().unwrap_or(0)
        };
        format!(
            "flow sent {sent} lost {} again {} late {} p50 {} p99 {} max {}",
            sent - self.times.len(),
            self.again,
            self.late,
            at(50),
            at(99),
            at(100)
        )
    }
}
