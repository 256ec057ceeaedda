// SPDX-License-Identifier: GPL-2.0

//! Sends numbered datagrams through a tunnel, and sees that none overtakes another.
//!
//! ```text
//! order FROM TO ADDRESS COUNT
//! ```
//!
//! Datagrams go from network namespace `FROM` to `ADDRESS` in `TO`: single ones of all sizes, rows of
//! small ones, and trains that are one packet until they are cut, in turns by chance, from one CPU and
//! from another, with an answer now and then. So they take all the ways there are through a device,
//! which must come together again in the order they set out. The network in between must keep the
//! order by itself.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{sched_setaffinity, CpuSet};
use nix::unistd::Pid;
use wire_peer::keys::random;
use wire_peer::tap::Result;
use wire_peer::wire::{within, Wire};

const PORT: u16 = 5005;

/// How many datagrams may be under way: as many as every queue in between holds.
const WINDOW: u64 = 200;

/// After that long without any that arrives, all that are under way are lost.
const PATIENCE: Duration = Duration::from_secs(2);

/// One in a thousand may be lost: by then it is not the order that is tested.
const MAX_LOST: u64 = 1000;

/// How many that come late are told of one by one.
const MAX_TOLD: u64 = 10;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [from, to, address, count] = arguments.as_slice() else {
        eprintln!("usage: order FROM TO ADDRESS COUNT");
        return ExitCode::from(2);
    };
    match run(from, to, address, count) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(from: &str, to: &str, address: &str, count: &str) -> Result {
    let to_address = SocketAddr::new(address.parse()?, PORT);
    let count = count.parse()?;
    let receiving = within(to, || Wire::bind(to_address))?;
    let sending = within(from, || Wire::bind((Ipv4Addr::UNSPECIFIED, 0)))?;
    let way = Way::default();
    let (arrived, sent) = thread::scope(|scope| {
        let arrived = scope.spawn(|| way.receive(&receiving).map_err(|error| error.to_string()));
        let sent = way.send(&sending, to_address, count);
        way.is_over.store(true, Ordering::Release);
        (arrived.join(), sent)
    });
    sent?;
    let Arrived { count: came, late } = arrived.map_err(|_| "the receiver panicked")??;
    println!("{count} datagrams sent, {came} arrived, {late} behind one that was sent after them");
    if late > 0 {
        return Err("the order is not kept".into());
    }
    if count.saturating_sub(came) * MAX_LOST > count {
        return Err("too many are lost".into());
    }
    Ok(())
}

/// What sender and receiver know of each other.
#[derive(Default)]
struct Way {
    /// One more than the highest number that has arrived.
    arrived: AtomicU64,
    is_over: AtomicBool,
}

struct Arrived {
    count: u64,
    late: u64,
}

impl Way {
    fn receive(&self, wire: &Wire) -> Result<Arrived> {
        let mut found = Arrived { count: 0, late: 0 };
        let mut next = 0;
        loop {
            let Some((datagram, from)) = wire.receive(PATIENCE / 4)? else {
                if self.is_over.load(Ordering::Acquire) {
                    return Ok(found);
                }
                continue;
            };
            let number = datagram
                .first_chunk()
                .ok_or("a datagram without a number")?;
            let number = u64::from_le_bytes(*number);
            found.count += 1;
            if number < next {
                found.late += 1;
                if found.late <= MAX_TOLD {
                    println!("number {number} came after {}", next - 1);
                }
            } else {
                next = number + 1;
                self.arrived.store(next, Ordering::Release);
            }
            if number % 64 == 63 {
                wire.send(b"go on", from)?;
            }
        }
    }

    fn send(&self, wire: &Wire, to: SocketAddr, count: u64) -> Result {
        let mut next = 0;
        while next < count {
            self.await_arrival(next.saturating_sub(WINDOW));
            let [kind, size, length, cpu] = random();
            if cpu < 16 {
                stay_on((cpu % 2).into())?;
            }
            let size = match kind % 3 {
                0 => 16 + usize::from(size) / 8,
                1 => 16 + usize::from(size) * 5,
                _ => 1300,
            };
            let length = u64::from(1 + length % if kind < 128 { 4 } else { 40 });
            let numbers = next..count.min(next + length);
            next = numbers.end;
            if kind % 5 < 2 && numbers.end - numbers.start > 1 {
                let train: Vec<u8> = numbers.flat_map(|number| datagram(number, size)).collect();
                wire.send_train(&train, size as u16, to)?;
            } else {
                for number in numbers {
                    wire.send(&datagram(number, size), to)?;
                }
            }
            if cpu > 250 {
                thread::sleep(Duration::from_millis(1));
            }
        }
        self.await_arrival(count);
        Ok(())
    }

    /// Waits until so many have arrived, or all that are under way must be lost.
    fn await_arrival(&self, wanted: u64) {
        let mut last = (self.arrived.load(Ordering::Acquire), Instant::now());
        while last.0 < wanted && last.1.elapsed() < PATIENCE {
            thread::yield_now();
            let now = self.arrived.load(Ordering::Acquire);
            if now != last.0 {
                last = (now, Instant::now());
            }
        }
    }
}

fn datagram(number: u64, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// The sender goes on on that CPU, if there is one.
fn stay_on(cpu: usize) -> Result {
    let mut cpus = CpuSet::new();
    cpus.set(cpu)?;
    // There may be but one.
    let _ = sched_setaffinity(Pid::from_raw(0), &cpus);
    Ok(())
}
