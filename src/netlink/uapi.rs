// SPDX-License-Identifier: GPL-2.0

//! The numbers of the user interface: those of `include/uapi/linux/wireguard.h`, those that AmneziaWG
//! has beside them, and this driver's own.

use core::ffi::CStr;

pub(super) const WG_GENL_NAME: &CStr = c"wireguard";
pub(super) const WG_GENL_VERSION: u32 = 1;

pub(super) const AWG_GENL_NAME: &CStr = c"amneziawg";
/// By this, programs choose how they encode ranges.
pub(super) const AWG_GENL_VERSION: u32 = 3;

pub(super) const WG_KEY_LEN: i16 = 32;
pub(super) const WG_PROTOCOL_VERSION: u32 = 1;

pub(super) const WG_CMD_GET_DEVICE: u8 = 0;
pub(super) const WG_CMD_SET_DEVICE: u8 = 1;

/// To the listeners of [`AUTH`].
pub(super) const AWG_CMD_UNKNOWN_PEER: u8 = 2;

/// Who wants to be told of initiations from peers that are not configured: AmneziaWG's.
pub(super) const AUTH: &CStr = c"auth";

/// To the listeners of [`UNKNOWN_PEERS`]; this driver's own, as the group is.
pub(super) const WG_CMD_UNKNOWN_PEER: u8 = 128;

/// Who wants to be told of initiations from peers that are not configured.
pub(super) const UNKNOWN_PEERS: &CStr = c"unknown-peers";

/// To the listeners of [`CONFIG`], [`SESSION`], [`ENDPOINT`] and [`LIVENESS`]: something has happened.
pub(super) const WG_CMD_EVENT: u8 = 129;

/// Who wants to be told of what is configured.
pub(super) const CONFIG: &CStr = c"config";
/// Who wants to be told of handshakes and sessions.
pub(super) const SESSION: &CStr = c"session";
/// Who wants to be told where peers are.
pub(super) const ENDPOINT: &CStr = c"endpoint";
/// Who wants to be told whether peers are there.
pub(super) const LIVENESS: &CStr = c"liveness";

// What has happened.

pub(super) const WGEVENT_PEER_ADDED: u32 = 1;
pub(super) const WGEVENT_PEER_CHANGED: u32 = 2;
pub(super) const WGEVENT_PEER_REMOVED: u32 = 3;
pub(super) const WGEVENT_DEVICE_CHANGED: u32 = 4;
pub(super) const WGEVENT_SESSION_BEGUN: u32 = 5;
pub(super) const WGEVENT_SESSION_REKEYED: u32 = 6;
pub(super) const WGEVENT_SESSION_ENDED: u32 = 7;
pub(super) const WGEVENT_HANDSHAKE_GIVEN_UP: u32 = 8;
pub(super) const WGEVENT_ROAMED: u32 = 9;
pub(super) const WGEVENT_SILENT: u32 = 10;
pub(super) const WGEVENT_BACK: u32 = 11;

/// Our part in a handshake.
pub(super) const WGROLE_INITIATOR: u32 = 1;
pub(super) const WGROLE_RESPONDER: u32 = 2;

/// Why sessions have ended.
pub(super) const WGENDED_EXPIRED: u32 = 1;
pub(super) const WGENDED_SUSPENDED: u32 = 2;

// Why the last handshake that we began came to nothing.

pub(super) const WGFAILURE_NONE: u32 = 0;
pub(super) const WGFAILURE_NO_ANSWER: u32 = 1;
pub(super) const WGFAILURE_NO_ENDPOINT: u32 = 2;
pub(super) const WGFAILURE_UNREACHABLE: u32 = 3;
pub(super) const WGFAILURE_NO_KEY: u32 = 4;
pub(super) const WGFAILURE_NO_MEMORY: u32 = 5;

pub(super) const WGDEVICE_F_REPLACE_PEERS: u32 = 1 << 0;

pub(super) const WGDEVICE_A_UNSPEC: u16 = 0;
pub(super) const WGDEVICE_A_IFINDEX: u16 = 1;
pub(super) const WGDEVICE_A_IFNAME: u16 = 2;
pub(super) const WGDEVICE_A_PRIVATE_KEY: u16 = 3;
pub(super) const WGDEVICE_A_PUBLIC_KEY: u16 = 4;
pub(super) const WGDEVICE_A_FLAGS: u16 = 5;
pub(super) const WGDEVICE_A_LISTEN_PORT: u16 = 6;
pub(super) const WGDEVICE_A_FWMARK: u16 = 7;
pub(super) const WGDEVICE_A_PEERS: u16 = 8;

// AmneziaWG's. Where a form is given, it is that of version 3.

pub(super) const WGDEVICE_A_JC: u16 = 9;
pub(super) const WGDEVICE_A_JMIN: u16 = 10;
pub(super) const WGDEVICE_A_JMAX: u16 = 11;
pub(super) const WGDEVICE_A_S1: u16 = 12;
pub(super) const WGDEVICE_A_S2: u16 = 13;
/// A range of 64 bits: the end in the upper half, the beginning in the lower.
pub(super) const WGDEVICE_A_H1: u16 = 14;
pub(super) const WGDEVICE_A_H2: u16 = 15;
pub(super) const WGDEVICE_A_H3: u16 = 16;
pub(super) const WGDEVICE_A_H4: u16 = 17;
/// An unknown peer, in [`AWG_CMD_UNKNOWN_PEER`].
pub(super) const WGDEVICE_A_PEER: u16 = 18;
pub(super) const WGDEVICE_A_S3: u16 = 19;
pub(super) const WGDEVICE_A_S4: u16 = 20;
pub(super) const WGDEVICE_A_I1: u16 = 21;
pub(super) const WGDEVICE_A_I2: u16 = 22;
pub(super) const WGDEVICE_A_I3: u16 = 23;
pub(super) const WGDEVICE_A_I4: u16 = 24;
pub(super) const WGDEVICE_A_I5: u16 = 25;
pub(super) const WGDEVICE_A_HEADER_PROTECTION_KEY: u16 = 26;
/// A range of 32 bits: the end in the upper half, the beginning in the lower. So are the next five.
pub(super) const WGDEVICE_A_CONTENT_PADDING_ADDITION: u16 = 27;
pub(super) const WGDEVICE_A_REKEY_AFTER_TIME: u16 = 28;
pub(super) const WGDEVICE_A_REKEY_TIMEOUT: u16 = 29;
pub(super) const WGDEVICE_A_REJECT_AFTER_TIME: u16 = 30;
pub(super) const WGDEVICE_A_KEEPALIVE_TIMEOUT: u16 = 31;
pub(super) const WGDEVICE_A_MAX_HANDSHAKE_ATTEMPTS: u16 = 32;
pub(super) const WGDEVICE_A_RANDOM_TRAILERS: u16 = 33;
pub(super) const WGDEVICE_A_DISABLE_COOKIES: u16 = 34;

// Those of this driver alone begin at 128, where the kernel's own will not come to.

/// To get one peer, that of this public key.
pub(super) const WGDEVICE_A_PEER_KEY: u16 = 128;
/// To get what has changed since this generation of the configuration, and which one that is.
pub(super) const WGDEVICE_A_GENERATION: u16 = 129;
/// The peers that follow are all there are, and not those that have changed.
pub(super) const WGDEVICE_A_ALL_PEERS: u16 = 130;
/// For how many milliseconds initiations from unknown peers are held; zero if not at all.
pub(super) const WGDEVICE_A_HOLD_UNKNOWN: u16 = 131;
/// Which attributes an answer is to have beside those of the C driver: a mask.
pub(super) const WGDEVICE_A_WANTED: u16 = 132;
/// Looks that single peers may have, by number.
pub(super) const WGDEVICE_A_PROFILES: u16 = 133;
/// How many packets the device has dropped, by reason: [`WGDROP_A_NAME`] and so on.
pub(super) const WGDEVICE_A_DROPS: u16 = 134;
/// The number of an event among those of its device and group, whether or not all have been sent.
pub(super) const WGDEVICE_A_EVENT_SEQ: u16 = 135;
/// What has happened.
pub(super) const WGDEVICE_A_EVENT: u16 = 136;
/// Of which groups there are events: a mask, whose bits are in the order of their names above.
pub(super) const WGDEVICE_A_EVENT_CLASSES: u16 = 137;
/// Whether there is a carrier only while any peer is alive.
pub(super) const WGDEVICE_A_CARRIER: u16 = 138;
/// The index of the interface or VRF that the sockets are bound to; zero for none.
pub(super) const WGDEVICE_A_BIND_IFINDEX: u16 = 139;
/// The addresses that are listened on; none for all.
pub(super) const WGDEVICE_A_LISTEN_ADDRESSES: u16 = 140;
/// What of the packets' own DSCP shows outside.
pub(super) const WGDEVICE_A_DSCP: u16 = 141;
/// Whether senders are told what the paths to peers take.
pub(super) const WGDEVICE_A_PATH_MTU: u16 = 142;

// Bits of [`WGDEVICE_A_WANTED`].

/// [`WGDEVICE_A_DROPS`] and [`WGPEER_A_DROPS`].
pub(super) const WGWANTED_F_DROPS: u32 = 1 << 0;
/// What peers are called, and how they are.
pub(super) const WGWANTED_F_PEER_STATE: u32 = 1 << 1;
/// [`WGDEVICE_A_PROFILES`] and [`WGPEER_A_PROFILE`].
pub(super) const WGWANTED_F_PROFILES: u32 = 1 << 2;
/// Where is listened, and how is sent.
pub(super) const WGWANTED_F_SENDING: u32 = 1 << 3;
/// All that there are.
pub(super) const WGWANTED: u32 =
    WGWANTED_F_DROPS | WGWANTED_F_PEER_STATE | WGWANTED_F_PROFILES | WGWANTED_F_SENDING;

/// From 1 on.
pub(super) const WGPROFILE_A_NUMBER: u16 = 1;
pub(super) const WGPROFILE_A_FLAGS: u16 = 2;
// The settings are those of a device, by the same numbers.

pub(super) const WGPROFILE_F_REMOVE_ME: u32 = 1 << 0;

pub(super) const WGPEER_F_REMOVE_ME: u32 = 1 << 0;
pub(super) const WGPEER_F_REPLACE_ALLOWEDIPS: u32 = 1 << 1;
pub(super) const WGPEER_F_UPDATE_ONLY: u32 = 1 << 2;
/// AmneziaWG's. Says nothing: how messages look is the device's to say, or the profile's.
pub(super) const WGPEER_F_HAS_ADVANCED_SECURITY: u32 = 1 << 3;

pub(super) const WGPEER_A_UNSPEC: u16 = 0;
pub(super) const WGPEER_A_PUBLIC_KEY: u16 = 1;
pub(super) const WGPEER_A_PRESHARED_KEY: u16 = 2;
pub(super) const WGPEER_A_FLAGS: u16 = 3;
pub(super) const WGPEER_A_ENDPOINT: u16 = 4;
pub(super) const WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL: u16 = 5;
pub(super) const WGPEER_A_LAST_HANDSHAKE_TIME: u16 = 6;
pub(super) const WGPEER_A_RX_BYTES: u16 = 7;
pub(super) const WGPEER_A_TX_BYTES: u16 = 8;
pub(super) const WGPEER_A_ALLOWEDIPS: u16 = 9;
pub(super) const WGPEER_A_PROTOCOL_VERSION: u16 = 10;
/// AmneziaWG's. Says nothing, as [`WGPEER_F_HAS_ADVANCED_SECURITY`].
pub(super) const WGPEER_A_ADVANCED_SECURITY: u16 = 11;

/// When the peer made its initiation by its own clock, a TAI64N label: this driver's own.
pub(super) const WGPEER_A_INITIATION_TIME: u16 = 128;
/// The number of the profile that the peer wears; zero for what the device does: likewise.
pub(super) const WGPEER_A_PROFILE: u16 = 129;
/// How many packets to and from the peer were dropped, by reason.
pub(super) const WGPEER_A_DROPS: u16 = 130;
/// What users call the peer.
pub(super) const WGPEER_A_LABEL: u16 = 131;
/// Why the last handshake that we began came to nothing.
pub(super) const WGPEER_A_FAILURE: u16 = 132;
/// Whether the peer is only where users say it is.
pub(super) const WGPEER_A_FIXED_ENDPOINT: u16 = 133;
/// Whether the peer is alive.
pub(super) const WGPEER_A_ALIVE: u16 = 134;
/// Our part in a handshake.
pub(super) const WGPEER_A_ROLE: u16 = 135;
/// How long a handshake took, in milliseconds.
pub(super) const WGPEER_A_DURATION: u16 = 136;
/// Where the peer was.
pub(super) const WGPEER_A_OLD_ENDPOINT: u16 = 137;
/// Why sessions have ended.
pub(super) const WGPEER_A_ENDED: u16 = 138;
/// What queueing disciplines go by; zero to leave packets theirs.
pub(super) const WGPEER_A_PRIORITY: u16 = 139;
/// The mark of what is sent to the peer; zero for that of the device.
pub(super) const WGPEER_A_MARK: u16 = 140;
/// How long a packet may be for the path to the peer to take it whole.
pub(super) const WGPEER_A_PATH_MTU: u16 = 141;

pub(super) const WGDROP_A_UNSPEC: u16 = 0;
pub(super) const WGDROP_A_NAME: u16 = 1;
pub(super) const WGDROP_A_COUNT: u16 = 2;

pub(super) const WGALLOWEDIP_F_REMOVE_ME: u32 = 1 << 0;

pub(super) const WGALLOWEDIP_A_FAMILY: u16 = 1;
pub(super) const WGALLOWEDIP_A_IPADDR: u16 = 2;
pub(super) const WGALLOWEDIP_A_CIDR_MASK: u16 = 3;
pub(super) const WGALLOWEDIP_A_FLAGS: u16 = 4;

/// The element of an array; the type says nothing.
pub(super) const ELEMENT: u16 = 0;

pub(super) const IFNAMSIZ: u16 = 16;
