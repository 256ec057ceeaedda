// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Known-answer tests of an implementation of [`Crypto`], and of the protocol above it.
//!
//! They need neither `std` nor allocation, so user space and kernel run them on the same vectors: a
//! selection of Wycheproof's, hashes by another implementation, and one handshake, cookie included,
//! by another implementation of Noise. Needs about 4 KiB of stack.

mod vectors;

use core::net::SocketAddr;

use super::constants::{CONSTRUCTION, IDENTIFIER, TAG_LEN};
use super::cookie::{CookieChecker, CookieMaker, Load, MacState};
use super::crypto::{Blake2s, Crypto, DegenerateSharedSecret, Secret};
use super::handshake::{Handshake, IncomingInitiation, SessionKeys};
use super::identity::{RemoteStatic, StaticIdentity};
use super::messages::{HandshakeMessage, Index, PublicKey};
use super::noise::{self, Key};
use super::time::{BootTime, WallTime};

/// Names the check that failed.
pub type Outcome = Result<(), &'static str>;

/// Runs all checks of `C`, up to the first that fails.
pub fn run<C: Crypto>() -> Outcome {
    hashes::<C>()?;
    key_derivation::<C>()?;
    initial_values::<C>()?;
    diffie_hellman::<C>()?;
    chacha20::<C>()?;
    chacha20poly1305::<C>()?;
    xchacha20poly1305::<C>()?;
    constant_time_eq::<C>()?;
    wiping::<C>()?;
    handshake::<C>()?;
    cookies::<C>()
}

/// BLAKE2s of the first `len` bytes of 0, 1, 2 …, plain and keyed in both output lengths.
struct HashVector {
    len: usize,
    plain: &'static [u8; 32],
    keyed: &'static [u8; 32],
    mac: &'static [u8; 16],
}

/// HKDF with three outputs.
struct KdfVector {
    chaining_key: &'static [u8; 32],
    input: &'static [u8],
    outputs: [&'static [u8; 32]; 3],
}

/// One X25519; no result if it is zero.
struct DhVector {
    secret: &'static [u8; 32],
    point: &'static [u8; 32],
    shared: Option<&'static [u8; 32]>,
}

/// One sealed text; opening it must fail if it is not valid.
struct AeadVector<Nonce: 'static> {
    key: &'static [u8; 32],
    nonce: Nonce,
    ad: &'static [u8],
    text: &'static [u8],
    sealed: &'static [u8],
    is_valid: bool,
}

/// A whole handshake with everything random fixed.
struct Transcript {
    initiator_private: &'static [u8; 32],
    initiator_ephemeral: &'static [u8; 32],
    initiator_index: u32,
    responder_private: &'static [u8; 32],
    responder_ephemeral: &'static [u8; 32],
    responder_index: u32,
    preshared_key: &'static [u8; 32],
    wall: WallTime,
    initiation: &'static [u8; 148],
    response: &'static [u8; 92],
    initiator_sends: &'static [u8; 32],
    responder_sends: &'static [u8; 32],
}

/// A cookie for the initiation of the [`Transcript`], and the initiation with it.
struct CookieVector {
    secret: &'static [u8; 32],
    source: SocketAddr,
    nonce: &'static [u8; 24],
    reply: &'static [u8; 64],
    initiation: &'static [u8; 148],
}

const MAX_TEXT: usize = 128;

fn check(holds: bool, name: &'static str) -> Outcome {
    if holds {
        Ok(())
    } else {
        Err(name)
    }
}

/// The first `N` bytes of 0, 1, 2 … .
fn sequence<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    for (byte, value) in bytes.iter_mut().zip((0..=u8::MAX).cycle()) {
        *byte = value;
    }
    bytes
}

fn blake2s<const N: usize, H: Blake2s<N>>(mut state: H, data: &[u8]) -> [u8; N] {
    // In uneven pieces, so that buffering is tested too.
    let (first, rest) = data.split_at_checked(3).unwrap_or((data, &[]));
    for piece in [first, rest] {
        state.update(piece);
    }
    let mut digest = [0; N];
    state.finalize(&mut digest);
    digest
}

fn hashes<C: Crypto>() -> Outcome {
    let data = sequence::<256>();
    let key = sequence::<32>();
    let short_key = sequence::<16>();
    for vector in vectors::HASHES {
        let data = data.get(..vector.len).ok_or("BLAKE2s vector too long")?;
        check(
            blake2s(C::Hash::unkeyed(), data) == *vector.plain,
            "BLAKE2s-256",
        )?;
        check(
            blake2s(C::Hash::keyed(&key), data) == *vector.keyed,
            "keyed BLAKE2s-256",
        )?;
        check(
            blake2s(C::Mac::keyed(&short_key), data) == *vector.mac,
            "keyed BLAKE2s-128",
        )?;
    }
    Ok(())
}

fn key_derivation<C: Crypto>() -> Outcome {
    for vector in vectors::KDF {
        let chaining_key = Key::<C>::from_bytes(*vector.chaining_key);
        let [one, two, three] = vector.outputs;
        let first = noise::kdf1(&chaining_key, vector.input);
        check(first.as_bytes() == one, "KDF1")?;
        let (first, second) = noise::kdf2(&chaining_key, vector.input);
        check(first.as_bytes() == one && second.as_bytes() == two, "KDF2")?;
        let (first, second, third) = noise::kdf3(&chaining_key, vector.input);
        check(first.as_bytes() == one && second.as_bytes() == two, "KDF3")?;
        check(third.as_bytes() == three, "KDF3")?;
    }
    Ok(())
}

fn initial_values<C: Crypto>() -> Outcome {
    let mut value = [0; 32];
    noise::hash::<C>(&mut value, &[CONSTRUCTION]);
    check(value == noise::INITIAL_CHAINING_KEY, "initial chaining key")?;
    noise::hash::<C>(&mut value, &[&noise::INITIAL_CHAINING_KEY, IDENTIFIER]);
    check(value == noise::INITIAL_HASH, "initial hash")
}

fn diffie_hellman<C: Crypto>() -> Outcome {
    for vector in vectors::DH {
        let mut shared = [0; 32];
        let result = C::curve25519(&mut shared, vector.secret, vector.point);
        match vector.shared {
            Some(expected) => check(result.is_ok() && shared == *expected, "X25519")?,
            None => check(
                result == Err(DegenerateSharedSecret),
                "X25519 with zero result",
            )?,
        }
    }
    let transcript = &vectors::TRANSCRIPT;
    let mut base = [0; 32];
    base[0] = 9;
    let (mut public, mut product) = ([0; 32], [0; 32]);
    let both = C::curve25519_public(&mut public, transcript.initiator_private)
        .and_then(|()| C::curve25519(&mut product, transcript.initiator_private, &base));
    check(
        both.is_ok() && public == product,
        "X25519 with the base point",
    )
}

/// Seals and opens one vector, whose texts are at most [`MAX_TEXT`] long.
fn aead<N>(
    vector: &AeadVector<N>,
    seal: impl FnOnce(&mut [u8], &AeadVector<N>) -> bool,
    open: impl FnOnce(&mut [u8], &AeadVector<N>) -> bool,
    name: &'static str,
) -> Outcome {
    let mut buffer = [0; MAX_TEXT + TAG_LEN];
    let sealed = buffer.get_mut(..vector.sealed.len()).ok_or(name)?;
    let matches = seal(sealed, vector) && *sealed == *vector.sealed;
    check(matches == vector.is_valid, name)?;
    let text = buffer.get_mut(..vector.text.len()).ok_or(name)?;
    if vector.is_valid {
        check(open(text, vector) && *text == *vector.text, name)
    } else {
        check(!open(text, vector), name)
    }
}

/// RFC 8439, 2.4.2: a text from block 1 on, here behind a block of zeros.
const SUNSCREEN: &[u8; 114] = b"Ladies and Gentlemen of the class of '99: If I could offer you \
only one tip for the future, sunscreen would be it.";
const SUNSCREEN_SEALED: [u8; 114] = [
    0x6e, 0x2e, 0x35, 0x9a, 0x25, 0x68, 0xf9, 0x80, 0x41, 0xba, 0x07, 0x28, 0xdd, 0x0d, 0x69, 0x81,
    0xe9, 0x7e, 0x7a, 0xec, 0x1d, 0x43, 0x60, 0xc2, 0x0a, 0x27, 0xaf, 0xcc, 0xfd, 0x9f, 0xae, 0x0b,
    0xf9, 0x1b, 0x65, 0xc5, 0x52, 0x47, 0x33, 0xab, 0x8f, 0x59, 0x3d, 0xab, 0xcd, 0x62, 0xb3, 0x57,
    0x16, 0x39, 0xd6, 0x24, 0xe6, 0x51, 0x52, 0xab, 0x8f, 0x53, 0x0c, 0x35, 0x9f, 0x08, 0x61, 0xd8,
    0x07, 0xca, 0x0d, 0xbf, 0x50, 0x0d, 0x6a, 0x61, 0x56, 0xa3, 0x8e, 0x08, 0x8a, 0x22, 0xb6, 0x5e,
    0x52, 0xbc, 0x51, 0x4d, 0x16, 0xcc, 0xf8, 0x06, 0x81, 0x8c, 0xe9, 0x1a, 0xb7, 0x79, 0x37, 0x36,
    0x5a, 0xf9, 0x0b, 0xbf, 0x74, 0xa3, 0x5b, 0xe6, 0xb4, 0x0b, 0x8e, 0xed, 0xf2, 0x78, 0x5e, 0x42,
    0x87, 0x4d,
];

fn chacha20<C: Crypto>() -> Outcome {
    let key = sequence::<32>();
    let nonce = [0, 0, 0, 0, 0, 0, 0, 0x4a, 0, 0, 0, 0];
    let mut whole = [0; 64 + SUNSCREEN.len()];
    if let Some((_, text)) = whole.split_first_chunk_mut::<64>() {
        text.copy_from_slice(SUNSCREEN);
    }
    let plain = whole;
    C::chacha20(&key, &nonce, &mut whole);
    check(whole.ends_with(&SUNSCREEN_SEALED), "ChaCha20")?;
    // Whatever its length, and wherever it lies.
    for len in [0, 1, 4, 16, 63, 64, 65, 92, 148] {
        for at in 0..9 {
            let mut moved = [0xa5; 64 + SUNSCREEN.len() + 9];
            let place = moved.get_mut(at..).and_then(|rest| rest.get_mut(..len));
            let place = place.ok_or("ChaCha20 length")?;
            let (plain, sealed) = plain
                .get(..len)
                .zip(whole.get(..len))
                .ok_or("ChaCha20 length")?;
            place.copy_from_slice(plain);
            C::chacha20(&key, &nonce, place);
            check(place == sealed, "ChaCha20 of any length")?;
            let untouched = moved.iter().filter(|byte| **byte == 0xa5).count();
            let expected = moved.len().saturating_sub(len);
            check(untouched >= expected, "ChaCha20 writes no further")?;
        }
    }
    chacha20_ends::<C>(&key)
}

/// Both ends of a block, with a nonce of which each word counts.
fn chacha20_ends<C: Crypto>(key: &[u8; 32]) -> Outcome {
    let nonce = sequence::<12>();
    let mut block = [0; 64];
    C::chacha20(key, &nonce, &mut block);
    for at in 0..9 {
        let mut moved = [0xa5; 16 + 9];
        let text = moved.get_mut(at..).and_then(<[u8]>::first_chunk_mut);
        let text = text.ok_or("ChaCha20 length")?;
        *text = [0; 16];
        let last = C::chacha20_ends(key, &nonce, text);
        check(block.starts_with(text), "the first bytes of ChaCha20")?;
        check(block.ends_with(&last), "the last bytes of ChaCha20")?;
    }
    Ok(())
}

fn chacha20poly1305<C: Crypto>() -> Outcome {
    for vector in vectors::CHACHA20POLY1305 {
        aead(
            vector,
            |dst, v| C::chacha20poly1305_seal(dst, v.text, v.ad, v.nonce, v.key).is_ok(),
            |dst, v| C::chacha20poly1305_open(dst, v.sealed, v.ad, v.nonce, v.key).is_ok(),
            "ChaCha20-Poly1305",
        )?;
    }
    let (key, mut dst) = ([0; 32], [0; 18]);
    let long = C::chacha20poly1305_seal(&mut dst, &[0; 3], &[], 0, &key);
    let short = C::chacha20poly1305_open(&mut dst, &[0; 15], &[], 0, &key);
    check(
        long.is_err() && short.is_err(),
        "ChaCha20-Poly1305 buffer lengths",
    )
}

fn xchacha20poly1305<C: Crypto>() -> Outcome {
    for vector in vectors::XCHACHA20POLY1305 {
        aead(
            vector,
            |dst, v| C::xchacha20poly1305_seal(dst, v.text, v.ad, v.nonce, v.key).is_ok(),
            |dst, v| C::xchacha20poly1305_open(dst, v.sealed, v.ad, v.nonce, v.key).is_ok(),
            "XChaCha20-Poly1305",
        )?;
    }
    let (key, nonce, mut dst) = ([0; 32], [0; 24], [0; 18]);
    let long = C::xchacha20poly1305_seal(&mut dst, &[0; 3], &[], &nonce, &key);
    let short = C::xchacha20poly1305_open(&mut dst, &[0; 15], &[], &nonce, &key);
    check(
        long.is_err() && short.is_err(),
        "XChaCha20-Poly1305 buffer lengths",
    )
}

fn constant_time_eq<C: Crypto>() -> Outcome {
    let bytes = sequence::<32>();
    let is_equal = |other: &[u8]| C::constant_time_eq(&bytes, other);
    check(
        is_equal(&sequence::<32>()) && C::constant_time_eq(&[], &[]),
        "equality",
    )?;
    for at in 0..bytes.len() {
        let mut other = bytes;
        if let Some(byte) = other.get_mut(at) {
            *byte ^= 0x80;
        }
        check(!is_equal(&other), "inequality")?;
    }
    check(!is_equal(&sequence::<31>()), "inequality of lengths")
}

fn wiping<C: Crypto>() -> Outcome {
    let mut bytes = [0xa5; 37];
    C::wipe(&mut bytes);
    check(bytes == [0; 37], "wipe")
}

/// Both sides of the [`Transcript`].
struct Parties<C: Crypto> {
    initiator: StaticIdentity<C>,
    responder: StaticIdentity<C>,
    to_responder: RemoteStatic<C>,
    to_initiator: RemoteStatic<C>,
}

impl<C: Crypto> Parties<C> {
    fn new(vector: &Transcript) -> Option<Self> {
        let initiator = StaticIdentity::from_private(key(vector.initiator_private))?;
        let responder = StaticIdentity::from_private(key(vector.responder_private))?;
        let mut to_responder = RemoteStatic::new(*responder.public(), Some(&initiator));
        let mut to_initiator = RemoteStatic::new(*initiator.public(), Some(&responder));
        to_responder.set_preshared_key(key(vector.preshared_key));
        to_initiator.set_preshared_key(key(vector.preshared_key));
        Some(Self {
            initiator,
            responder,
            to_responder,
            to_initiator,
        })
    }
}

fn key<C: Crypto>(bytes: &[u8; 32]) -> Key<C> {
    Key::from_bytes(*bytes)
}

fn handshake<C: Crypto>() -> Outcome {
    let vector = &vectors::TRANSCRIPT;
    let parties = Parties::<C>::new(vector).ok_or("handshake keys")?;
    let mut initiator = Handshake::new();
    initiation(vector, &parties, &mut initiator)?;
    let session = response(vector, &parties, &mut initiator)?;
    check(
        session.receive.as_bytes() == vector.initiator_sends,
        "responder's receiving key",
    )?;
    check(
        session.send.as_bytes() == vector.responder_sends,
        "responder's sending key",
    )?;
    let session = initiator
        .begin_session()
        .map_err(|_| "initiator's session")?;
    check(
        session.send.as_bytes() == vector.initiator_sends,
        "initiator's sending key",
    )?;
    check(
        session.receive.as_bytes() == vector.responder_sends,
        "initiator's receiving key",
    )?;
    check(
        session.remote_index == Index(vector.responder_index),
        "initiator's remote index",
    )
}

fn initiation<C: Crypto>(
    vector: &Transcript,
    parties: &Parties<C>,
    initiator: &mut Handshake<C>,
) -> Outcome {
    let mut created = initiator
        .create_initiation(
            &parties.initiator,
            &parties.to_responder,
            key(vector.initiator_ephemeral),
            Index(vector.initiator_index),
            vector.wall,
        )
        .map_err(|_| "creating the initiation")?;
    add_macs::<C>(parties.responder.public(), &mut created.message);
    check(
        created.message.as_bytes() == vector.initiation,
        "initiation",
    )
}

fn response<C: Crypto>(
    vector: &Transcript,
    parties: &Parties<C>,
    initiator: &mut Handshake<C>,
) -> Result<SessionKeys<C>, &'static str> {
    let message = parse_initiation(vector.initiation)?;
    let incoming = IncomingInitiation::open(&parties.responder, message)
        .map_err(|_| "opening the initiation")?;
    check(
        incoming.remote_static() == parties.initiator.public(),
        "initiator's static key",
    )?;
    let authentic = incoming
        .authenticate(&parties.to_initiator)
        .map_err(|_| "authenticating the initiation")?;
    let mut responder = Handshake::new();
    responder
        .accept_initiation(authentic, BootTime(0))
        .map_err(|_| "accepting the initiation")?;
    let mut created = responder
        .create_response(
            &parties.to_initiator,
            key(vector.responder_ephemeral),
            Index(vector.responder_index),
        )
        .map_err(|_| "creating the response")?;
    add_macs::<C>(parties.initiator.public(), &mut created.message);
    check(created.message.as_bytes() == vector.response, "response")?;

    let pending = initiator.snapshot().ok_or("waiting for the response")?;
    let authentic = pending
        .open_response(&parties.initiator, &parties.to_responder, &created.message)
        .map_err(|_| "opening the response")?;
    initiator
        .accept_response(authentic)
        .map_err(|_| "accepting the response")?;
    responder.begin_session().map_err(|_| "responder's session")
}

fn add_macs<C: Crypto>(receiver: &PublicKey, message: &mut impl HandshakeMessage) {
    CookieMaker::<C>::new(receiver).add_macs(message, BootTime(0));
}

fn parse_initiation(bytes: &[u8]) -> Result<&super::messages::Initiation, &'static str> {
    match super::messages::parse(bytes) {
        Ok(super::messages::Message::Initiation(message)) => Ok(message),
        _ => Err("parsing the initiation"),
    }
}

fn cookies<C: Crypto>() -> Outcome {
    let (transcript, vector) = (&vectors::TRANSCRIPT, &vectors::COOKIE);
    let responder = StaticIdentity::<C>::from_private(key(transcript.responder_private))
        .ok_or("handshake keys")?;
    let now = BootTime(0);
    let mut checker = CookieChecker::<C>::new();
    checker.set_identity(Some(responder.public()));
    checker.set_secret(Secret::from_bytes(*vector.secret), now);

    let mut message = *parse_initiation(transcript.initiation)?;
    let mut maker = CookieMaker::<C>::new(responder.public());
    maker.add_macs(&mut message, now);
    let verdict = checker.check(&message, &vector.source, now, Load::UnderLoad);
    check(verdict == MacState::ValidMac1, "mac1")?;
    let reply = checker
        .create_reply(&message, &vector.source, *vector.nonce, now)
        .map_err(|_| "creating the cookie reply")?;
    check(
        zerocopy::IntoBytes::as_bytes(&reply) == vector.reply,
        "cookie reply",
    )?;
    maker
        .consume_reply(&reply, now)
        .map_err(|_| "opening the cookie reply")?;
    maker.add_macs(&mut message, now);
    check(message.as_bytes() == vector.initiation, "mac2")?;
    let verdict = checker.check(&message, &vector.source, now, Load::UnderLoad);
    check(verdict == MacState::ValidMac2, "checking mac2")
}
