// SPDX-License-Identifier: GPL-2.0

//! Tasks.

use crate::sync::rcu;

/// Says that what follows may sleep.
pub fn might_sleep() {
    assert!(!rcu::is_atomic(), "may not sleep here");
}
