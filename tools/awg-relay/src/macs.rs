// SPDX-License-Identifier: GPL-2.0

//! MACs of handshake messages, and cookies. Both cover the type of a message, which AmneziaWG replaces: a message
//! has other MACs on the wire than at the end beside us.

use blake2::digest::{
    consts::{U16, U32},
    Digest, KeyInit, Mac as _,
};
use chacha20poly1305::{aead::AeadInOut, Tag, XChaCha20Poly1305};
use rand::Rng;

use crate::message::set_type;

type Hash = blake2::Blake2s<U32>;
type KeyedHash = blake2::Blake2sMac<U16>;

pub type Mac = [u8; 16];

/// How much of a message comes after what MAC1 covers, and after what MAC2 covers.
const MAC1: usize = 32;
const MAC2: usize = 16;

/// In a cookie reply: where the nonce begins, the sealed cookie, and its tag.
const NONCE: usize = 8;
const SEALED: usize = 32;
const TAG: usize = 48;

/// MAC1 of a message in the two forms that it has had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Macs {
    pub of_sender: Mac,
    pub of_receiver: Mac,
}

/// Who handshake messages are for, on whom alone their MACs depend.
pub struct Receiver {
    mac1_key: [u8; 32],
    cookie_key: [u8; 32],
    /// The last that it has given to somebody.
    cookie: Option<Mac>,
}

impl Receiver {
    pub fn new(public_key: &[u8; 32]) -> Self {
        let labelled = |label| Hash::new_with_prefix(label).chain_update(public_key);
        Self {
            mac1_key: labelled("mac1----").finalize().into(),
            cookie_key: labelled("cookie--").finalize().into(),
            cookie: None,
        }
    }

    /// Whether MAC1 of an initiation or a response is right.
    pub fn is_addressed(&self, message: &[u8]) -> bool {
        let (covered, macs) = message.split_at(message.len() - MAC1);
        macs[..16] == mac(&self.mac1_key, covered)
    }

    /// Replaces the type of an initiation or a response, and with it its MACs. MAC2 becomes zero if it was not
    /// made of the cookie that we know.
    pub fn retype(&self, message: &mut [u8], value: u32) -> Macs {
        let cookie = self.cookie.filter(|cookie| is_proven(message, cookie));
        let (mac1, mac2) = (message.len() - MAC1, message.len() - MAC2);
        let of_sender = message[mac1..mac2].try_into().expect("a MAC");
        set_type(message, value);
        let of_receiver = mac(&self.mac1_key, &message[..mac1]);
        message[mac1..mac2].copy_from_slice(&of_receiver);
        let proof = cookie.map_or([0; 16], |cookie| mac(&cookie, &message[..mac2]));
        message[mac2..].copy_from_slice(&proof);
        Macs {
            of_sender,
            of_receiver,
        }
    }

    /// Remembers the cookie in the receiver's reply to a message, and seals it for the message as its sender had
    /// it. Fails if the reply is to another message.
    #[must_use]
    pub fn reseal(&mut self, reply: &mut [u8], macs: &Macs) -> bool {
        let cipher = XChaCha20Poly1305::new(&self.cookie_key.into());
        let (head, tag) = reply.split_at_mut(TAG);
        let (head, cookie) = head.split_at_mut(SEALED);
        let nonce: &mut [u8; 24] = (&mut head[NONCE..]).try_into().expect("a nonce");
        let found = Tag::try_from(&*tag).expect("a tag");
        let opened = cipher.decrypt_inout_detached(
            &(*nonce).into(),
            &macs.of_receiver,
            (&mut *cookie).into(),
            &found,
        );
        if opened.is_err() {
            return false;
        }
        self.cookie = (&*cookie).try_into().ok();
        // A nonce is for one text and what goes with it.
        rand::rng().fill_bytes(nonce);
        let sealed =
            cipher.encrypt_inout_detached(&(*nonce).into(), &macs.of_sender, cookie.into());
        tag.copy_from_slice(&sealed.expect("a cookie is short"));
        true
    }
}

/// Whether MAC2 is of that cookie.
fn is_proven(message: &[u8], cookie: &Mac) -> bool {
    let (covered, mac2) = message.split_at(message.len() - MAC2);
    mac2 == mac(cookie, covered)
}

fn mac(key: &[u8], covered: &[u8]) -> Mac {
    let keyed = KeyedHash::new_from_slice(key).expect("16 or 32 bytes");
    keyed.chain_update(covered).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOKIE: Mac = [9; 16];

    /// Of another implementation of BLAKE2s: MAC1 and MAC2 of `message`, and those with type 0x12345678.
    const MAC1_OF_1: u128 = 0xcf4ad647_153cdb73_6f7c13a6_6d0b1110;
    const MAC2_OF_1: u128 = 0x20407dc5_97440c36_99adceec_30d01618;
    const MAC1_OF_OTHER: u128 = 0x400803a4_65e2d801_5595ce50_c660eb35;
    const MAC2_OF_OTHER: u128 = 0x7007b7e2_60a62dd4_6698b977_5a36de6a;

    fn receiver() -> Receiver {
        Receiver::new(&[7; 32])
    }

    fn message(mac2: u128) -> Vec<u8> {
        let mut message = vec![1, 0, 0, 0];
        message.extend(0..112);
        message.extend(MAC1_OF_1.to_be_bytes());
        message.extend(mac2.to_be_bytes());
        message
    }

    fn reply(macs: &Macs) -> Vec<u8> {
        let mut reply = vec![3, 0, 0, 0, 1, 2, 3, 4];
        reply.extend([5; 24]);
        let mut cookie = COOKIE;
        let cipher = XChaCha20Poly1305::new(&receiver().cookie_key.into());
        let tag = cipher.encrypt_inout_detached(
            &[5; 24].into(),
            &macs.of_receiver,
            (&mut cookie[..]).into(),
        );
        reply.extend(cookie);
        reply.extend(tag.unwrap());
        reply
    }

    #[test]
    fn mac1_is_of_the_receiver_and_covers_the_type() {
        assert!(receiver().is_addressed(&message(0)));
        assert!(!Receiver::new(&[8; 32]).is_addressed(&message(0)));
        let mut other = message(0);
        other[0] = 2;
        assert!(!receiver().is_addressed(&other));
    }

    #[test]
    fn a_new_type_has_new_macs() {
        let mut changed = message(MAC2_OF_1);
        let receiver = Receiver {
            cookie: Some(COOKIE),
            ..receiver()
        };
        let macs = receiver.retype(&mut changed, 0x1234_5678);
        assert_eq!(macs.of_sender, MAC1_OF_1.to_be_bytes());
        assert_eq!(macs.of_receiver, MAC1_OF_OTHER.to_be_bytes());
        assert_eq!(changed[..4], [0x78, 0x56, 0x34, 0x12]);
        assert_eq!(changed[116..132], MAC1_OF_OTHER.to_be_bytes());
        assert_eq!(changed[132..], MAC2_OF_OTHER.to_be_bytes());
        receiver.retype(&mut changed, 1);
        assert_eq!(changed, message(MAC2_OF_1));
    }

    #[test]
    fn what_is_not_proven_is_not_made_to_be() {
        for (mac2, cookie) in [
            (0, Some(COOKIE)),
            (MAC2_OF_1 ^ 1, Some(COOKIE)),
            (MAC2_OF_1, None),
        ] {
            let mut changed = message(mac2);
            Receiver {
                cookie,
                ..receiver()
            }
            .retype(&mut changed, 5);
            assert_eq!(changed[132..], [0; 16]);
        }
    }

    #[test]
    fn a_cookie_is_learned_and_passed_on() {
        let macs = Macs {
            of_sender: [1; 16],
            of_receiver: [2; 16],
        };
        let (mut receiver, mut changed) = (receiver(), reply(&macs));
        assert!(receiver.reseal(&mut changed, &macs));
        assert_eq!(receiver.cookie, Some(COOKIE));
        assert_ne!(changed, reply(&macs));
        // Who has had the message in the sender's form can open it now, and nobody else.
        let back = Macs {
            of_sender: [2; 16],
            of_receiver: [1; 16],
        };
        let mut again = Receiver::new(&[7; 32]);
        assert!(!again.reseal(&mut changed, &macs));
        assert_eq!(again.cookie, None);
        assert!(again.reseal(&mut changed, &back));
        assert_eq!(again.cookie, Some(COOKIE));
    }
}
