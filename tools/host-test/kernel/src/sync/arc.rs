// SPDX-License-Identifier: GPL-2.0

//! Reference counts.

use std::ops::Deref;

use crate::alloc::{attempt, AllocError, Flags};

/// One of several references to an object.
pub struct Arc<T>(pub(crate) std::sync::Arc<T>);

impl<T> Arc<T> {
    /// Allocates it.
    pub fn new(object: T, _flags: Flags) -> Result<Self, AllocError> {
        attempt()?;
        Ok(Self(std::sync::Arc::new(object)))
    }
}

impl<T> Clone for Arc<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for Arc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
