// SPDX-License-Identifier: GPL-2.0

//! Runs a model in every interleaving.

use std::sync::{
    atomic::{AtomicUsize, Ordering},
    Arc, //
};

use loom::model::Builder;

use crate::{memory, sync::rcu};

/// Runs `model` in every interleaving in which threads are preempted `preemptions` times at most; as many
/// more as `LOOM_DEEPER` says. In the end all must be freed.
pub fn check(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let deeper = std::env::var("LOOM_DEEPER").map_or(0, |deeper| deeper.parse().unwrap());
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions + deeper);
    builder.max_branches = 20_000;
    let executions = Arc::new(AtomicUsize::new(0));
    let counter = executions.clone();
    builder.check(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        memory::begin();
        rcu::begin();
        model();
        rcu::rcu_barrier();
        memory::end();
    });
    let executions = executions.load(Ordering::Relaxed);
    println!("{executions} executions");
    assert!(executions > 1, "nothing happens at once in this model");
}
