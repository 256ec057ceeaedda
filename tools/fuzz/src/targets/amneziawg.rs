// SPDX-License-Identifier: GPL-2.0

//! Requests to change an AmneziaWG device, one on top of the other, as [`super::netlink`] has those of
//! WireGuard.

use kernel::prelude::*;

use crate::guise::Guise;
use crate::input::Input;
use crate::kapi::net::genetlink::{Message, Step};
use crate::kapi::sync::rcu;
use crate::netlink::{
    looks::{AllLooks, Looks, Refusal},
    message, oracle, set,
};
use crate::wardrobe::Wardrobe;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (mut wardrobe, mut looks) = (None, AllLooks::plain());
    while !input.is_empty() {
        let mut message = Message::new(&message::make_amneziawg(&mut input));
        let read = set::read_amneziawg(&message, &wardrobe);
        let device = oracle::read_amneziawg(message.attrs());
        let after = device
            .as_ref()
            .map(|device| looks.after(message.attrs(), device));
        match (read, device, after) {
            (Ok((read, worn)), Some(device), Some(Ok(after))) => {
                assert_eq!(read, device);
                assert_eq!(
                    worn.as_deref().map_or_else(AllLooks::plain, show_all),
                    after
                );
                (wardrobe, looks) = (worn, after);
            }
            (Err(refused), _, Some(Err(refusal))) => match refusal {
                Refusal::Settings => assert_eq!(refused.0, EINVAL),
                Refusal::Wrong(place) => assert_eq!(refused, (EINVAL, Some(place))),
                Refusal::Lacks(place) => assert_eq!(refused, (ENOENT, Some(place))),
            },
            (Err((error, _)), None, _) => {
                assert!([EINVAL, ERANGE, EPFNOSUPPORT].contains(&error));
            }
            (read, _, after) => panic!("{:?} and not {:?}", read.err(), after.map(Result::err)),
        }
        check_wipe(&mut message);
    }
    // What was given up waits for that, and nothing is to be left.
    drop(wardrobe);
    rcu::drain();
    assert_eq!(rcu::alive(), 0);
}

fn show_all(wardrobe: &Wardrobe) -> AllLooks {
    let mut all = AllLooks {
        own: show(wardrobe.own()),
        profiles: Default::default(),
    };
    for guise in wardrobe.profiles() {
        all.profiles[usize::from(guise.number()) - 1] = Some(show(guise));
    }
    all
}

fn show(guise: &Guise) -> Looks {
    let settings = guise.profile().settings();
    let span = |span: crate::proto::awg::Span<u16>| (span.lo, span.hi);
    let mut texts = guise.special_texts();
    Looks {
        junk: [
            settings.junk_count,
            settings.junk_len.lo,
            settings.junk_len.hi,
        ],
        prefixes: settings.prefixes,
        headers: settings.headers.map(|span| (span.lo, span.hi)),
        key: settings.key().map_or([0; 32], |key| *key.as_bytes()),
        ranges: [
            settings.content_padding,
            settings.rekey_after_time,
            settings.rekey_timeout,
            settings.reject_after_time,
            settings.keepalive_timeout,
            settings.max_handshake_attempts,
        ]
        .map(span),
        switches: [settings.random_trailers, settings.disable_cookies],
        specials: [(); 5].map(|()| {
            let text = texts.next().expect("there are five");
            text.map_or_else(Vec::new, |text| text.to_bytes().to_vec())
        }),
    }
}

/// The keys of a request are gone when it was answered, all of them, and nothing else is.
fn check_wipe(message: &mut Message) {
    let expected = oracle::without_secrets(message.attrs(), &[3, 26]);
    message.wipe(&[Step::Type(3)]);
    message.wipe(&[Step::Type(8), Step::Element, Step::Type(2)]);
    message.wipe(&[Step::Type(26)]);
    message.wipe(&[Step::Type(133), Step::Element, Step::Type(26)]);
    assert_eq!(message.attrs(), expected);
}
