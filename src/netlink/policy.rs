// SPDX-License-Identifier: GPL-2.0

//! What the netlink core checks of a request, all the way down, before a handler sees it.
//!
//! User space can read these tables from the kernel, and tools rely on which error a malformed
//! attribute yields: they are part of the interface, described by
//! `Documentation/netlink/specs/wireguard.yaml` of the kernel, but for what is the driver's own.
//!
//! What AmneziaWG's versions encode differently is checked for its length here, and read by hand.

#![allow(clippy::indexing_slicing, reason = "the compiler evaluates the tables")]

use super::uapi::*;
use crate::kapi::net::genetlink::Policy;

const KEY: Policy = Policy::exact_len(WG_KEY_LEN);
const NAME: Policy = Policy::nul_string(IFNAMSIZ - 1);

/// The shortest `sockaddr` and address, respectively, that there are.
const MIN_SOCKADDR_LEN: i16 = 16;
const MIN_ADDRESS_LEN: i16 = 4;

/// After five seconds an initiator tries again anyway.
const MAX_HOLD_MILLIS: i16 = 5000;

/// How many DSCP there are.
const DSCP_POINTS: i16 = 64;

/// `struct __kernel_timespec`.
const TIMESPEC_LEN: i16 = 16;

/// The form of a range of 16-bit numbers has changed: one number, or both ends.
const RANGE_U16: Policy = Policy::len_between(2, 4);

/// And that of 32-bit numbers: one number, both ends, or as text, which takes 21 characters at most.
const RANGE_U32: Policy = Policy::len_between(2, 22);

/// How long one may be is said with its name.
const SPECIAL: Policy = Policy::NUL_STRING;

pub(super) static GET_DEVICE: [Policy; WGDEVICE_A_WANTED as usize + 1] = {
    let mut table = [Policy::REJECT; WGDEVICE_A_WANTED as usize + 1];
    table[WGDEVICE_A_IFINDEX as usize] = Policy::U32;
    table[WGDEVICE_A_IFNAME as usize] = NAME;
    table[WGDEVICE_A_PEER_KEY as usize] = KEY;
    table[WGDEVICE_A_GENERATION as usize] = Policy::U64;
    table[WGDEVICE_A_WANTED as usize] = Policy::mask_u32(WGWANTED);
    table
};

/// The highest type of a device's attributes that a request may set.
const LAST_OF_DEVICE: usize = WGDEVICE_A_PATH_MTU as usize;

/// And of a peer's.
pub(super) const LAST_OF_PEER: usize = WGPEER_A_MARK as usize;

pub(super) static SET_DEVICE: [Policy; LAST_OF_DEVICE + 1] = set_device(&PEER);

/// As [`SET_DEVICE`], and what AmneziaWG has beside it, and profiles.
pub(super) static SET_AMNEZIAWG: [Policy; LAST_OF_DEVICE + 1] = {
    let mut table = settings(set_device(&AMNEZIAWG_PEER));
    table[WGDEVICE_A_PROFILES as usize] = Policy::nested_array(&PROFILE);
    table
};

static PROFILE: [Policy; WGDEVICE_A_DISABLE_COOKIES as usize + 1] = {
    let mut table = settings([Policy::REJECT; WGDEVICE_A_DISABLE_COOKIES as usize + 1]);
    table[WGPROFILE_A_NUMBER as usize] = Policy::U8;
    table[WGPROFILE_A_FLAGS as usize] = Policy::mask_u32(WGPROFILE_F_REMOVE_ME);
    table
};

/// With what says how messages look.
const fn settings<const N: usize>(mut table: [Policy; N]) -> [Policy; N] {
    table[WGDEVICE_A_JC as usize] = Policy::U16;
    table[WGDEVICE_A_JMIN as usize] = Policy::U16;
    table[WGDEVICE_A_JMAX as usize] = Policy::U16;
    table[WGDEVICE_A_S1 as usize] = Policy::U16;
    table[WGDEVICE_A_S2 as usize] = Policy::U16;
    table[WGDEVICE_A_H1 as usize] = RANGE_U32;
    table[WGDEVICE_A_H2 as usize] = RANGE_U32;
    table[WGDEVICE_A_H3 as usize] = RANGE_U32;
    table[WGDEVICE_A_H4 as usize] = RANGE_U32;
    table[WGDEVICE_A_S3 as usize] = Policy::U16;
    table[WGDEVICE_A_S4 as usize] = Policy::U16;
    table[WGDEVICE_A_I1 as usize] = SPECIAL;
    table[WGDEVICE_A_I2 as usize] = SPECIAL;
    table[WGDEVICE_A_I3 as usize] = SPECIAL;
    table[WGDEVICE_A_I4 as usize] = SPECIAL;
    table[WGDEVICE_A_I5 as usize] = SPECIAL;
    table[WGDEVICE_A_HEADER_PROTECTION_KEY as usize] = KEY;
    table[WGDEVICE_A_CONTENT_PADDING_ADDITION as usize] = Policy::U32;
    table[WGDEVICE_A_REKEY_AFTER_TIME as usize] = Policy::U32;
    table[WGDEVICE_A_REKEY_TIMEOUT as usize] = Policy::U32;
    table[WGDEVICE_A_REJECT_AFTER_TIME as usize] = Policy::U32;
    table[WGDEVICE_A_KEEPALIVE_TIMEOUT as usize] = Policy::U32;
    table[WGDEVICE_A_MAX_HANDSHAKE_ATTEMPTS as usize] = Policy::U32;
    table[WGDEVICE_A_RANDOM_TRAILERS as usize] = Policy::U8;
    table[WGDEVICE_A_DISABLE_COOKIES as usize] = Policy::U8;
    table
}

/// What both have in a table of so many entries.
const fn set_device<const N: usize>(peer: &'static [Policy]) -> [Policy; N] {
    let mut table = [Policy::REJECT; N];
    table[WGDEVICE_A_IFINDEX as usize] = Policy::U32;
    table[WGDEVICE_A_IFNAME as usize] = NAME;
    table[WGDEVICE_A_PRIVATE_KEY as usize] = KEY;
    table[WGDEVICE_A_PUBLIC_KEY as usize] = KEY;
    table[WGDEVICE_A_FLAGS as usize] = Policy::mask_u32(WGDEVICE_F_REPLACE_PEERS);
    table[WGDEVICE_A_LISTEN_PORT as usize] = Policy::U16;
    table[WGDEVICE_A_FWMARK as usize] = Policy::U32;
    table[WGDEVICE_A_PEERS as usize] = Policy::nested_array(peer);
    table[WGDEVICE_A_HOLD_UNKNOWN as usize] = Policy::max_u16(MAX_HOLD_MILLIS);
    table[WGDEVICE_A_EVENT_CLASSES as usize] = Policy::U32;
    table[WGDEVICE_A_CARRIER as usize] = Policy::U8;
    table[WGDEVICE_A_BIND_IFINDEX as usize] = Policy::U32;
    // Addresses are of two lengths, and there may be as many.
    table[WGDEVICE_A_LISTEN_ADDRESSES as usize] = Policy::NESTED;
    table[WGDEVICE_A_DSCP as usize] = Policy::len_between(0, DSCP_POINTS);
    table[WGDEVICE_A_PATH_MTU as usize] = Policy::U8;
    table
}

const PEER_FLAGS: u32 = WGPEER_F_REMOVE_ME | WGPEER_F_REPLACE_ALLOWEDIPS | WGPEER_F_UPDATE_ONLY;

static PEER: [Policy; LAST_OF_PEER + 1] = peer();

static AMNEZIAWG_PEER: [Policy; LAST_OF_PEER + 1] = {
    let mut table = peer();
    table[WGPEER_A_FLAGS as usize] = Policy::mask_u32(PEER_FLAGS | WGPEER_F_HAS_ADVANCED_SECURITY);
    table[WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL as usize] = RANGE_U16;
    table[WGPEER_A_ADVANCED_SECURITY as usize] = Policy::FLAG;
    table[WGPEER_A_PROFILE as usize] = Policy::U8;
    table
};

/// What both have.
const fn peer() -> [Policy; LAST_OF_PEER + 1] {
    let mut table = [Policy::REJECT; LAST_OF_PEER + 1];
    table[WGPEER_A_PUBLIC_KEY as usize] = KEY;
    table[WGPEER_A_PRESHARED_KEY as usize] = KEY;
    table[WGPEER_A_FLAGS as usize] = Policy::mask_u32(PEER_FLAGS);
    table[WGPEER_A_ENDPOINT as usize] = Policy::min_len(MIN_SOCKADDR_LEN);
    table[WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL as usize] = Policy::U16;
    table[WGPEER_A_LAST_HANDSHAKE_TIME as usize] = Policy::exact_len(TIMESPEC_LEN);
    table[WGPEER_A_RX_BYTES as usize] = Policy::U64;
    table[WGPEER_A_TX_BYTES as usize] = Policy::U64;
    table[WGPEER_A_ALLOWEDIPS as usize] = Policy::nested_array(&ALLOWED_IP);
    table[WGPEER_A_PROTOCOL_VERSION as usize] = Policy::U32;
    // What is wrong with a label is said with reasons.
    table[WGPEER_A_LABEL as usize] = Policy::NUL_STRING;
    table[WGPEER_A_FIXED_ENDPOINT as usize] = Policy::U8;
    table[WGPEER_A_PRIORITY as usize] = Policy::U32;
    table[WGPEER_A_MARK as usize] = Policy::U32;
    table
}

static ALLOWED_IP: [Policy; WGALLOWEDIP_A_FLAGS as usize + 1] = {
    let mut table = [Policy::REJECT; WGALLOWEDIP_A_FLAGS as usize + 1];
    table[WGALLOWEDIP_A_FAMILY as usize] = Policy::U16;
    table[WGALLOWEDIP_A_IPADDR as usize] = Policy::min_len(MIN_ADDRESS_LEN);
    table[WGALLOWEDIP_A_CIDR_MASK as usize] = Policy::U8;
    table[WGALLOWEDIP_A_FLAGS as usize] = Policy::mask_u32(WGALLOWEDIP_F_REMOVE_ME);
    table
};
