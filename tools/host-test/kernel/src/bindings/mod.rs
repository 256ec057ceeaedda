// SPDX-License-Identifier: GPL-2.0

//! What `kapi` uses of C.

#![allow(
    non_camel_case_types,
    clippy::missing_safety_doc,
    missing_docs,
    reason = "they are those of C"
)]

mod rbtree;

pub use rbtree::*;

pub struct callback_head(#[allow(dead_code, reason = "it takes room")] [usize; 2]);
