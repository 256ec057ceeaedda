// SPDX-License-Identifier: GPL-2.0

use kernel::alloc::fail_after;

use crate::{
    checks::ratelimit as checks,
    proto::{time::BootTime, token_bucket::Source},
    ratelimit::RateLimiter,
};

#[test]
fn per_source() {
    checks::per_source().unwrap();
}

#[test]
fn capacity() {
    checks::capacity().unwrap();
}

#[test]
fn flood() {
    checks::flood().unwrap();
}

#[test]
fn size() {
    checks::size().unwrap();
}

#[test]
fn without_memory_nobody_new_is_admitted() {
    let mut limiter = RateLimiter::new(8);
    assert!(limiter.allow(1, Source::V4(1), BootTime(0)));
    fail_after(Some(0));
    assert!(!limiter.allow(1, Source::V4(2), BootTime(0)));
    assert!(limiter.allow(1, Source::V4(1), BootTime(0)));
    fail_after(None);
    assert_eq!(limiter.len(), 1);
}
