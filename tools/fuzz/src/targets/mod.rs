// SPDX-License-Identifier: GPL-2.0

//! One module for each target; its function `run` is given the bytes.

pub mod allowed_ips;
pub mod amneziawg;
pub mod awg_messages;
pub mod awg_settings;
pub mod awg_special;
pub mod cookie;
pub mod handshake;
pub mod messages;
pub mod netlink;
pub mod replay;
pub mod timers;
pub mod transport;
