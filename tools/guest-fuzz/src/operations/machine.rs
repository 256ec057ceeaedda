// SPDX-License-Identifier: GPL-2.0

//! What happens to the whole machine: namespaces end, the module goes and comes, the system sleeps or is copied.

use std::thread::sleep;
use std::time::Duration;

use super::Context;
use crate::module::Event;
use crate::world::Outcome;

/// Ends a namespace, be it the one that sockets are in or the one that a device lives in. Another takes its place, at
/// once or after a while.
pub fn end_namespace(context: &mut Context<'_>) -> Outcome {
    let old = context.world.abandon(context.slot);
    if context.rng.percent(50) {
        drop(old);
        pause(context, 20);
    }
    context.world.renew(context.slot)
}

/// Unloads the module under everybody's feet, unless somebody is in the middle of a dump, and loads it again.
pub fn reload(context: &mut Context<'_>) -> Outcome {
    let mut module = context.world.module();
    module.unload()?;
    pause(context, 20);
    match module.load() {
        Ok(()) => Ok(()),
        Err(error) => {
            context
                .world
                .fail(format!("the module does not load again: {error}"));
            Err(error)
        }
    }
}

pub fn suspend(context: &mut Context<'_>) -> Outcome {
    let event = context.rng.pick(&[
        Event::SuspendPrepare,
        Event::SuspendPrepare,
        Event::HibernationPrepare,
        Event::PostSuspend,
    ]);
    context.world.module_stays().notify(event)
}

pub fn copy(context: &mut Context<'_>) -> Outcome {
    context.world.module_stays().notify(Event::Copied)
}

fn pause(context: &mut Context<'_>, at_most: usize) {
    let milliseconds = context.rng.below(at_most + 1);
    sleep(Duration::from_millis(milliseconds as u64));
}
