// SPDX-License-Identifier: GPL-2.0

//! Who acts: draws one operation after the other, says which, and does it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::operations::{Memory, Operation, Role, KINDS};
use crate::options::Options;
use crate::rng::Rng;
use crate::world::{lock, World};

/// So many operations of each actor are told when something is wrong.
const REMEMBERED: usize = 24;
/// The longest pause between two operations, by role: administrators would else leave nothing to act on.
const PAUSES: [u64; 3] = [20, 4, 4];
/// No operation is under way.
const NOBODY: u64 = u64::MAX;

/// Everything about one actor that others look at.
pub struct Actor {
    number: usize,
    trace: Option<File>,
    /// When the operation under way began, in milliseconds since `start`.
    since: AtomicU64,
    start: Instant,
    log: Mutex<VecDeque<String>>,
    /// How often operations of each kind went well, and how often not.
    counts: Vec<[AtomicU64; 2]>,
}

impl Actor {
    pub fn new(number: usize, options: &Options) -> std::io::Result<Self> {
        let trace = options.trace.as_ref();
        Ok(Self {
            number,
            trace: trace
                .map(|path| File::options().append(true).open(path))
                .transpose()?,
            since: AtomicU64::new(NOBODY),
            start: Instant::now(),
            log: Mutex::default(),
            counts: KINDS.iter().map(|_| Default::default()).collect(),
        })
    }

    /// Does the operation of that number.
    pub fn act(&self, options: &Options, world: &World, memory: &mut Memory, number: u64) {
        let mut rng = Rng::of(options.seed, self.number, number);
        let role = Role::of(self.number);
        let pause = rng.below(PAUSES[role as usize] as usize + 1);
        let operation = Operation::draw(role, rng);
        let kind = operation.kind;
        self.remember(format!("{} {number} {}", self.number, operation.describe()));
        self.since.store(self.now(), Ordering::Relaxed);
        let went_well = operation.run(world, memory).is_ok();
        self.since.store(NOBODY, Ordering::Relaxed);
        self.counts[kind][usize::from(!went_well)].fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_millis(pause as u64));
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    /// Told at once, for whoever outlives us, and kept.
    fn remember(&self, line: String) {
        if let Some(mut trace) = self.trace.as_ref() {
            let _ = trace.write_all(format!("trace {line}\n").as_bytes());
        }
        let mut log = lock(&self.log);
        log.push_back(line);
        if log.len() > REMEMBERED {
            log.pop_front();
        }
    }

    /// Whether the operation under way takes longer than that.
    pub fn is_stuck(&self, seconds: u64) -> bool {
        let since = self.since.load(Ordering::Relaxed);
        since != NOBODY && self.now().saturating_sub(since) > 1000 * seconds
    }

    /// The last operations, the one under way being the last.
    pub fn log(&self) -> Vec<String> {
        lock(&self.log).iter().cloned().collect()
    }

    /// How often operations of that kind went well, and how often not.
    pub fn count(&self, kind: usize) -> [u64; 2] {
        let count = &self.counts[kind];
        [0, 1].map(|which: usize| count[which].load(Ordering::Relaxed))
    }
}
