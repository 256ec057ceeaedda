// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What settings make of messages: what is put around and over them on the way out, and how they are
//! told and freed of it on the way in.

use super::super::constants::{
    COOKIE_REPLY_LEN, DATA_HEADER_LEN, INITIATION_LEN, KEEPALIVE_LEN, RESPONSE_LEN,
};
use super::super::crypto::Crypto;
use super::super::messages::{DataHeader, MessageType};
use super::super::noise::Key;
use super::super::transport;
use super::pace::Pace;
use super::settings::{Refusal, Settings};
use super::{Span, MIN_PROTECTED_PREFIX, PROTECTED_DATA_LEN};

/// Bytes of the nonce that header protection takes from the prefix.
pub const NONCE_LEN: usize = MIN_PROTECTED_PREFIX as usize;

/// The type, as far as it is looked at to tell a message.
const TYPE_LEN: usize = 4;
/// What a packet on a path of unknown width is padded to, at most: each IPv6 path has that width.
const LEAST_MTU: usize = 1280;

/// Settings that passed all checks.
pub struct Profile<C: Crypto> {
    settings: Settings<C>,
    pace: Pace,
    is_protected: bool,
}

impl<C: Crypto> Profile<C> {
    /// Checks settings.
    pub fn new(settings: Settings<C>) -> Result<Self, Refusal> {
        settings.check()?;
        Ok(Self {
            pace: Pace::new(&settings),
            is_protected: settings.key().is_some(),
            settings,
        })
    }

    /// What it was made of.
    #[must_use]
    pub const fn settings(&self) -> &Settings<C> {
        &self.settings
    }

    /// The times of timers.
    #[must_use]
    pub const fn pace(&self) -> &Pace {
        &self.pace
    }

    /// How many bytes precede a message of this kind.
    #[inline]
    #[must_use]
    pub const fn prefix_len(&self, kind: MessageType) -> usize {
        let [initiation, response, cookie_reply, data] = self.settings.prefixes;
        (match kind {
            MessageType::Initiation => initiation,
            MessageType::Response => response,
            MessageType::CookieReply => cookie_reply,
            MessageType::Data => data,
        }) as usize
    }

    /// By how much data messages are longer than WireGuard's, padding aside.
    #[inline]
    #[must_use]
    pub const fn overhead(&self) -> usize {
        self.prefix_len(MessageType::Data)
    }

    #[inline]
    const fn headers(&self, kind: MessageType) -> Span<u32> {
        let [initiation, response, cookie_reply, data] = self.settings.headers;
        match kind {
            MessageType::Initiation => initiation,
            MessageType::Response => response,
            MessageType::CookieReply => cookie_reply,
            MessageType::Data => data,
        }
    }

    #[inline]
    fn key(&self) -> Option<&Key<C>> {
        self.settings
            .protection_key
            .as_ref()
            .filter(|_| self.is_protected)
    }

    /// Whether messages are masked.
    #[inline]
    #[must_use]
    pub const fn is_protected(&self) -> bool {
        self.is_protected
    }

    /// Whether packets are padded by chance, and not to a multiple of 16.
    #[inline]
    #[must_use]
    pub const fn pads_content(&self) -> bool {
        !self.settings.content_padding.is_zero()
    }

    /// How many packets of junk precede an initiation.
    #[must_use]
    pub const fn junk_count(&self) -> u16 {
        self.settings.junk()
    }

    /// How long the next of them is.
    #[must_use]
    pub const fn pick_junk_len(&self, random: u32) -> usize {
        self.settings.junk_len.pick(random) as usize
    }

    /// What stands in place of the type of a message of this kind.
    #[inline]
    #[must_use]
    pub const fn pick_header(&self, kind: MessageType, random: u32) -> u32 {
        self.headers(kind).pick(random)
    }

    /// Whether that depends on the random number.
    #[inline]
    #[must_use]
    pub const fn is_drawn(&self, kind: MessageType) -> bool {
        let span = self.headers(kind);
        span.lo != span.hi
    }

    /// About how many random bytes a data message takes, one that is behind another and not padded by chance.
    #[must_use]
    pub const fn data_randomness(&self) -> usize {
        let kind = MessageType::Data;
        let known = if self.is_protected { NONCE_LEN } else { 0 };
        let drawn = if self.is_drawn(kind) { TYPE_LEN } else { 0 };
        self.prefix_len(kind)
            .saturating_sub(known)
            .saturating_add(drawn)
    }

    /// Masks, if there is a key, what follows the prefix in `datagram`: the whole of a handshake message,
    /// or the header of a data message. What follows that is left as it is.
    ///
    /// The prefix is fresh random bytes, since it is the nonce. It may not be shorter than the settings
    /// say, nor the message than it is: then nothing is masked.
    #[inline]
    pub fn protect(&self, kind: MessageType, datagram: &mut [u8]) {
        if let Some(key) = self.key() {
            let prefix = self.prefix_len(kind);
            protect::<C>(key, prefix, protected_len(kind), datagram);
        }
    }

    /// The same for the head of a data message. Returns what the next one's prefix may begin with instead of random bytes: who does
    /// not have the key cannot tell it from those.
    #[inline]
    pub fn protect_data(&self, head: &mut [u8]) -> Option<[u8; NONCE_LEN]> {
        let key = self.key()?;
        let (prefix, header) = head.split_at_mut_checked(self.prefix_len(MessageType::Data))?;
        let nonce = prefix.first_chunk()?;
        Some(C::chacha20_ends(
            key.as_bytes(),
            nonce,
            header.first_chunk_mut()?,
        ))
    }

    /// How many of the first bytes of a datagram [`data_header`](Self::data_header) looks at.
    #[inline]
    #[must_use]
    pub const fn needed_head(&self) -> usize {
        self.prefix_len(MessageType::Data)
            .saturating_add(DATA_HEADER_LEN)
    }

    /// The header of the data message in a datagram of `len` bytes that begins with `head`, if it may be
    /// one. Whether it is, is for the receiver index to tell.
    #[inline]
    #[must_use]
    pub fn data_header(&self, head: &[u8], len: usize) -> Option<DataHeader> {
        let header = head.get(self.overhead()..)?.first_chunk()?;
        self.data_header_behind(|| head.first_chunk().copied(), header, len)
    }

    /// The same for a message that is in pieces, of which this is the header behind the prefix; `nonce` gets
    /// the first bytes of that.
    #[inline]
    #[must_use]
    pub fn data_header_behind(
        &self,
        nonce: impl FnOnce() -> Option<[u8; NONCE_LEN]>,
        header: &[u8; DATA_HEADER_LEN],
        len: usize,
    ) -> Option<DataHeader> {
        if len < self.overhead().saturating_add(KEEPALIVE_LEN) {
            return None;
        }
        let mut header = *header;
        if let Some(key) = self.key() {
            let _ = C::chacha20_ends(key.as_bytes(), &nonce()?, &mut header);
        }
        let header = DataHeader::read(&header);
        self.headers(MessageType::Data)
            .contains(header.type_value())
            .then_some(header)
    }

    /// Copies the handshake message of that kind out of a datagram, without its prefix, its mask and its
    /// trailer, if length and type allow that it is one. The type remains as it was sent: mac1 covers
    /// it. Whether it is one, is for mac1 to tell, or for the receiver index of a cookie reply.
    ///
    /// There are no data messages among them.
    #[must_use]
    pub fn undress<'o>(
        &self,
        kind: MessageType,
        datagram: &[u8],
        out: &'o mut [u8; INITIATION_LEN],
    ) -> Option<&'o [u8]> {
        let message = datagram.get(self.prefix_len(kind)..)?;
        let out = out.get_mut(..handshake_len(kind)?)?;
        let (message, trailer) = message.split_at_checked(out.len())?;
        if !trailer.is_empty() && !self.settings.random_trailers {
            return None;
        }
        let mut value = *message.first_chunk::<TYPE_LEN>()?;
        if let Some(key) = self.key() {
            C::chacha20(key.as_bytes(), datagram.first_chunk()?, &mut value);
        }
        if !self.headers(kind).contains(u32::from_le_bytes(value)) {
            return None;
        }
        out.copy_from_slice(message);
        if let Some(key) = self.key() {
            C::chacha20(key.as_bytes(), datagram.first_chunk()?, out);
        }
        Some(out)
    }

    /// Zeros to append to a packet of `len` bytes on a path of `mtu` bytes (0: unknown). In place of
    /// [`transport::padding`], which it is without a setting.
    ///
    /// With one, the padded packet does not exceed the MTU, either, and a packet longer than that is not
    /// padded.
    #[inline]
    #[must_use]
    pub fn content_padding(&self, len: usize, mtu: usize, random: u32) -> usize {
        self.fixed_content_padding(len, mtu).unwrap_or_else(|| {
            let padding = self.settings.content_padding.pick(random);
            usize::from(padding).min(room_for_padding(len, mtu))
        })
    }

    /// The same, if it is that whatever the random number: without a setting, or one that is a single
    /// number, or where the MTU leaves no more than the least.
    #[inline]
    #[must_use]
    pub fn fixed_content_padding(&self, len: usize, mtu: usize) -> Option<usize> {
        if !self.pads_content() {
            return Some(transport::padding(len, mtu));
        }
        let padding = self.settings.content_padding;
        let room = room_for_padding(len, mtu);
        let least = usize::from(padding.lo).min(room);
        (padding.lo == padding.hi || least == room).then_some(least)
    }

    /// Random bytes to append to a handshake message which, with its prefix, has `message_len` bytes: less
    /// than what is lacking to `window`, the length of the longest data message to or from the peer.
    #[must_use]
    pub const fn trailer_len(&self, message_len: usize, window: usize, random: u32) -> usize {
        if !self.settings.random_trailers {
            return 0;
        }
        let lacking = window.saturating_sub(message_len);
        let lacking = if lacking > u16::MAX as usize {
            u16::MAX
        } else {
            lacking as u16
        };
        Span::new(0, lacking.saturating_sub(1)).pick(random) as usize
    }
}

/// By how much a packet of `len` bytes may grow on a path of `mtu` bytes (0: unknown).
#[inline]
const fn room_for_padding(len: usize, mtu: usize) -> usize {
    let mtu = if mtu == 0 { LEAST_MTU } else { mtu };
    mtu.saturating_sub(len)
}

/// How much of a message is masked.
const fn protected_len(kind: MessageType) -> usize {
    match handshake_len(kind) {
        Some(len) => len,
        None => PROTECTED_DATA_LEN,
    }
}

/// The length of a handshake message, and nothing for data.
const fn handshake_len(kind: MessageType) -> Option<usize> {
    match kind {
        MessageType::Initiation => Some(INITIATION_LEN),
        MessageType::Response => Some(RESPONSE_LEN),
        MessageType::CookieReply => Some(COOKIE_REPLY_LEN),
        MessageType::Data => None,
    }
}

fn protect<C: Crypto>(key: &Key<C>, prefix: usize, len: usize, datagram: &mut [u8]) {
    let Some((prefix, message)) = datagram.split_at_mut_checked(prefix) else {
        return;
    };
    let nonce = prefix.first_chunk::<NONCE_LEN>();
    if let Some((nonce, masked)) = nonce.zip(message.get_mut(..len)) {
        C::chacha20(key.as_bytes(), nonce, masked);
    }
}
