// SPDX-License-Identifier: GPL-2.0

//! Does to a WireGuard module, from all sides at once, whatever it must survive.
//!
//! ```text
//! guest-fuzz MODULE.KO [--seed N] [--actors N] [--seconds N | --operations N] …
//! ```
//!
//! Runs as root where the module is loaded. Actors, a thread each, do random operations on a small
//! world: few namespaces, devices, keys and ports, so that they often meet. Operation number N of an
//! actor depends on the seed, the actor and N alone. So `--only ACTOR`, `--from N` and `--serial`
//! show any part again, in the same order; only how threads meet is left to chance.
//!
//! Every operation is told before it begins, in a line `trace ACTOR N …` to where `--trace` says. What
//! is printed are results as in TAP, without numbers: the script that starts us has those.

mod actor;
mod module;
mod operations;
mod options;
mod report;
mod rng;
mod sys;
mod world;

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use crate::actor::Actor;
use crate::module::Module;
use crate::operations::Memory;
use crate::options::{Options, USAGE};
use crate::world::{Outcome, World};

/// How often lockdep is asked, which takes the machine some time.
const LOOK: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let Some(options) = Options::parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    println!("# {}", options.command());
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("guest-fuzz: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs all actors to their end; returns whether all is well.
fn run(options: &Options) -> Outcome<bool> {
    let world = World::new(Module::loaded(options.module.clone()))?;
    let cast = options.cast().into_iter();
    let actors = cast
        .map(|number| Actor::new(number, options))
        .collect::<std::io::Result<Vec<_>>>()?;
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| serve(&world, &is_over));
        let threads: Vec<_> = match options.serial {
            true => vec![scope.spawn(|| take_turns(options, &world, &actors, &is_over))],
            false => actors
                .iter()
                .map(std::slice::from_ref)
                .map(|one| scope.spawn(|| take_turns(options, &world, one, &is_over)))
                .collect(),
        };
        let is_stuck = watch(options, &world, &actors, &is_over, || {
            threads.iter().all(|thread| thread.is_finished())
        });
        is_over.store(true, Ordering::Relaxed);
        if is_stuck {
            // Nobody can wait for whoever hangs in the kernel.
            report::tell(options, &world, &actors, true);
            report::give_up();
        }
    });
    world.end();
    Ok(report::tell(options, &world, &actors, false))
}

/// Answers whoever comes through a tunnel.
fn serve(world: &World, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        world.serve();
        sleep(Duration::from_millis(2));
    }
}

/// Some actors, one operation of each in turn.
fn take_turns(options: &Options, world: &World, actors: &[Actor], is_over: &AtomicBool) {
    let mut memories: Vec<_> = actors.iter().map(|_| Memory::default()).collect();
    let numbers = options.from..options.from + options.operations.unwrap_or(u64::MAX >> 1);
    for number in numbers {
        for (actor, memory) in actors.iter().zip(&mut memories) {
            if is_over.load(Ordering::Relaxed) {
                return;
            }
            actor.act(options, world, memory, number);
        }
    }
}

/// Waits until all have ended, at the latest some time after they were told to, or for whoever hangs; returns whether
/// somebody does.
fn watch(
    options: &Options,
    world: &World,
    actors: &[Actor],
    is_over: &AtomicBool,
    are_done: impl Fn() -> bool,
) -> bool {
    let end = Instant::now() + Duration::from_secs(options.seconds);
    let mut next_look = Instant::now() + LOOK;
    while !are_done() {
        sleep(Duration::from_millis(200));
        if actors.iter().any(|actor| actor.is_stuck(options.patience)) {
            return true;
        }
        if Instant::now() > next_look {
            next_look += LOOK;
            if report::has_lockdep_seen_enough() {
                world.fail("lockdep has reported something".into());
            }
        }
        let is_late = options.operations.is_none() && Instant::now() > end;
        if is_late || world.failure().is_some() {
            is_over.store(true, Ordering::Relaxed);
        }
    }
    false
}
