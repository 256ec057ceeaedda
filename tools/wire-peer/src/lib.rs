// SPDX-License-Identifier: GPL-2.0

//! What plays the peers of a WireGuard device: for the suites of `wire-peer`, and for other programs
//! that have something to say to one.

pub mod bench;
pub mod drops;
pub mod dut;
pub mod keys;
pub mod listener;
pub mod live;
mod memory;
pub mod netlink;
pub mod news;
pub mod packet;
pub mod peer;
pub mod session;
pub mod suites;
pub mod tap;
pub mod uapi;
pub mod wire;
