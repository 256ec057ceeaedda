// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Who gets past the macs, and what becomes of cookies.

use std::net::SocketAddr;

use wireguard_proto::cookie::{CookieChecker, CookieError, CookieMaker, Load, MacState};
use wireguard_proto::messages::{CookieReply, Initiation};
use wireguard_proto::rustcrypto::RustCrypto;
use wireguard_proto::time::BootTime;

mod common;

use common::{boot, flipped, initiation, key, Party};

const SOURCE: &str = "192.0.2.1:51820";

fn source() -> SocketAddr {
    SOURCE.parse().unwrap()
}

struct Setup {
    checker: CookieChecker<RustCrypto>,
    maker: CookieMaker<RustCrypto>,
    message: Initiation,
}

/// Alice's first message to Bob, and a secret born at zero.
fn setup() -> Setup {
    let (mut alice, bob) = Party::pair();
    let mut checker = CookieChecker::new();
    checker.set_identity(Some(bob.identity.public()));
    checker.set_secret(key(77), boot(0));
    let mut maker = CookieMaker::new(bob.identity.public());
    let mut message = alice.initiate(4, 40, 1000);
    maker.add_macs(&mut message, boot(0));
    Setup {
        checker,
        maker,
        message,
    }
}

impl Setup {
    fn check(&self, now: BootTime, load: Load) -> MacState {
        self.checker.check(&self.message, &source(), now, load)
    }

    fn reply(&self, now: BootTime) -> CookieReply {
        self.checker
            .create_reply(&self.message, &source(), [8; 24], now)
            .unwrap()
    }

    /// As far as a message with a valid mac2.
    fn with_cookie() -> Self {
        let mut setup = setup();
        let reply = setup.reply(boot(0));
        setup.maker.consume_reply(&reply, boot(0)).unwrap();
        setup.maker.add_macs(&mut setup.message, boot(0));
        setup
    }
}

#[test]
fn mac1_is_always_checked() {
    let setup = setup();
    for load in [Load::Normal, Load::UnderLoad] {
        assert_eq!(setup.check(boot(0), load), MacState::ValidMac1);
        for (byte, forged) in flipped(&setup.message) {
            // The parser stands before; mac2 is not covered.
            if (4..132).contains(&byte) {
                let forged = initiation(&forged);
                let verdict = setup.checker.check(&forged, &source(), boot(0), load);
                assert_eq!(verdict, MacState::Invalid, "byte {byte}");
            }
        }
    }
}

#[test]
fn without_identity_all_is_invalid() {
    let mut setup = setup();
    setup.checker.set_identity(None);
    assert_eq!(setup.check(boot(0), Load::Normal), MacState::Invalid);
    let reply = setup
        .checker
        .create_reply(&setup.message, &source(), [8; 24], boot(0));
    assert!(reply.is_err());
}

#[test]
fn mac2_counts_under_load_only() {
    let setup = Setup::with_cookie();
    assert_eq!(setup.check(boot(0), Load::UnderLoad), MacState::ValidMac2);
    assert_eq!(setup.check(boot(0), Load::Normal), MacState::ValidMac1);
    for (byte, forged) in flipped(&setup.message) {
        if byte >= 132 {
            let forged = initiation(&forged);
            let verdict = setup
                .checker
                .check(&forged, &source(), boot(0), Load::UnderLoad);
            assert_eq!(verdict, MacState::ValidMac1, "byte {byte}");
        }
    }
}

#[test]
fn a_cookie_belongs_to_one_address_and_port() {
    let setup = Setup::with_cookie();
    for other in [
        "192.0.2.2:51820",
        "192.0.2.1:51821",
        "[::ffff:192.0.2.1]:51820",
    ] {
        let other = other.parse().unwrap();
        let verdict = setup
            .checker
            .check(&setup.message, &other, boot(0), Load::UnderLoad);
        assert_eq!(verdict, MacState::ValidMac1, "{other}");
    }
}

#[test]
fn cookies_work_over_ipv6() {
    let mut setup = setup();
    let source = "[2001:db8::1]:51820".parse().unwrap();
    let reply = setup
        .checker
        .create_reply(&setup.message, &source, [8; 24], boot(0))
        .unwrap();
    setup.maker.consume_reply(&reply, boot(0)).unwrap();
    setup.maker.add_macs(&mut setup.message, boot(0));
    let verdict = setup
        .checker
        .check(&setup.message, &source, boot(0), Load::UnderLoad);
    assert_eq!(verdict, MacState::ValidMac2);
}

#[test]
fn the_secret_lives_two_minutes() {
    let setup = Setup::with_cookie();
    assert!(!setup.checker.needs_secret(boot(119)));
    assert_eq!(setup.check(boot(119), Load::UnderLoad), MacState::ValidMac2);
    assert!(setup.checker.needs_secret(boot(120)));
    assert_eq!(setup.check(boot(120), Load::UnderLoad), MacState::ValidMac1);
    let reply = setup
        .checker
        .create_reply(&setup.message, &source(), [8; 24], boot(120));
    assert!(reply.is_err());
}

#[test]
fn a_new_secret_ends_old_cookies() {
    let mut setup = Setup::with_cookie();
    setup.checker.set_secret(key(78), boot(60));
    assert_eq!(setup.check(boot(60), Load::UnderLoad), MacState::ValidMac1);
}

#[test]
fn a_received_cookie_is_used_115_seconds() {
    let mut setup = Setup::with_cookie();
    let mut has_mac2 = |secs| {
        setup.maker.add_macs(&mut setup.message, boot(secs));
        zerocopy::IntoBytes::as_bytes(&setup.message)[132..] != [0; 16]
    };
    assert!(has_mac2(114));
    assert!(!has_mac2(115));
}

#[test]
fn only_the_answer_to_the_last_message_is_taken() {
    let mut setup = setup();
    let reply = setup.reply(boot(0));
    let (mut alice, _) = Party::pair();
    let mut second = alice.initiate(9, 41, 1001);
    setup.maker.add_macs(&mut second, boot(0));
    let taken = setup.maker.consume_reply(&reply, boot(0));
    assert_eq!(taken, Err(CookieError::Unauthentic));
    // A forged reply does not spoil the true one.
    setup.message = second;
    let reply = setup.reply(boot(0));
    assert_eq!(setup.maker.consume_reply(&reply, boot(0)), Ok(()));
    let again = setup.maker.consume_reply(&reply, boot(0));
    assert_eq!(again, Err(CookieError::Unasked));
}

#[test]
fn a_reply_out_of_the_blue_is_ignored() {
    let setup = setup();
    let reply = setup.reply(boot(0));
    let (_, bob) = Party::pair();
    let mut maker = CookieMaker::<RustCrypto>::new(bob.identity.public());
    let taken = maker.consume_reply(&reply, boot(0));
    assert_eq!(taken, Err(CookieError::Unasked));
}

#[test]
fn the_reply_goes_to_the_sender_of_the_message() {
    let setup = setup();
    assert_eq!(setup.reply(boot(0)).receiver(), setup.message.sender());
}
