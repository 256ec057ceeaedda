// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What a user may set, and why it may be refused.

use core::ffi::CStr;

use super::super::constants::{REJECT_AFTER_TIME, REKEY_AFTER_TIME};
use super::super::crypto::Crypto;
use super::super::messages::MessageType;
use super::super::noise::Key;
use super::{Span, KINDS, MAX_JUNK, MAX_JUNK_LEN, MAX_PREFIX, MIN_PROTECTED_PREFIX};

/// All settings but I1 to I5, as they are configured. [`Default`] is WireGuard.
pub struct Settings<C: Crypto> {
    /// Jc: how many packets of junk precede an initiation.
    pub junk_count: u16,
    /// Jmin and Jmax: how long each of them is.
    pub junk_len: Span<u16>,
    /// S1 to S4: how many random bytes precede each kind of message.
    pub prefixes: [u16; KINDS],
    /// H1 to H4: what stands in place of the type of each kind of message.
    pub headers: [Span<u32>; KINDS],
    /// HeaderProtectionKey: what masks the plain parts of messages. Zero is none.
    pub protection_key: Option<Key<C>>,
    /// ContentPaddingAddition: how many zeros follow a packet before it is encrypted. Zero: up to a
    /// multiple of 16.
    pub content_padding: Span<u16>,
    /// RekeyAfterTime, in seconds as all that follow; zero is WireGuard's.
    pub rekey_after_time: Span<u16>,
    /// RekeyTimeout.
    pub rekey_timeout: Span<u16>,
    /// RejectAfterTime.
    pub reject_after_time: Span<u16>,
    /// KeepaliveTimeout.
    pub keepalive_timeout: Span<u16>,
    /// MaxHandshakeAttempts: how often an initiation is repeated; zero is WireGuard's.
    pub max_handshake_attempts: Span<u16>,
    /// RandomTrailers: whether handshake messages are followed by random bytes.
    pub random_trailers: bool,
    /// DisableCookies: whether handshake messages above the limit go without an answer.
    pub disable_cookies: bool,
}

impl<C: Crypto> Default for Settings<C> {
    fn default() -> Self {
        Self {
            junk_count: 0,
            junk_len: Span::single(0),
            prefixes: [0; KINDS],
            headers: WIREGUARD_HEADERS,
            protection_key: None,
            content_padding: Span::single(0),
            rekey_after_time: Span::single(0),
            rekey_timeout: Span::single(0),
            reject_after_time: Span::single(0),
            keepalive_timeout: Span::single(0),
            max_handshake_attempts: Span::single(0),
            random_trailers: false,
            disable_cookies: false,
        }
    }
}

const WIREGUARD_HEADERS: [Span<u32>; KINDS] = [
    Span::single(MessageType::Initiation as u32),
    Span::single(MessageType::Response as u32),
    Span::single(MessageType::CookieReply as u32),
    Span::single(MessageType::Data as u32),
];

impl<C: Crypto> Settings<C> {
    /// A second copy. Spelled out because of the key.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self {
            protection_key: self.protection_key.as_ref().map(Key::duplicate),
            ..*self
        }
    }

    /// Whether all is as in the other.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        // So that none is forgotten.
        let Self {
            junk_count,
            junk_len,
            prefixes,
            headers,
            protection_key: _,
            content_padding,
            rekey_after_time,
            rekey_timeout,
            reject_after_time,
            keepalive_timeout,
            max_handshake_attempts,
            random_trailers,
            disable_cookies,
        } = other;
        let has_same_key = match (self.key(), other.key()) {
            (Some(key), Some(other)) => key.ct_eq(other),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        has_same_key
            && self.junk_count == *junk_count
            && self.junk_len == *junk_len
            && self.prefixes == *prefixes
            && self.headers == *headers
            && self.content_padding == *content_padding
            && self.rekey_after_time == *rekey_after_time
            && self.rekey_timeout == *rekey_timeout
            && self.reject_after_time == *reject_after_time
            && self.keepalive_timeout == *keepalive_timeout
            && self.max_handshake_attempts == *max_handshake_attempts
            && self.random_trailers == *random_trailers
            && self.disable_cookies == *disable_cookies
    }

    /// The key, unless it is zero, which is as good as none.
    #[must_use]
    pub fn key(&self) -> Option<&Key<C>> {
        self.protection_key.as_ref().filter(|key| !key.is_zero())
    }

    /// How many packets of junk are sent; none if they would all be empty.
    #[must_use]
    pub const fn junk(&self) -> u16 {
        if self.junk_len.hi == 0 {
            0
        } else {
            self.junk_count
        }
    }

    /// Whether there is no difference from WireGuard, neither on the wire nor in time.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.junk() == 0
            && self.prefixes == [0; KINDS]
            && self.headers == WIREGUARD_HEADERS
            && self.key().is_none()
            && self.content_padding.is_zero()
            && self.rekey_after_time.is_zero()
            && self.rekey_timeout.is_zero()
            && self.reject_after_time.is_zero()
            && self.keepalive_timeout.is_zero()
            && self.max_handshake_attempts.is_zero()
            && !self.random_trailers
            && !self.disable_cookies
    }

    /// Checks all of it, and tells of the first that cannot work.
    pub fn check(&self) -> Result<(), Refusal> {
        self.check_junk()?;
        self.check_prefixes()?;
        self.check_headers()?;
        self.check_ranges()
    }

    fn check_junk(&self) -> Result<(), Refusal> {
        refuse_if(self.junk_count > MAX_JUNK, Refusal::TooMuchJunk)?;
        refuse_if(self.junk_len.hi > MAX_JUNK_LEN, Refusal::JunkTooLong)?;
        refuse_if(
            self.junk_len.is_inverted(),
            Refusal::Inverted(Setting::Jmin),
        )
    }

    fn check_prefixes(&self) -> Result<(), Refusal> {
        let is_protected = self.key().is_some();
        for (kind, prefix) in MessageType::ALL.into_iter().zip(self.prefixes) {
            refuse_if(prefix > MAX_PREFIX, Refusal::PrefixTooLong(kind))?;
            refuse_if(
                is_protected && prefix < MIN_PROTECTED_PREFIX,
                Refusal::PrefixTooShort(kind),
            )?;
        }
        Ok(())
    }

    fn check_headers(&self) -> Result<(), Refusal> {
        for (kind, span) in MessageType::ALL.into_iter().zip(self.headers) {
            refuse_if(
                span.is_inverted(),
                Refusal::Inverted(Setting::header_of(kind)),
            )?;
        }
        let [initiation, response, cookie_reply, data] = self.headers;
        for (a, b, pair) in [
            (initiation, response, HeaderPair::H1H2),
            (initiation, cookie_reply, HeaderPair::H1H3),
            (initiation, data, HeaderPair::H1H4),
            (response, cookie_reply, HeaderPair::H2H3),
            (response, data, HeaderPair::H2H4),
            (cookie_reply, data, HeaderPair::H3H4),
        ] {
            refuse_if(a.overlaps(b), Refusal::HeadersOverlap(pair))?;
        }
        Ok(())
    }

    fn check_ranges(&self) -> Result<(), Refusal> {
        for (span, setting) in [
            (self.content_padding, Setting::ContentPaddingAddition),
            (self.rekey_after_time, Setting::RekeyAfterTime),
            (self.rekey_timeout, Setting::RekeyTimeout),
            (self.reject_after_time, Setting::RejectAfterTime),
            (self.keepalive_timeout, Setting::KeepaliveTimeout),
            (self.max_handshake_attempts, Setting::MaxHandshakeAttempts),
        ] {
            refuse_if(span.is_inverted(), Refusal::Inverted(setting))?;
        }
        self.check_lifetime()
    }

    /// A session that is over before it is renewed loses what is sent in between, each time.
    fn check_lifetime(&self) -> Result<(), Refusal> {
        let (renewed, over) = (self.rekey_after_time, self.reject_after_time);
        let latest_renewal = if renewed.is_zero() {
            REKEY_AFTER_TIME.as_secs()
        } else {
            renewed.hi.into()
        };
        let earliest_end = if over.is_zero() {
            REJECT_AFTER_TIME.as_secs()
        } else {
            over.lo.into()
        };
        refuse_if(earliest_end <= latest_renewal, Refusal::EndsUnrenewed)
    }
}

fn refuse_if(is_wrong: bool, refusal: Refusal) -> Result<(), Refusal> {
    if is_wrong {
        Err(refusal)
    } else {
        Ok(())
    }
}

/// The name of a setting, as configuration files have it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(missing_docs, reason = "the fields of `Settings` say what they are")]
pub enum Setting {
    Jc,
    Jmin,
    Jmax,
    S1,
    S2,
    S3,
    S4,
    H1,
    H2,
    H3,
    H4,
    HeaderProtectionKey,
    ContentPaddingAddition,
    RekeyAfterTime,
    RekeyTimeout,
    RejectAfterTime,
    KeepaliveTimeout,
    MaxHandshakeAttempts,
}

impl Setting {
    /// The one of S1 to S4 for messages of this kind.
    #[must_use]
    pub const fn prefix_of(kind: MessageType) -> Self {
        match kind {
            MessageType::Initiation => Self::S1,
            MessageType::Response => Self::S2,
            MessageType::CookieReply => Self::S3,
            MessageType::Data => Self::S4,
        }
    }

    /// The one of H1 to H4 for messages of this kind.
    #[must_use]
    pub const fn header_of(kind: MessageType) -> Self {
        match kind {
            MessageType::Initiation => Self::H1,
            MessageType::Response => Self::H2,
            MessageType::CookieReply => Self::H3,
            MessageType::Data => Self::H4,
        }
    }
}

/// Two of H1 to H4.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum HeaderPair {
    H1H2,
    H1H3,
    H1H4,
    H2H3,
    H2H4,
    H3H4,
}

/// Why settings are refused.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Refusal {
    /// Jc is greater than [`MAX_JUNK`].
    TooMuchJunk,
    /// Jmax is greater than [`MAX_JUNK_LEN`].
    JunkTooLong,
    /// A range ends before it begins: Jmin to Jmax, one of H1 to H4, padding, a time or attempts.
    Inverted(Setting),
    /// One of S1 to S4 is greater than [`MAX_PREFIX`].
    PrefixTooLong(MessageType),
    /// One of S1 to S4 is less than [`MIN_PROTECTED_PREFIX`], and there is a key.
    PrefixTooShort(MessageType),
    /// Two of H1 to H4 have a number in common.
    HeadersOverlap(HeaderPair),
    /// The least RejectAfterTime is not greater than the greatest RekeyAfterTime.
    EndsUnrenewed,
}

impl Refusal {
    /// What is to blame; of two that do not go together, the one with the greater number.
    #[must_use]
    pub const fn setting(self) -> Setting {
        match self {
            Self::TooMuchJunk => Setting::Jc,
            Self::JunkTooLong => Setting::Jmax,
            Self::Inverted(setting) => setting,
            Self::PrefixTooLong(kind) | Self::PrefixTooShort(kind) => Setting::prefix_of(kind),
            Self::HeadersOverlap(pair) => match pair {
                HeaderPair::H1H2 => Setting::H2,
                HeaderPair::H1H3 | HeaderPair::H2H3 => Setting::H3,
                HeaderPair::H1H4 | HeaderPair::H2H4 | HeaderPair::H3H4 => Setting::H4,
            },
            Self::EndsUnrenewed => Setting::RejectAfterTime,
        }
    }

    /// What to tell the user: the setting, and what it has to be.
    #[must_use]
    pub const fn text(self) -> &'static CStr {
        match self {
            Self::TooMuchJunk => c"Jc must not be greater than 128",
            Self::JunkTooLong => c"Jmax must not be greater than 1452",
            Self::Inverted(setting) => inverted_text(setting),
            Self::PrefixTooLong(kind) => match kind {
                MessageType::Initiation => c"S1 must not be greater than 1304",
                MessageType::Response => c"S2 must not be greater than 1304",
                MessageType::CookieReply => c"S3 must not be greater than 1304",
                MessageType::Data => c"S4 must not be greater than 1304",
            },
            Self::PrefixTooShort(kind) => match kind {
                MessageType::Initiation => c"S1 must be >= 12 when HeaderProtectionKey is set",
                MessageType::Response => c"S2 must be >= 12 when HeaderProtectionKey is set",
                MessageType::CookieReply => c"S3 must be >= 12 when HeaderProtectionKey is set",
                MessageType::Data => c"S4 must be >= 12 when HeaderProtectionKey is set",
            },
            Self::HeadersOverlap(pair) => match pair {
                HeaderPair::H1H2 => c"H1 and H2 must not overlap",
                HeaderPair::H1H3 => c"H1 and H3 must not overlap",
                HeaderPair::H1H4 => c"H1 and H4 must not overlap",
                HeaderPair::H2H3 => c"H2 and H3 must not overlap",
                HeaderPair::H2H4 => c"H2 and H4 must not overlap",
                HeaderPair::H3H4 => c"H3 and H4 must not overlap",
            },
            Self::EndsUnrenewed => {
                c"RejectAfterTime (default 180) must be greater than RekeyAfterTime (default 120)"
            }
        }
    }
}

const fn inverted_text(setting: Setting) -> &'static CStr {
    match setting {
        Setting::Jc | Setting::Jmin | Setting::Jmax => c"Jmin must not be greater than Jmax",
        Setting::H1 => c"H1: the range must not end before it begins",
        Setting::H2 => c"H2: the range must not end before it begins",
        Setting::H3 => c"H3: the range must not end before it begins",
        Setting::H4 => c"H4: the range must not end before it begins",
        Setting::ContentPaddingAddition => {
            c"ContentPaddingAddition: the range must not end before it begins"
        }
        Setting::RekeyAfterTime => c"RekeyAfterTime: the range must not end before it begins",
        Setting::RekeyTimeout => c"RekeyTimeout: the range must not end before it begins",
        Setting::RejectAfterTime => c"RejectAfterTime: the range must not end before it begins",
        Setting::KeepaliveTimeout => c"KeepaliveTimeout: the range must not end before it begins",
        Setting::MaxHandshakeAttempts => {
            c"MaxHandshakeAttempts: the range must not end before it begins"
        }
        // Those that are no ranges.
        _ => c"the range must not end before it begins",
    }
}
