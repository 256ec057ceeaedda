// SPDX-License-Identifier: GPL-2.0

//! Things put aside until they are needed.

use kernel::prelude::*;

/// A pile. It grows by one allocation a thing, without moving what is there.
pub(crate) struct Pile<T>(Option<KBox<Layer<T>>>);

struct Layer<T> {
    thing: T,
    below: Option<KBox<Layer<T>>>,
}

impl<T> Pile<T> {
    /// Nothing.
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// Puts a thing on top. On `ENOMEM` the pile is as it was.
    pub(crate) fn push(&mut self, thing: T) -> Result {
        let mut top = KBox::new(Layer { thing, below: None }, GFP_KERNEL)?;
        top.below = self.0.take();
        self.0 = Some(top);
        Ok(())
    }

    /// Takes the thing on top.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let Layer { thing, below } = KBox::into_inner(self.0.take()?);
        self.0 = below;
        Some(thing)
    }
}

impl<T> Drop for Pile<T> {
    fn drop(&mut self) {
        // Not by dropping one from within the other: the stack is small.
        while self.pop().is_some() {}
    }
}
