// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The four messages as they lie on the wire (5.4), checked once when parsed.
//!
//! The structs have alignment one and no invalid bit patterns, so a message is a view of the bytes
//! it came in. A value of a message type that [`parse`] returned has the right type and length;
//! nothing else about it is known.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, IntoBytes};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::constants::{
    COOKIE_LEN, COOKIE_NONCE_LEN, COOKIE_REPLY_LEN, DATA_HEADER_LEN, INITIATION_LEN, KEEPALIVE_LEN,
    KEY_LEN, RESPONSE_LEN, TAG_LEN, TIMESTAMP_LEN,
};

/// The number by which a receiver finds one of its handshakes or sessions.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Index(pub u32);

/// The number of a data message within its session, also the nonce it is encrypted under.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Counter(pub u64);

/// A Curve25519 public key, static or ephemeral.
#[derive(
    Clone, Copy, Debug, Eq, Hash, PartialEq, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
)]
#[repr(transparent)]
pub struct PublicKey(pub [u8; KEY_LEN]);

const MACS_LEN: usize = 2 * COOKIE_LEN;

/// The two authenticators at the end of an initiation or response.
#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Macs {
    pub(super) mac1: [u8; COOKIE_LEN],
    pub(super) mac2: [u8; COOKIE_LEN],
}

/// Type 1, first message of a handshake (5.4.2).
#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Initiation {
    kind: U32,
    sender: U32,
    pub(super) ephemeral: PublicKey,
    pub(super) encrypted_static: [u8; KEY_LEN + TAG_LEN],
    pub(super) encrypted_timestamp: [u8; TIMESTAMP_LEN + TAG_LEN],
    macs: Macs,
}

/// Type 2, second message of a handshake (5.4.3).
#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Response {
    kind: U32,
    sender: U32,
    receiver: U32,
    pub(super) ephemeral: PublicKey,
    pub(super) encrypted_nothing: [u8; TAG_LEN],
    macs: Macs,
}

/// Type 3, answer to a handshake message that came under load (5.4.7).
#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub struct CookieReply {
    kind: U32,
    receiver: U32,
    pub(super) nonce: [u8; COOKIE_NONCE_LEN],
    pub(super) encrypted_cookie: [u8; COOKIE_LEN + TAG_LEN],
}

/// What stands before the ciphertext of a data message, type 4 (5.4.6).
#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub struct DataHeader {
    kind: U32,
    receiver: U32,
    counter: U64,
}

const _: () = {
    use core::mem::{offset_of, size_of};
    assert!(size_of::<Initiation>() == INITIATION_LEN);
    assert!(offset_of!(Initiation, sender) == 4);
    assert!(offset_of!(Initiation, ephemeral) == 8);
    assert!(offset_of!(Initiation, encrypted_static) == 40);
    assert!(offset_of!(Initiation, encrypted_timestamp) == 88);
    assert!(offset_of!(Initiation, macs) == 116);
    assert!(size_of::<Response>() == RESPONSE_LEN);
    assert!(offset_of!(Response, receiver) == 8);
    assert!(offset_of!(Response, ephemeral) == 12);
    assert!(offset_of!(Response, encrypted_nothing) == 44);
    assert!(offset_of!(Response, macs) == 60);
    assert!(size_of::<CookieReply>() == COOKIE_REPLY_LEN);
    assert!(offset_of!(CookieReply, nonce) == 8);
    assert!(offset_of!(CookieReply, encrypted_cookie) == 32);
    assert!(size_of::<DataHeader>() == DATA_HEADER_LEN);
    assert!(offset_of!(DataHeader, counter) == 8);
};

/// The type of a message, from its first byte; the next three are zero.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum MessageType {
    /// [`Initiation`].
    Initiation = 1,
    /// [`Response`].
    Response = 2,
    /// [`CookieReply`].
    CookieReply = 3,
    /// [`DataHeader`] and ciphertext.
    Data = 4,
}

impl MessageType {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [
        Self::Initiation,
        Self::Response,
        Self::CookieReply,
        Self::Data,
    ];

    /// The type of a datagram of `len` bytes that begins with `first`, if its length fits the type.
    ///
    /// This is all that a receiver needs before it decides where a datagram goes.
    #[inline]
    #[must_use]
    pub const fn of(first: [u8; 4], len: usize) -> Option<Self> {
        match (u32::from_le_bytes(first), len) {
            (1, INITIATION_LEN) => Some(Self::Initiation),
            (2, RESPONSE_LEN) => Some(Self::Response),
            (3, COOKIE_REPLY_LEN) => Some(Self::CookieReply),
            (4, KEEPALIVE_LEN..) => Some(Self::Data),
            _ => None,
        }
    }

    const fn wire(self) -> U32 {
        U32::new(self as u32)
    }
}

/// The bytes are no message: unknown type, a reserved byte set, or a length that does not fit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ParseError;

/// A datagram whose type and length are right.
#[derive(Clone, Copy)]
pub enum Message<'a> {
    /// First message of a handshake.
    Initiation(&'a Initiation),
    /// Second message of a handshake.
    Response(&'a Response),
    /// A cookie, sealed.
    CookieReply(&'a CookieReply),
    /// A packet or keepalive, encrypted.
    Data(Data<'a>),
}

/// A data message, with at least a tag behind its header.
#[derive(Clone, Copy)]
pub struct Data<'a> {
    /// Where it belongs.
    pub header: &'a DataHeader,
    /// The encrypted packet and the tag.
    pub ciphertext: &'a [u8],
}

/// Reads a datagram.
pub fn parse(datagram: &[u8]) -> Result<Message<'_>, ParseError> {
    let first = datagram.first_chunk().ok_or(ParseError)?;
    parse_as(
        MessageType::of(*first, datagram.len()).ok_or(ParseError)?,
        datagram,
    )
}

/// Reads a message of a type that is known from elsewhere: AmneziaWG has other numbers for it, which
/// mac1 and mac2 cover as they are. The length has to fit.
pub fn parse_as(kind: MessageType, datagram: &[u8]) -> Result<Message<'_>, ParseError> {
    match kind {
        MessageType::Initiation => Initiation::ref_from_bytes(datagram)
            .map(Message::Initiation)
            .map_err(|_| ParseError),
        MessageType::Response => Response::ref_from_bytes(datagram)
            .map(Message::Response)
            .map_err(|_| ParseError),
        MessageType::CookieReply => CookieReply::ref_from_bytes(datagram)
            .map(Message::CookieReply)
            .map_err(|_| ParseError),
        MessageType::Data => match DataHeader::ref_from_prefix(datagram) {
            Ok((header, ciphertext)) if ciphertext.len() >= TAG_LEN => {
                Ok(Message::Data(Data { header, ciphertext }))
            }
            _ => Err(ParseError),
        },
    }
}

impl Initiation {
    /// Replaces the number that says what it is, before the macs, which cover it.
    pub const fn set_type(&mut self, value: u32) {
        self.kind = U32::new(value);
    }

    pub(super) fn new(sender: Index, ephemeral: PublicKey) -> Self {
        Self {
            kind: MessageType::Initiation.wire(),
            sender: U32::new(sender.0),
            ephemeral,
            encrypted_static: [0; KEY_LEN + TAG_LEN],
            encrypted_timestamp: [0; TIMESTAMP_LEN + TAG_LEN],
            macs: Macs::NONE,
        }
    }

    /// The index under which the initiator wants to be answered.
    #[must_use]
    pub const fn sender(&self) -> Index {
        Index(self.sender.get())
    }
}

impl Response {
    /// Replaces the number that says what it is, before the macs, which cover it.
    pub const fn set_type(&mut self, value: u32) {
        self.kind = U32::new(value);
    }

    pub(super) fn new(sender: Index, receiver: Index, ephemeral: PublicKey) -> Self {
        Self {
            kind: MessageType::Response.wire(),
            sender: U32::new(sender.0),
            receiver: U32::new(receiver.0),
            ephemeral,
            encrypted_nothing: [0; TAG_LEN],
            macs: Macs::NONE,
        }
    }

    /// The index under which the responder wants data.
    #[must_use]
    pub const fn sender(&self) -> Index {
        Index(self.sender.get())
    }

    /// The index from the initiation that is answered.
    #[must_use]
    pub const fn receiver(&self) -> Index {
        Index(self.receiver.get())
    }
}

impl CookieReply {
    /// Replaces the number that says what it is.
    pub const fn set_type(&mut self, value: u32) {
        self.kind = U32::new(value);
    }

    pub(super) fn new(receiver: Index, nonce: [u8; COOKIE_NONCE_LEN]) -> Self {
        Self {
            kind: MessageType::CookieReply.wire(),
            receiver: U32::new(receiver.0),
            nonce,
            encrypted_cookie: [0; COOKIE_LEN + TAG_LEN],
        }
    }

    /// The sender index of the message that is answered.
    #[must_use]
    pub const fn receiver(&self) -> Index {
        Index(self.receiver.get())
    }
}

impl DataHeader {
    /// The header of message number `counter` of the session the peer knows as `receiver`.
    #[inline]
    #[must_use]
    pub const fn new(receiver: Index, counter: Counter) -> Self {
        Self::with_type(MessageType::Data as u32, receiver, counter)
    }

    /// The same with another number to say what it is.
    #[inline]
    #[must_use]
    pub const fn with_type(value: u32, receiver: Index, counter: Counter) -> Self {
        Self {
            kind: U32::new(value),
            receiver: U32::new(receiver.0),
            counter: U64::new(counter.0),
        }
    }

    /// The number that says what it is.
    #[inline]
    #[must_use]
    pub const fn type_value(&self) -> u32 {
        self.kind.get()
    }

    /// Reads the header of a datagram that [`MessageType::of`] called data.
    #[inline]
    #[must_use]
    pub fn read(header: &[u8; DATA_HEADER_LEN]) -> Self {
        zerocopy::transmute!(*header)
    }

    /// The bytes to send.
    #[inline]
    #[must_use]
    pub fn to_bytes(self) -> [u8; DATA_HEADER_LEN] {
        zerocopy::transmute!(self)
    }

    /// The index of the receiver's session.
    #[inline]
    #[must_use]
    pub const fn receiver(&self) -> Index {
        Index(self.receiver.get())
    }

    /// The message's number in its session.
    #[inline]
    #[must_use]
    pub const fn counter(&self) -> Counter {
        Counter(self.counter.get())
    }
}

impl Macs {
    const NONE: Self = Self {
        mac1: [0; COOKIE_LEN],
        mac2: [0; COOKIE_LEN],
    };

    /// Splits a handshake message into what mac1 covers, mac1 and mac2.
    pub(super) fn split(message: &[u8]) -> Option<(&[u8], &Self)> {
        let (body, macs) = message.split_last_chunk::<MACS_LEN>()?;
        Some((body, zerocopy::transmute_ref!(macs)))
    }

    /// The same to write the macs in.
    pub(super) fn split_mut(message: &mut [u8]) -> Option<(&mut [u8], &mut Self)> {
        let (body, macs) = message.split_last_chunk_mut::<MACS_LEN>()?;
        Some((body, zerocopy::transmute_mut!(macs)))
    }
}

/// The messages that start a handshake: they carry [`Macs`] and a sender index.
pub trait HandshakeMessage: sealed::Sealed {
    /// The index under which the sender wants to be answered.
    fn sender_index(&self) -> Index;

    /// The bytes to send.
    fn as_bytes(&self) -> &[u8];

    /// The bytes, to write the macs.
    fn as_mut_bytes(&mut self) -> &mut [u8];
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Initiation {}
    impl Sealed for super::Response {}
}

macro_rules! impl_handshake_message {
    ($message:ty) => {
        impl HandshakeMessage for $message {
            fn sender_index(&self) -> Index {
                self.sender()
            }

            fn as_bytes(&self) -> &[u8] {
                IntoBytes::as_bytes(self)
            }

            fn as_mut_bytes(&mut self) -> &mut [u8] {
                IntoBytes::as_mut_bytes(self)
            }
        }
    };
}

impl_handshake_message!(Initiation);
impl_handshake_message!(Response);

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(kind: u8, len: usize) -> [u8; 200] {
        let mut bytes = [0; 200];
        bytes[0] = kind;
        assert!(len <= 200);
        bytes
    }

    fn accepts(kind: u8, len: usize) -> bool {
        parse(&datagram(kind, len)[..len]).is_ok()
    }

    #[test]
    fn lengths_are_exact() {
        for (kind, right) in [(1, 148), (2, 92), (3, 64)] {
            for len in 4..200 {
                assert_eq!(accepts(kind, len), len == right);
            }
        }
        for len in 4..200 {
            assert_eq!(accepts(4, len), len >= 32);
            assert!(!accepts(0, len));
            assert!(!accepts(5, len));
        }
    }

    #[test]
    fn short_datagrams_are_refused() {
        for len in 0..4 {
            assert!(!accepts(4, len));
        }
    }

    #[test]
    fn reserved_bytes_are_zero() {
        for at in 1..4 {
            let mut bytes = datagram(4, 32);
            bytes[at] = 1;
            assert!(parse(&bytes[..32]).is_err());
        }
    }

    #[test]
    fn header_fields_are_little_endian() {
        let header = DataHeader::new(Index(0x0403_0201), Counter(0x0807_0605_0403_0201));
        let bytes = header.to_bytes();
        assert_eq!(bytes, [4, 0, 0, 0, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(DataHeader::read(&bytes).receiver(), header.receiver());
        assert_eq!(DataHeader::read(&bytes).counter(), header.counter());
    }

    #[test]
    fn macs_are_the_last_32_bytes() {
        let message = Response::new(Index(1), Index(2), PublicKey([3; 32]));
        let (body, _) = Macs::split(HandshakeMessage::as_bytes(&message)).unwrap();
        assert_eq!(body.len(), 60);
        assert!(Macs::split(&[0; 31]).is_none());
    }
}
