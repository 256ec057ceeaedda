// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! mac1, mac2 and cookie replies (5.3, 5.4.4, 5.4.7): proof of knowing a public key before we
//! spend anything, and under load proof of owning an address.

use core::net::{IpAddr, SocketAddr};

use super::constants::{
    COOKIE_LEN, COOKIE_NONCE_LEN, COOKIE_SECRET_MAX_AGE, COOKIE_USE_TIME, LABEL_COOKIE, LABEL_MAC1,
};
use super::crypto::{AeadError, Blake2s, Crypto, Secret};
use super::messages::{CookieReply, HandshakeMessage, Macs, PublicKey};
use super::noise::{hash, Key};
use super::time::BootTime;

type Cookie<C> = Secret<C, COOKIE_LEN>;

/// What is known of the sender of a handshake message by its macs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MacState {
    /// It does not know our public key: drop.
    Invalid,
    /// It knows our public key.
    ValidMac1,
    /// It also has a fresh cookie for its address.
    ValidMac2,
}

/// Whether the device has more handshake messages than it can work on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Load {
    /// mac1 is enough, mac2 is not looked at.
    Normal,
    /// Only senders with a cookie are served.
    UnderLoad,
}

/// No cookie reply can be made: there is no identity or no fresh secret, or the message is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NoReply;

/// Why a cookie reply is ignored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CookieError {
    /// We have sent no handshake message since the last cookie.
    Unasked,
    /// It does not answer our last handshake message, or is forged.
    Unauthentic,
}

/// The two keys that follow from a static public key. They never change, so whoever may read them
/// needs no lock.
pub struct CookieKeys<C: Crypto> {
    mac1: Key<C>,
    reply: Key<C>,
}

impl<C: Crypto> CookieKeys<C> {
    /// Of messages to who has this static key, and of replies from there.
    #[must_use]
    pub fn new(public: &PublicKey) -> Self {
        let key = |label: &[u8]| Key::fill_with(|out| hash::<C>(out, &[label, &public.0]));
        Self {
            mac1: key(LABEL_MAC1),
            reply: key(LABEL_COOKIE),
        }
    }

    fn mac1(&self, body: &[u8]) -> Cookie<C> {
        Cookie::fill_with(|out| mac::<C, 32>(out, self.mac1.as_bytes(), &[body]))
    }

    /// Whether the sender of a message knows our public key.
    #[must_use]
    pub fn is_mac1_valid(&self, message: &impl HandshakeMessage) -> bool {
        Macs::split(message.as_bytes())
            .is_some_and(|(body, macs)| C::constant_time_eq(self.mac1(body).as_bytes(), &macs.mac1))
    }

    /// Makes the reply to a handshake message from `source` whose mac1 is valid. `nonce` is fresh
    /// random.
    pub fn create_reply(
        &self,
        secret: &CookieSecret<C>,
        message: &impl HandshakeMessage,
        source: &SocketAddr,
        nonce: [u8; COOKIE_NONCE_LEN],
        now: BootTime,
    ) -> Result<CookieReply, NoReply> {
        let cookie = secret.cookie(source, now).ok_or(NoReply)?;
        let (_, macs) = Macs::split(message.as_bytes()).ok_or(NoReply)?;
        let mut reply = CookieReply::new(message.sender_index(), nonce);
        C::xchacha20poly1305_seal(
            &mut reply.encrypted_cookie,
            cookie.as_bytes(),
            &macs.mac1,
            &nonce,
            self.reply.as_bytes(),
        )
        .map_err(|AeadError| NoReply)?;
        Ok(reply)
    }
}

/// The secret behind all cookies of a device, for two minutes. Another one is made then, this one
/// never changes.
pub struct CookieSecret<C: Crypto> {
    key: Key<C>,
    birth: BootTime,
}

impl<C: Crypto> CookieSecret<C> {
    /// Of 32 fresh random bytes.
    #[must_use]
    pub const fn new(key: Key<C>, now: BootTime) -> Self {
        Self { key, birth: now }
    }

    /// Whether cookies are made with it, and hold.
    #[must_use]
    pub const fn is_fresh(&self, now: BootTime) -> bool {
        !self.birth.is_older_than(COOKIE_SECRET_MAX_AGE, now)
    }

    /// Whether the sender of a message has a cookie that was given to `source`.
    #[must_use]
    pub fn is_mac2_valid(
        &self,
        message: &impl HandshakeMessage,
        source: &SocketAddr,
        now: BootTime,
    ) -> bool {
        let Some((body, macs)) = Macs::split(message.as_bytes()) else {
            return false;
        };
        // Who has no cookie sends zeros, which is no secret, and is known without a hash.
        macs.mac2 != [0; COOKIE_LEN]
            && self.cookie(source, now).is_some_and(|cookie| {
                let expected = mac2(&cookie, body, &macs.mac1);
                C::constant_time_eq(expected.as_bytes(), &macs.mac2)
            })
    }

    /// The cookie of an address: address and port under the secret.
    fn cookie(&self, source: &SocketAddr, now: BootTime) -> Option<Cookie<C>> {
        let secret = self.is_fresh(now).then(|| self.key.as_bytes())?;
        let port = &source.port().to_be_bytes();
        Some(Cookie::fill_with(|out| match source.ip() {
            IpAddr::V4(ip) => mac::<C, 32>(out, secret, &[&ip.octets(), port]),
            IpAddr::V6(ip) => mac::<C, 32>(out, secret, &[&ip.octets(), port]),
        }))
    }
}

fn mac<C: Crypto, const K: usize>(out: &mut [u8; COOKIE_LEN], key: &[u8; K], parts: &[&[u8]]) {
    let mut state = C::Mac::keyed(key);
    for part in parts {
        state.update(part);
    }
    state.finalize(out);
}

/// mac2 covers the body and mac1.
fn mac2<C: Crypto>(cookie: &Cookie<C>, body: &[u8], mac1: &[u8; COOKIE_LEN]) -> Cookie<C> {
    Cookie::fill_with(|out| mac::<C, COOKIE_LEN>(out, cookie.as_bytes(), &[body, mac1]))
}

/// The receiving side, one per device: checks macs and hands out cookies. Who has many threads at it
/// takes its parts, [`CookieKeys`] and [`CookieSecret`], instead.
pub struct CookieChecker<C: Crypto> {
    keys: Option<CookieKeys<C>>,
    secret: Option<CookieSecret<C>>,
}

impl<C: Crypto> Default for CookieChecker<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Crypto> CookieChecker<C> {
    /// A checker of a device without identity: everything is invalid.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            keys: None,
            secret: None,
        }
    }

    /// Follows a change of the device's public key. The secret stays, and with it all cookies.
    pub fn set_identity(&mut self, public: Option<&PublicKey>) {
        self.keys = public.map(CookieKeys::new);
    }

    /// Whether [`set_secret`](Self::set_secret) is due, to be asked before the checker is used
    /// under load.
    #[must_use]
    pub fn needs_secret(&self, now: BootTime) -> bool {
        !self
            .secret
            .as_ref()
            .is_some_and(|secret| secret.is_fresh(now))
    }

    /// Replaces the secret behind all cookies by 32 fresh random bytes.
    pub fn set_secret(&mut self, secret: Key<C>, now: BootTime) {
        self.secret = Some(CookieSecret::new(secret, now));
    }

    /// Checks the macs of a handshake message from `source`. mac2 counts under load only.
    #[must_use]
    pub fn check(
        &self,
        message: &impl HandshakeMessage,
        source: &SocketAddr,
        now: BootTime,
        load: Load,
    ) -> MacState {
        let is_mac1_valid = |keys: &CookieKeys<C>| keys.is_mac1_valid(message);
        let is_mac2_valid = |secret: &CookieSecret<C>| secret.is_mac2_valid(message, source, now);
        if !self.keys.as_ref().is_some_and(is_mac1_valid) {
            MacState::Invalid
        } else if load == Load::UnderLoad && self.secret.as_ref().is_some_and(is_mac2_valid) {
            MacState::ValidMac2
        } else {
            MacState::ValidMac1
        }
    }

    /// Makes the reply to a handshake message from `source` whose mac1 is valid. `nonce` is fresh
    /// random.
    pub fn create_reply(
        &self,
        message: &impl HandshakeMessage,
        source: &SocketAddr,
        nonce: [u8; COOKIE_NONCE_LEN],
        now: BootTime,
    ) -> Result<CookieReply, NoReply> {
        let keys = self.keys.as_ref().ok_or(NoReply)?;
        let secret = self.secret.as_ref().ok_or(NoReply)?;
        keys.create_reply(secret, message, source, nonce, now)
    }
}

/// The sending side, one per peer: adds macs and keeps the cookie the peer gave us.
pub struct CookieMaker<C: Crypto> {
    keys: CookieKeys<C>,
    cookie: Option<(Cookie<C>, BootTime)>,
    last_mac1: Option<[u8; COOKIE_LEN]>,
}

impl<C: Crypto> CookieMaker<C> {
    /// For messages to the peer with this static key.
    #[must_use]
    pub fn new(remote: &PublicKey) -> Self {
        Self {
            keys: CookieKeys::new(remote),
            cookie: None,
            last_mac1: None,
        }
    }

    /// Finishes a message: writes mac1, and mac2 if there is a fresh cookie, else zeros.
    pub fn add_macs(&mut self, message: &mut impl HandshakeMessage, now: BootTime) {
        // Both messages have macs; there is no other case.
        let Some((body, macs)) = Macs::split_mut(message.as_mut_bytes()) else {
            return;
        };
        macs.mac1 = *self.keys.mac1(body).as_bytes();
        macs.mac2 = match &self.cookie {
            Some((cookie, birth)) if !birth.is_older_than(COOKIE_USE_TIME, now) => {
                *mac2(cookie, body, &macs.mac1).as_bytes()
            }
            _ => [0; COOKIE_LEN],
        };
        self.last_mac1 = Some(macs.mac1);
    }

    /// Opens a cookie reply to our last handshake message and keeps the cookie.
    pub fn consume_reply(&mut self, reply: &CookieReply, now: BootTime) -> Result<(), CookieError> {
        let mac1 = self.last_mac1.as_ref().ok_or(CookieError::Unasked)?;
        let mut cookie = Cookie::zeroed();
        C::xchacha20poly1305_open(
            cookie.as_mut_bytes(),
            &reply.encrypted_cookie,
            mac1,
            &reply.nonce,
            self.keys.reply.as_bytes(),
        )
        .map_err(|AeadError| CookieError::Unauthentic)?;
        self.cookie = Some((cookie, now));
        self.last_mac1 = None;
        Ok(())
    }
}
