// SPDX-License-Identifier: GPL-2.0

//! Something to be done just before an object is dropped.

pub(crate) trait Farewell {
    fn farewell(&self);
}

macro_rules! farewell {
    ($type:ty) => {
        impl Drop for $type {
            fn drop(&mut self) {
                $crate::kapi::farewell::Farewell::farewell(self);
            }
        }
    };
}

pub(crate) use farewell;
