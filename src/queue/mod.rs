// SPDX-License-Identifier: GPL-2.0

//! Where contexts meet.
//!
//! On the way out, a batch of packets is numbered in its peer's [`ordered`] queue, encrypted where it
//! is or wherever the [`parallel`] queue takes it, as [`here`] decides, and passed on by the ordered
//! queue in the order of its number. On the way in, it takes its place in the [`inbox`] of a poller,
//! which decrypts it unless an assistant ([`assist`]) did, and delivers it. It has one owner at any
//! time: the CPU that works on it, or the queue that it waits in.

pub(crate) mod assist;
pub(crate) mod backlog;
pub(crate) mod bound;
pub(crate) mod here;
pub(crate) mod inbox;
pub(crate) mod ordered;
pub(crate) mod parallel;
pub(crate) mod share;
mod turn;
