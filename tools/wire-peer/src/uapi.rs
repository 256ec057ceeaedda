// SPDX-License-Identifier: GPL-2.0

//! Numbers of the generic netlink family `wireguard`: `include/uapi/linux/wireguard.h`, and what is this
//! driver's own (Documentation/netlink-own.yaml).

pub const GET_DEVICE: u8 = 0;
pub const SET_DEVICE: u8 = 1;

// Of a device.
pub const INDEX: u16 = 1;
pub const NAME: u16 = 2;
pub const PRIVATE_KEY: u16 = 3;
pub const PUBLIC_KEY: u16 = 4;
pub const FLAGS: u16 = 5;
pub const REPLACE_PEERS: u32 = 1;
pub const PORT: u16 = 6;
pub const MARK: u16 = 7;
pub const PEERS: u16 = 8;
pub const HOLD_UNKNOWN: u16 = 131;

// Of a peer.
pub const PEER_KEY: u16 = 1;
pub const PRESHARED_KEY: u16 = 2;
pub const PEER_FLAGS: u16 = 3;
pub const REMOVE_ME: u32 = 1;
pub const UPDATE_ONLY: u32 = 4;
pub const ENDPOINT: u16 = 4;
pub const KEEPALIVE: u16 = 5;
pub const ALLOWED_IPS: u16 = 9;
pub const VERSION: u16 = 10;
pub const INITIATION_TIME: u16 = 128;

// Of an allowed IP.
pub const FAMILY: u16 = 1;
pub const ADDRESS: u16 = 2;
pub const MASK: u16 = 3;
pub const IP_FLAGS: u16 = 4;

pub const INET: u16 = 2;
pub const INET6: u16 = 10;
