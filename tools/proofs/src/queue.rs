// SPDX-License-Identifier: GPL-2.0

//! Plays the module's `queue`, of which sessions have a part that nothing here is about.

#[path = "../../../src/queue/backlog.rs"]
pub(crate) mod backlog;

pub(crate) mod ordered {
    use std::marker::PhantomData;

    pub(crate) struct Ordered<H> {
        _headers: PhantomData<H>,
    }

    impl<H> Ordered<H> {
        pub(crate) fn new() -> Self {
            Self {
                _headers: PhantomData,
            }
        }
    }
}
