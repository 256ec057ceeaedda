// SPDX-License-Identifier: GPL-2.0

//! Packets that are dropped, and what observers of drops are told.
//!
//! Those, as `perf trace`, `dropwatch` and `retis`, see two things of each: a reason, and the function
//! that has dropped it. Reasons are a list of the core's. Beside it there are lists of subsystems, each
//! with a number that the core has given it, of which there is none for modules from elsewhere. So a
//! packet is dropped for the [`CoreReason`] that is nearest, in a function that bears the name of the
//! reason in full.
//!
//! C header: [`include/net/dropreason-core.h`](srctree/include/net/dropreason-core.h)

use core::{
    hint::black_box,
    ptr::{self, NonNull},
    sync::atomic::{AtomicU64, Ordering}, //
};

use super::SkBuff;
use crate::bindings;

/// A reason of the core's for a packet to be dropped, with its name there.
#[derive(Clone, Copy)]
pub(crate) struct CoreReason(bindings::skb_drop_reason);

macro_rules! core_reasons {
    ($($name:ident = $constant:ident,)+) => {
        impl CoreReason {
            $(pub(crate) const $name: Self = Self(bindings::$constant);)+
        }
    };
}

core_reasons! {
    CPU_BACKLOG = skb_drop_reason_SKB_DROP_REASON_CPU_BACKLOG,
    DEV_READY = skb_drop_reason_SKB_DROP_REASON_DEV_READY,
    FULL_RING = skb_drop_reason_SKB_DROP_REASON_FULL_RING,
    HDR_TRUNC = skb_drop_reason_SKB_DROP_REASON_HDR_TRUNC,
    INVALID_PROTO = skb_drop_reason_SKB_DROP_REASON_INVALID_PROTO,
    IPV6DISABLED = skb_drop_reason_SKB_DROP_REASON_IPV6DISABLED,
    IP_INHDR = skb_drop_reason_SKB_DROP_REASON_IP_INHDR,
    IP_INVALID_SOURCE = skb_drop_reason_SKB_DROP_REASON_IP_INVALID_SOURCE,
    IP_OUTNOROUTES = skb_drop_reason_SKB_DROP_REASON_IP_OUTNOROUTES,
    NEIGH_FAILED = skb_drop_reason_SKB_DROP_REASON_NEIGH_FAILED,
    NEIGH_QUEUEFULL = skb_drop_reason_SKB_DROP_REASON_NEIGH_QUEUEFULL,
    NOMEM = skb_drop_reason_SKB_DROP_REASON_NOMEM,
    NOT_SPECIFIED = skb_drop_reason_SKB_DROP_REASON_NOT_SPECIFIED,
    NO_SOCKET = skb_drop_reason_SKB_DROP_REASON_NO_SOCKET,
    NO_TX_TARGET = skb_drop_reason_SKB_DROP_REASON_NO_TX_TARGET,
    PKT_TOO_BIG = skb_drop_reason_SKB_DROP_REASON_PKT_TOO_BIG,
    PKT_TOO_SMALL = skb_drop_reason_SKB_DROP_REASON_PKT_TOO_SMALL,
    PSP_INPUT = skb_drop_reason_SKB_DROP_REASON_PSP_INPUT,
    QUEUE_PURGE = skb_drop_reason_SKB_DROP_REASON_QUEUE_PURGE,
    SKB_GSO_SEG = skb_drop_reason_SKB_DROP_REASON_SKB_GSO_SEG,
    SOCKET_BACKLOG = skb_drop_reason_SKB_DROP_REASON_SOCKET_BACKLOG,
    SOCKET_CLOSE = skb_drop_reason_SKB_DROP_REASON_SOCKET_CLOSE,
    SOCKET_RCVBUFF = skb_drop_reason_SKB_DROP_REASON_SOCKET_RCVBUFF,
}

impl SkBuff {
    /// Frees the packet as a drop. Observers are told `reason`, and the function that does this.
    ///
    /// Functions that have another `mark` are not taken for one by the compiler.
    #[inline(always)]
    pub(crate) fn discard(self, reason: CoreReason, mark: u8) {
        // SAFETY: By the type invariants, the packet is ours to free; no socket was to receive it.
        unsafe { bindings::sk_skb_reason_drop(ptr::null(), self.into_raw(), reason.0) };
        // If there were nothing to do after the call, it would be made from the caller's place.
        black_box(mark);
    }
}

/// How many packets were dropped by going out of scope.
static UNNAMED: AtomicU64 = AtomicU64::new(0);

/// How many packets have been dropped without a word: neither consumed, nor discarded for a reason. The
/// types cannot rule that out, so it is counted; each is an error.
pub(crate) fn unnamed() -> u64 {
    UNNAMED.load(Ordering::Relaxed)
}

/// Frees a packet that nobody has said anything about.
///
/// # Safety
///
/// The packet must be the caller's to free.
#[cold]
#[inline(never)]
pub(super) unsafe fn free_unnamed(skb: NonNull<bindings::sk_buff>) {
    UNNAMED.fetch_add(1, Ordering::Relaxed);
    // SAFETY: By the caller's promise.
    unsafe { bindings::skb_free(skb.as_ptr()) };
}
