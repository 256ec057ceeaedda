// SPDX-License-Identifier: GPL-2.0

//! Every drop has a name.
//!
//! Whoever drops a packet says why, by one of the [`Reason`]s here. Each is counted by the device and,
//! where it is known, by the peer, and shown by `ethtool -S` and netlink; and if there is a packet, it is
//! freed in a function of that name, which is what observers of drops see. What a message that was never
//! made would have been is counted, too.
//!
//! `Documentation/drops.rst` has a table of them for users: `tools/check-drops` compares both.

use core::ffi::CStr;

use kernel::{
    alloc::flags::{GFP_ATOMIC, __GFP_NOWARN},
    prelude::*, //
};

use crate::{
    device::Device,
    kapi::{
        array::Array,
        cpu::Cpu,
        net::skbuff::{unnamed, CoreReason, PacketList, SkBuff},
        sync::{
            atomic::{AtomicU64, Ordering},
            once_box::OnceBox, //
        }, //
    },
    peer::Peer,
    trace, //
};

macro_rules! reasons {
    ($($(#[doc = $meaning:literal])+ $name:ident: $variant:ident = $core:ident,)+) => {
        /// Why a packet is dropped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Reason {
            $($(#[doc = $meaning])+ $variant,)+
        }

        impl Reason {
            /// All of them.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// What it is called for users.
            pub(crate) const fn name(self) -> &'static CStr {
                match self {
                    $(Self::$variant => const {
                        let with_nul = concat!(stringify!($name), "\0").as_bytes();
                        match CStr::from_bytes_with_nul(with_nul) {
                            Ok(name) => name,
                            Err(_) => c"",
                        }
                    },)+
                }
            }

            /// Frees a packet in the function of that name.
            fn discard(self, skb: SkBuff) {
                match self {
                    $(Self::$variant => at::$name(skb),)+
                }
            }
        }

        /// What counts are called for users, in the order of [`DeviceDrops::all`].
        pub(crate) static NAMES: [&CStr; COUNT + 1] = [
            $(Reason::$variant.name(),)+
            c"unnamed",
        ];

        /// Where packets end: observers are told the names of these functions.
        mod at {
            use super::{CoreReason, Reason, SkBuff};

            $(
                #[cold]
                #[inline(never)]
                pub(super) fn $name(skb: SkBuff) {
                    skb.discard(CoreReason::$core, Reason::$variant as u8);
                }
            )+
        }
    };
}

// Those of packets on their way out, on their way in, and of handshake messages that have come.
reasons! {
    /// what the stack sends is not IP, or not the version that it is labelled as
    tx_not_ip: TxNotIp = INVALID_PROTO,
    /// no peer has the destination among its allowed IPs
    tx_no_peer: TxNoPeer = NO_TX_TARGET,
    /// the peer has no endpoint
    tx_no_endpoint: TxNoEndpoint = NO_TX_TARGET,
    /// a packet that stands for several cannot be cut into them
    tx_segmentation: TxSegmentation = SKB_GSO_SEG,
    /// too many packets wait for a session: the oldest go
    tx_staged_full: TxStagedFull = NEIGH_QUEUEFULL,
    /// too much waits for the worker that sends a stream to this peer
    tx_stream_full: TxStreamFull = FULL_RING,
    /// too much waits for the CPU whose turn it is to encrypt
    tx_encrypt_full: TxEncryptFull = CPU_BACKLOG,
    /// too many batches of the peer are under way
    tx_order_full: TxOrderFull = FULL_RING,
    /// what waited for a session: the peer has not answered any handshake
    tx_no_answer: TxNoAnswer = NEIGH_FAILED,
    /// what waited for a session: the peer has been removed
    tx_peer_removed: TxPeerRemoved = QUEUE_PURGE,
    /// what waited for a session, or was about to leave: the device goes down
    tx_down: TxDown = DEV_READY,
    /// the device has no sockets any more: it went down, or the namespace that they belong to has ended
    tx_no_socket: TxNoSocket = SOCKET_CLOSE,
    /// the endpoint is an IPv6 address, and there is no socket for IPv6
    tx_family_unsupported: TxFamilyUnsupported = IPV6DISABLED,
    /// there is no route to the endpoint
    tx_no_route: TxNoRoute = IP_OUTNOROUTES,
    /// the message is longer than a datagram can be
    tx_too_long: TxTooLong = PKT_TOO_BIG,
    /// the path to the peer does not take the packet whole, as the socket that it came from has been told
    tx_path_mtu: TxPathMtu = PKT_TOO_BIG,
    /// the packet is too scattered to be encrypted, or not what it was taken for
    tx_unsealable: TxUnsealable = NOT_SPECIFIED,
    /// there is no memory to send a packet or a handshake message with
    tx_no_memory: TxNoMemory = NOMEM,

    /// the headers of IP and UDP do not fit the datagram
    rx_bad_header: RxBadHeader = HDR_TRUNC,
    /// the datagram is shorter than any message
    rx_too_short: RxTooShort = PKT_TOO_SMALL,
    /// the datagram does not begin as a message does
    rx_unknown_type: RxUnknownType = INVALID_PROTO,
    /// the datagram has not the length that messages of its type have
    rx_bad_length: RxBadLength = PKT_TOO_SMALL,
    /// an AmneziaWG device does not take the datagram for a message: junk ends here
    rx_junk: RxJunk = INVALID_PROTO,
    /// what messages look like was changed while this one was under way
    rx_guise_changed: RxGuiseChanged = INVALID_PROTO,
    /// no session has the receiver index of the data message
    rx_no_session: RxNoSession = NO_SOCKET,
    /// too much of the peer is under way
    rx_peer_full: RxPeerFull = SOCKET_RCVBUFF,
    /// too many batches wait for the poller that the peer belongs to
    rx_inbox_full: RxInboxFull = FULL_RING,
    /// the session is too old to receive by
    rx_session_expired: RxSessionExpired = SOCKET_CLOSE,
    /// the data message is not authentic
    rx_bad_tag: RxBadTag = PSP_INPUT,
    /// the counter was received before, or is too old to tell, or no message may have it
    rx_replayed: RxReplayed = PSP_INPUT,
    /// what is in the data message is not IP
    rx_not_ip: RxNotIp = INVALID_PROTO,
    /// the source address of the inner packet is not among the peer's allowed IPs
    rx_allowed_ips: RxAllowedIps = IP_INVALID_SOURCE,
    /// the inner packet is shorter than its header says
    rx_inner_length: RxInnerLength = IP_INHDR,
    /// the device went down while the message was under way
    rx_down: RxDown = DEV_READY,
    /// there is no memory to receive the message with
    rx_no_memory: RxNoMemory = NOMEM,

    /// the kernel has no random numbers yet: nobody could be answered
    hs_no_randomness: HsNoRandomness = NOT_SPECIFIED,
    /// the device has no private key
    hs_no_private_key: HsNoPrivateKey = NO_SOCKET,
    /// the first MAC is wrong: the sender does not know our public key
    hs_bad_mac1: HsBadMac1 = PSP_INPUT,
    /// a response or a cookie reply to no handshake or session of ours
    hs_unknown_index: HsUnknownIndex = NO_SOCKET,
    /// too many messages from that address, which is the sender's own
    hs_ratelimited: HsRatelimited = SOCKET_BACKLOG,
    /// the sender was told to come back with a cookie
    hs_cookie_required: HsCookieRequired = SOCKET_BACKLOG,
    /// there is a load, and an AmneziaWG device that gives no cookies
    hs_under_load: HsUnderLoad = SOCKET_BACKLOG,
    /// too many handshake messages wait
    hs_queue_full: HsQueueFull = FULL_RING,
    /// the sender's static key cannot be decrypted
    hs_bad_static: HsBadStatic = PSP_INPUT,
    /// a key of the message, or the peer's own, leads to no shared secret
    hs_bad_point: HsBadPoint = PSP_INPUT,
    /// no peer has the public key of the initiation
    hs_unknown_peer: HsUnknownPeer = NO_SOCKET,
    /// the sender does not have the private key, or not the preshared one
    hs_unauthentic: HsUnauthentic = PSP_INPUT,
    /// the timestamp of the initiation is no newer than the last
    hs_replayed: HsReplayed = PSP_INPUT,
    /// the last initiation of the peer was less than 20 ms ago
    hs_flood: HsFlood = SOCKET_BACKLOG,
    /// a response to a handshake that waits for none, or no more
    hs_unexpected: HsUnexpected = NO_SOCKET,
    /// a cookie reply to a peer that has not sent anything since the last
    hs_cookie_unasked: HsCookieUnasked = NO_SOCKET,
    /// the cookie reply is not authentic
    hs_cookie_forged: HsCookieForged = PSP_INPUT,
    /// the peer was removed, or the private key changed, in the middle of the handshake
    hs_overtaken: HsOvertaken = QUEUE_PURGE,
    /// the device went down while the message waited
    hs_down: HsDown = DEV_READY,
    /// there is no memory to process the message with
    hs_no_memory: HsNoMemory = NOMEM,
}

/// How many reasons there are.
const COUNT: usize = Reason::ALL.len();

/// How many packets were dropped, by reason.
struct Counts([AtomicU64; COUNT]);

impl Counts {
    const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; COUNT])
    }

    fn add(&self, reason: Reason, packets: u32) {
        if let Some(count) = self.0.get(reason as usize) {
            count.fetch_add(packets.into(), Ordering::Relaxed);
        }
    }

    fn of(&self, reason: Reason) -> u64 {
        let count = self.0.get(reason as usize);
        count.map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

/// The counts of a device, its peers' included: for each CPU, since a flood is dropped on all of them.
pub(crate) struct DeviceDrops(Array<Counts>);

impl DeviceDrops {
    /// None yet.
    pub(crate) fn new() -> Result<Self> {
        // There may be many more CPU numbers than CPUs, so two of those may have to share.
        let cpus = Cpu::online_count() as usize;
        Ok(Self(Array::try_repeat_with(cpus, || Ok(Counts::new()))?))
    }

    fn add(&self, reason: Reason, packets: u32) {
        // Another one's counts do as well: they are atomic.
        let here = Cpu::lately().id() as usize;
        let place = here.checked_rem(self.0.len()).unwrap_or(0);
        if let Some(counts) = self.0.get(place) {
            counts.add(reason, packets);
        }
    }

    fn of(&self, reason: Reason) -> u64 {
        let sum = |sum: u64, counts: &Counts| sum.wrapping_add(counts.of(reason));
        self.0.iter().fold(0, sum)
    }

    /// All of the counts, and how many packets the module has dropped without saying why, for whatever
    /// device: there should be none.
    pub(crate) fn all(&self) -> impl Iterator<Item = u64> + '_ {
        let named = Reason::ALL.iter().map(|reason| self.of(*reason));
        Iterator::chain(named, [unnamed()])
    }

    /// The same, with their names.
    pub(crate) fn names_and_counts(&self) -> impl Iterator<Item = (&'static CStr, u64)> + '_ {
        NAMES.iter().copied().zip(self.all())
    }
}

/// The counts of a peer: most peers have none, and no memory for them.
pub(crate) struct PeerDrops(OnceBox<Counts>);

impl PeerDrops {
    /// None yet.
    pub(crate) const fn new() -> Self {
        Self(OnceBox::new())
    }

    /// Without memory they are the device's alone.
    fn add(&self, reason: Reason, packets: u32) {
        let make = || KBox::new(Counts::new(), GFP_ATOMIC | __GFP_NOWARN).ok();
        if let Some(counts) = self.0.get_or_make(make) {
            counts.add(reason, packets);
        }
    }

    /// Whether there are any.
    pub(crate) fn are_any(&self) -> bool {
        self.0.get().is_some()
    }

    /// How many packets were dropped, by reason.
    pub(crate) fn names_and_counts(&self) -> impl Iterator<Item = (&'static CStr, u64)> + '_ {
        let count = |reason| self.0.get().map_or(0, |counts| counts.of(reason));
        let reasons = Reason::ALL.iter().copied();
        reasons.map(move |reason| (reason.name(), count(reason)))
    }
}

/// Who has to do with packets that are dropped: a device, or one of its peers.
pub(crate) trait Drops {
    /// Counts packets that have been dropped, or were never made.
    fn count_drops(&self, packets: u32, reason: Reason);

    /// Drops a packet.
    #[cold]
    #[inline(never)]
    fn discard(&self, skb: SkBuff, reason: Reason) {
        self.discard_messages(skb, 1, reason);
    }

    /// Drops a packet that stands for so many.
    #[cold]
    #[inline(never)]
    fn discard_messages(&self, skb: SkBuff, messages: u32, reason: Reason) {
        self.count_drops(messages, reason);
        reason.discard(skb);
    }

    /// Drops packets, of which each stands for as many as that says.
    #[cold]
    #[inline(never)]
    fn discard_all(&self, mut packets: PacketList, messages: fn(&SkBuff) -> u32, reason: Reason) {
        while let Some(skb) = packets.pop() {
            let messages = messages(&skb);
            self.discard_messages(skb, messages, reason);
        }
    }
}

impl Drops for Device {
    #[cold]
    #[inline(never)]
    fn count_drops(&self, packets: u32, reason: Reason) {
        self.drops.add(reason, packets);
        trace::drop(self, reason.name(), packets);
    }
}

impl Drops for Peer {
    #[cold]
    #[inline(never)]
    fn count_drops(&self, packets: u32, reason: Reason) {
        self.drops.add(reason, packets);
        self.device.drops.add(reason, packets);
        trace::drop_of(self, reason.name(), packets);
    }
}
