// SPDX-License-Identifier: GPL-2.0

//! What was done, and what is wrong.

use std::fs;

use crate::actor::Actor;
use crate::operations::KINDS;
use crate::options::Options;
use crate::world::World;

/// Of so many operations of a kind one must have gone well.
const ENOUGH: u64 = 100;

/// Tells the counts and the results; returns whether all is well.
pub fn tell(options: &Options, world: &World, actors: &[Actor], is_stuck: bool) -> bool {
    let counts = counts(actors);
    let sum: u64 = counts.iter().flat_map(|(_, count)| count).sum();
    println!("# {sum} operations, of each kind how many went well and how many were refused:");
    for line in counts.chunks(6) {
        let line = line
            .iter()
            .map(|(name, [good, bad])| format!("{name} {good}+{bad}"));
        println!("#   {}", line.collect::<Vec<_>>().join(", "));
    }
    let mut wrong: Vec<_> = world.failure().into_iter().collect();
    if is_stuck {
        wrong.push(format!(
            "an operation takes more than {} s",
            options.patience
        ));
    }
    let idle = counts
        .iter()
        .filter(|(_, [good, bad])| *good == 0 && *bad >= ENOUGH);
    wrong.extend(idle.map(|(name, _)| format!("{name} never went well")));
    result(options, actors, &wrong)
}

fn counts(actors: &[Actor]) -> Vec<(&'static str, [u64; 2])> {
    let sum = |kind: usize| {
        let counts = actors.iter().map(|actor| actor.count(kind));
        counts.fold([0; 2], |sum, count| [sum[0] + count[0], sum[1] + count[1]])
    };
    KINDS
        .iter()
        .enumerate()
        .map(|(kind, described)| (described.name, sum(kind)))
        .collect()
}

fn result(options: &Options, actors: &[Actor], wrong: &[String]) -> bool {
    let name = format!("{} actors at once, seed {}", actors.len(), options.seed);
    if wrong.is_empty() {
        println!("ok {name}");
        return true;
    }
    println!("not ok {name}");
    wrong.iter().for_each(|line| println!("# {line}"));
    println!("# the last operations of each actor, of which those that hang are the last ones:");
    for line in actors.iter().flat_map(Actor::log) {
        println!("#   {line}");
    }
    println!("# again: {}", options.command());
    false
}

/// Lockdep looks no longer after its first report, which does not end the machine.
pub fn has_lockdep_seen_enough() -> bool {
    let stats = fs::read_to_string("/proc/lockdep_stats").unwrap_or_default();
    let mut lines = stats.lines();
    lines.any(|line| line.trim_start().starts_with("debug_locks:") && line.ends_with(" 0"))
}

/// Shows where our threads are in the kernel, and brings it down: whoever waits for us would wait for ever.
pub fn give_up() -> ! {
    for thread in fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten()
    {
        let stack = fs::read_to_string(thread.path().join("stack")).unwrap_or_default();
        println!("# thread {:?}:", thread.file_name());
        stack.lines().for_each(|line| println!("#   {line}"));
    }
    let _ = fs::write("/proc/sysrq-trigger", "c");
    std::process::exit(1)
}
