// SPDX-License-Identifier: GPL-2.0

//! `kapi::random` and `kapi::time`.

use core::num::NonZeroU32;
use kernel::prelude::*;

use crate::{
    checks::{
        check,
        Outcome, //
    },
    kapi::{
        cpu::Cpu,
        random,
        time, //
    }, //
};

pub(crate) fn random() -> Outcome {
    check!(random::wait_until_ready().is_ok() && random::is_ready());
    let (one, other): ([u8; 32], [u8; 32]) = (random::bytes(), random::bytes());
    check!(one != other && one != [0; 32]);
    let mut part = [0; 64];
    random::fill(&mut part[..32]);
    check!(part[..32] != [0; 32] && part[32..] == [0; 32]);
    check!((0..64).any(|_| random::u32() > u32::MAX / 2));

    let seven = NonZeroU32::new(7).ok_or("seven is zero")?;
    let mut seen = [false; 7];
    for _ in 0..1000 {
        let number = random::u32_below(seven) as usize;
        check!(number < 7);
        seen[number] = true;
    }
    check!(seen == [true; 7]);
    Ok(())
}

pub(crate) fn clocks() -> Outcome {
    const SECOND: u64 = 1_000_000_000;
    let per_second = kernel::time::msecs_to_jiffies(1000);
    check!(time::nsecs_to_jiffies(SECOND) == per_second);
    check!(time::jiffies_to_nsecs(per_second) == SECOND);

    let exact = time::monotonic_ns();
    let (boot, mono, jiffies) = clock_values();
    check!(boot + SECOND / 10 > exact && exact > 0);
    // The coarse clocks stand still between ticks: wait for a few.
    while time::jiffies().wrapping_sub(jiffies) < 20 {
        core::hint::spin_loop();
    }
    let (boot_later, mono_later, jiffies_later) = clock_values();
    check!(boot_later > boot && mono_later > mono);
    let (ns, ticks) = (mono_later - mono, jiffies_later.wrapping_sub(jiffies));
    let ticked = time::jiffies_to_nsecs(ticks);
    check!(ns.abs_diff(ticked) <= time::jiffies_to_nsecs(5));
    check!(time::monotonic_ns() - exact + SECOND / 10 > ticked);

    let now = time::real_time();
    check!(now.nanos < 1_000_000_000 && now.secs > 1_500_000_000);
    Ok(())
}

/// There is no CPU but those that are possible: with them, there is one that is online.
pub(crate) fn cpus() -> Outcome {
    let count = Cpu::count();
    check!(Cpu::new(count).is_none() && Cpu::new(u32::MAX).is_none());
    let online = (0..count)
        .filter_map(Cpu::new)
        .filter(|cpu| cpu.is_online());
    check!(online.count() as u32 >= 1);
    check!(Cpu::first_online().is_online() && Cpu::new(Cpu::first_online().id()).is_some());
    Ok(())
}

fn clock_values() -> (u64, u64, kernel::time::Jiffies) {
    let mono = time::coarse_monotonic_ns();
    (time::coarse_boottime_ns(), mono, time::jiffies())
}
