// SPDX-License-Identifier: GPL-2.0

//! Something to be done just before a pinned object is dropped, by those who cannot write `unsafe`.

/// What an object has to say before its fields are dropped, in whatever context that happens.
pub(crate) trait Farewell {
    /// Says it, once.
    fn farewell(&self);
}

/// Has [`Farewell::farewell`] called for a type that is marked `#[pin_data(PinnedDrop)]`.
macro_rules! farewell {
    ($type:ty) => {
        #[allow(unsafe_code, reason = "the attribute implements an unsafe trait")]
        #[pinned_drop]
        impl PinnedDrop for $type {
            fn drop(self: ::core::pin::Pin<&mut Self>) {
                $crate::kapi::farewell::Farewell::farewell(&*self);
            }
        }
    };
}

pub(crate) use farewell;
