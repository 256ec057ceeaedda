// SPDX-License-Identifier: GPL-2.0

//! Makes a WireGuard end look like one of AmneziaWG, from the outside.
//!
//! The relay stands beside the end, which takes it for its only peer. What the end says goes out in the
//! format of AmneziaWG 1.0 to 3.1, and what comes back reaches the end as WireGuard. The relay knows the
//! static public keys of both, not their secrets: it changes what everybody sees of messages, and never what
//! is in them. So it cannot pad packets inside, which is for the ends alone.
//!
//! It is a second opinion on the format: nothing here is shared with the driver.
//!
//! ```text
//! config    the file of settings
//! special   what is sent before initiations to look like something else
//! message   the kinds of messages, as WireGuard has them
//! macs      MACs of handshake messages, and cookies
//! format    prefixes, types, header protection, trailers
//! relay     all of that, put together; without sockets
//! ```

pub mod config;
pub mod format;
pub mod macs;
pub mod message;
pub mod relay;
pub mod special;
