// SPDX-License-Identifier: GPL-2.0

//! Sessions go without a word.

pub(crate) trait Farewell {
    fn farewell(&self);
}

macro_rules! farewell {
    ($type:ty) => {};
}

pub(crate) use farewell;
