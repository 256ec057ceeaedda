// SPDX-License-Identifier: GPL-2.0

//! The limiter of handshakes per source.

use core::num::NonZeroUsize;

use super::{
    check,
    Outcome, //
};
use crate::{
    proto::{
        time::BootTime,
        token_bucket::Source, //
    },
    ratelimit::RateLimiter, //
};

const MS: u64 = 1_000_000;

fn at(ms: u64) -> BootTime {
    BootTime(5_000 * MS + ms * MS)
}

/// Five at once, then one per 50 ms, for each source by itself.
pub(crate) fn per_source() -> Outcome {
    let mut limiter = RateLimiter::new(64);
    let sources = [
        (1, Source::V4(0x0a00_0001)),
        (1, Source::V4(0x0a00_0002)),
        (2, Source::V4(0x0a00_0001)),
        (1, Source::V6(0x0a00_0001)),
        (1, Source::V6(0x2001_0db8_0000_0001)),
    ];
    for (netns, source) in sources {
        for _ in 0..5 {
            check!(limiter.allow(netns, source, at(0)));
        }
        check!(!limiter.allow(netns, source, at(0)));
    }
    check!(limiter.len() == sources.len());
    for (netns, source) in sources {
        check!(!limiter.allow(netns, source, at(49)));
        check!(limiter.allow(netns, source, at(50)));
        check!(!limiter.allow(netns, source, at(50)));
        check!(limiter.allow(netns, source, at(150)));
        check!(limiter.allow(netns, source, at(150)));
        check!(!limiter.allow(netns, source, at(150)));
    }
    Ok(())
}

/// As many sources as there is room for, and not one more, until some have been silent.
pub(crate) fn capacity() -> Outcome {
    const MAX: usize = 5000;
    let mut limiter = RateLimiter::new(MAX);
    for n in 0..MAX {
        check!(limiter.allow(1, Source::V4(n as u32), at(0)));
    }
    check!(limiter.len() == MAX && !limiter.allow(1, Source::V4(MAX as u32), at(0)));
    check!(limiter.allow(1, Source::V4(7), at(0)));

    // One source that keeps coming has the others swept out.
    for n in 0..MAX as u64 {
        limiter.allow(1, Source::V4(7), at(900 + n));
    }
    check!(limiter.len() == 1);
    for n in 0..100 {
        check!(limiter.allow(1, Source::V4(1000 + n), at(6000)));
    }
    check!(limiter.len() == 101);
    check!(limiter.relax(at(7000)).is_none() && limiter.len() == 101);
    check!(limiter.relax(at(7001)).is_some() && limiter.len() == 0);
    Ok(())
}

/// What a flood of sources leaves behind goes while another one comes.
pub(crate) fn flood() -> Outcome {
    const MAX: usize = 1000;
    let mut limiter = RateLimiter::new(MAX);
    let mut admitted = 0;
    for n in 0..10_000 {
        // Two new sources per millisecond: at most 2002 within the second that each is kept.
        admitted += usize::from(limiter.allow(1, Source::V6(n), at(n / 2)));
    }
    check!(limiter.len() <= MAX);
    // The first 1000, and once more about as many in each later second.
    check!(admitted > 3 * MAX && admitted < 6 * MAX);
    Ok(())
}

/// All limiters together are as large as the machine allows.
pub(crate) fn size() -> Outcome {
    const ONE: NonZeroUsize = NonZeroUsize::MIN;
    const SIXTEEN: NonZeroUsize = ONE.saturating_add(15);
    for (ram, count, sources) in [
        (0, ONE, 128),
        (64 << 20, ONE, 4096),
        (16 << 30, ONE, 65536),
        (16 << 30, SIXTEEN, 4096),
    ] {
        let mut limiter = RateLimiter::for_ram(ram, count);
        for n in 0..sources {
            check!(limiter.allow(1, Source::V4(n), at(0)));
        }
        check!(!limiter.allow(1, Source::V4(sources), at(0)));
    }
    Ok(())
}
