// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Two parties over hours of virtual time: loss, rekeying, keepalives, giving up, forgetting.

use wireguard_proto::awg::pace::Pace;
use wireguard_proto::awg::settings::Settings;
use wireguard_proto::awg::Span;
use wireguard_proto::cookie::Load;
use wireguard_proto::messages::MessageType;
use wireguard_proto::rustcrypto::RustCrypto;

mod common;
mod sim;

use common::{Random, S};
use sim::{Counts, World};

const ALICE: usize = 0;
const BOB: usize = 1;

fn kind(datagram: &[u8]) -> MessageType {
    MessageType::of(datagram[..4].try_into().unwrap(), datagram.len()).unwrap()
}

#[test]
fn the_first_packet_starts_a_handshake_and_arrives() {
    let mut world = World::new();
    world.at(ALICE, |alice| alice.send(b"hello".to_vec()));
    world.run_until(1);
    let [alice, bob] = &world.nodes;
    assert_eq!(bob.delivered, [b"hello"]);
    let expected = Counts {
        initiations: 1,
        data: 1,
        ..Counts::default()
    };
    assert_eq!(alice.sent, expected);
    let expected = Counts {
        responses: 1,
        ..Counts::default()
    };
    assert_eq!(bob.sent, expected);
    assert_ne!(alice.timers.last_handshake().secs, 0);
    assert_ne!(bob.timers.last_handshake().secs, 0);
}

#[test]
fn a_received_packet_is_acknowledged_after_ten_seconds() {
    let mut world = World::new();
    world.at(ALICE, |alice| alice.send(b"hello".to_vec()));
    world.run_until(9);
    assert_eq!(world.nodes[BOB].sent.keepalives, 0);
    world.run_until(11);
    assert_eq!(world.nodes[BOB].sent.keepalives, 1);
    // And that is all: nobody answers a keepalive.
    world.run_until(500);
    assert_eq!(world.nodes[BOB].sent.keepalives, 1);
    assert_eq!(world.nodes[ALICE].sent.keepalives, 0);
    assert_eq!(world.nodes[ALICE].sent.initiations, 1);
}

#[test]
fn the_responder_may_not_send_before_it_is_confirmed() {
    let mut world = World::new();
    // Alice's confirmation is lost, so what Bob has to say waits.
    world.loss = Box::new(|now, who, datagram| {
        who == ALICE && now < S && kind(datagram) == MessageType::Data
    });
    world.at(ALICE, |alice| alice.send(b"lost".to_vec()));
    world.run_until(1);
    world.at(BOB, |bob| bob.send(b"waiting".to_vec()));
    world.run_until(2);
    assert_eq!(world.nodes[BOB].sent.data, 0);
    world.at(ALICE, |alice| alice.send(b"again".to_vec()));
    world.run_until(3);
    assert_eq!(world.nodes[BOB].delivered, [b"again"]);
    assert_eq!(world.nodes[ALICE].delivered, [b"waiting"]);
}

#[test]
fn traffic_rekeys_every_two_minutes_without_loss() {
    for senders in [&[ALICE, BOB][..], &[ALICE]] {
        let mut world = World::new();
        world.at(ALICE, |alice| alice.send(b"hello".to_vec()));
        world.run_until(1);
        let count = world.talk(senders, 1201);
        world.run_until(1202);
        let [alice, bob] = &world.nodes;
        assert_eq!(bob.delivered.len() as u32, 1 + count);
        let answers = if senders.contains(&BOB) { count } else { 0 };
        assert_eq!(alice.delivered.len() as u32, answers);
        // By the initiator alone, ten times in twenty minutes.
        assert!((10..=11).contains(&alice.sent.initiations));
        assert_eq!(bob.sent.initiations, 0);
        assert_eq!(alice.sessions, alice.sent.initiations);
    }
}

#[test]
fn an_initiator_that_only_receives_rekeys_in_the_last_minute() {
    let mut world = World::new();
    world.at(ALICE, |alice| alice.send(b"hello".to_vec()));
    world.run_until(1);
    // Alice answers with keepalives only. Her first sending after 120 s would rekey as well, so
    // she is kept from it: whatever she receives at 166 s comes before any keepalive.
    world.run_until(166);
    world.at(BOB, |bob| bob.send(b"still there".to_vec()));
    world.run_until(167);
    assert_eq!(world.nodes[ALICE].sent.initiations, 2);
    assert_eq!(world.nodes[BOB].sent.initiations, 0);
}

#[test]
fn a_lost_initiation_is_repeated_after_five_seconds() {
    let mut world = World::new();
    world.loss = Box::new(|now, _, _| now < S);
    world.at(ALICE, |alice| alice.send(b"hello".to_vec()));
    world.run_until(4);
    assert_eq!(world.nodes[ALICE].sent.initiations, 1);
    world.run_until(6);
    assert_eq!(world.nodes[ALICE].sent.initiations, 2);
    assert_eq!(world.nodes[BOB].delivered, [b"hello"]);
}

#[test]
fn a_peer_that_never_answers_gets_twenty_initiations() {
    let mut world = World::new();
    world.loss = Box::new(|_, _, _| true);
    world.at(ALICE, |alice| alice.send(b"anyone?".to_vec()));
    world.run_until(107);
    let alice = &world.nodes[ALICE];
    assert_eq!((alice.sent.initiations, alice.gave_up), (20, 1));
    assert!(alice.has_secrets());
    world.run_until(107 + 540);
    let alice = &world.nodes[ALICE];
    assert_eq!((alice.sent.initiations, alice.gave_up), (20, 1));
    assert!(!alice.has_secrets());
    // A later packet begins anew.
    world.at(ALICE, |alice| alice.send(b"anyone now?".to_vec()));
    assert_eq!(world.nodes[ALICE].sent.initiations, 21);
}

#[test]
fn silence_after_data_starts_a_new_handshake() {
    let mut world = World::new();
    world.at(ALICE, |alice| alice.send(b"hello".to_vec()));
    world.run_until(30);
    world.at(BOB, |bob| bob.erase());
    world.at(ALICE, |alice| alice.send(b"into the void".to_vec()));
    world.run_until(44);
    assert_eq!(world.nodes[ALICE].sent.initiations, 1);
    world.run_until(46);
    assert_eq!(world.nodes[ALICE].sent.initiations, 2);
    world.at(ALICE, |alice| alice.send(b"there again".to_vec()));
    world.run_until(47);
    let delivered = &world.nodes[BOB].delivered;
    assert_eq!(delivered.last().unwrap(), b"there again");
    assert_eq!(delivered.len(), 2);
}

#[test]
fn secrets_are_forgotten_after_nine_minutes() {
    let mut world = World::new();
    world.at(ALICE, |alice| alice.send(b"hello".to_vec()));
    world.run_until(539);
    assert!(world.nodes.iter().all(|node| node.has_secrets()));
    world.run_until(541);
    assert!(!world.nodes.iter().any(|node| node.has_secrets()));
}

#[test]
fn persistent_keepalive_holds_the_line() {
    let mut world = World::new();
    world.at(ALICE, |alice| {
        alice.set_persistent_keepalive(Span::single(25))
    });
    world.run_until(1);
    assert_eq!(world.nodes[ALICE].sessions, 1);
    world.run_until(3600);
    let alice = &world.nodes[ALICE];
    // One in 25 s, and each new session begins with another.
    assert!((140..=175).contains(&alice.sent.keepalives));
    assert!((24..=30).contains(&alice.sent.initiations));
    world.at(BOB, |bob| bob.send(b"inside the NAT?".to_vec()));
    world.run_until(3601);
    assert_eq!(world.nodes[ALICE].delivered, [b"inside the NAT?"]);
}

#[test]
fn persistent_keepalive_tries_forever() {
    // Fires between two retries, and they count from zero each time.
    let mut world = World::new();
    world.loss = Box::new(|_, _, _| true);
    world.at(ALICE, |alice| {
        alice.set_persistent_keepalive(Span::single(3))
    });
    world.run_until(1000);
    let alice = &world.nodes[ALICE];
    assert_eq!(alice.gave_up, 0);
    assert!((185..=200).contains(&alice.sent.initiations));

    // Put off by each retry: fires only when they have ended, and starts them again.
    let mut world = World::new();
    world.loss = Box::new(|_, _, _| true);
    world.at(ALICE, |alice| {
        alice.set_persistent_keepalive(Span::single(10))
    });
    world.run_until(1000);
    let alice = &world.nodes[ALICE];
    assert_eq!(alice.gave_up, 9);
    assert!((180..=190).contains(&alice.sent.initiations));
}

#[test]
fn both_starting_at_once_come_together() {
    let mut world = World::new();
    world.at(ALICE, |alice| alice.send(b"from alice".to_vec()));
    world.at(BOB, |bob| bob.send(b"from bob".to_vec()));
    world.run_until(30);
    assert_eq!(world.nodes[BOB].delivered, [b"from alice"]);
    assert_eq!(world.nodes[ALICE].delivered, [b"from bob"]);
}

#[test]
fn under_load_a_cookie_lets_the_next_initiation_in() {
    let mut world = World::new();
    world.nodes[BOB].load = Load::UnderLoad;
    world.at(ALICE, |alice| alice.send(b"hello".to_vec()));
    world.run_until(4);
    assert_eq!(world.nodes[BOB].sent.cookie_replies, 1);
    assert_eq!(world.nodes[BOB].sent.responses, 0);
    world.run_until(6);
    assert_eq!(world.nodes[BOB].sent.cookie_replies, 1);
    assert_eq!(world.nodes[BOB].sent.responses, 1);
    assert_eq!(world.nodes[BOB].delivered, [b"hello"]);
}

#[test]
fn an_hour_of_heavy_loss() {
    for seed in 0..2 {
        let mut world = World::new();
        let mut random = Random(seed);
        world.loss = Box::new(move |_, _, _| random.below(10) < 3);
        let count = world.talk(&[ALICE, BOB], 3600) as usize;
        for node in &mut world.nodes {
            // Most of the 70 % that get through the network do get through the tunnel.
            assert!(node.delivered.len() > count * 60 / 100);
            let all = node.delivered.len();
            node.delivered.sort();
            node.delivered.dedup();
            assert_eq!(node.delivered.len(), all, "a packet came twice");
        }
        // And afterwards all is well.
        world.loss = Box::new(|_, _, _| false);
        let end = world.seconds();
        world.run_until(end + 30);
        world.at(ALICE, |alice| alice.send(b"clear".to_vec()));
        world.run_until(end + 31);
        assert!(world.nodes[BOB].delivered.contains(&b"clear".to_vec()));
    }
}

#[test]
fn a_network_that_repeats_itself_delivers_once() {
    let mut world = World::new();
    world.talk(&[ALICE], 5);
    let mut taken = Vec::new();
    for _ in 0..20 {
        // What Alice sends now is kept back, and given to Bob twice.
        let node = &mut world.nodes[ALICE];
        node.send(b"once".to_vec());
        taken.append(&mut node.outbox);
    }
    let source = ([192, 0, 2, 1], 51820).into();
    let before = world.nodes[BOB].delivered.len();
    for datagram in taken.iter().chain(taken.iter().rev()) {
        world.at(BOB, |bob| bob.receive(datagram, &source));
    }
    assert_eq!(world.nodes[BOB].delivered.len(), before + 20);
}

fn pace(change: impl FnOnce(&mut Settings<RustCrypto>)) -> Option<Pace> {
    let mut settings = Settings::default();
    change(&mut settings);
    Some(Pace::new(&settings))
}

/// The gaps between these, in seconds.
fn gaps(times: &[u64]) -> Vec<f64> {
    let gap = |pair: &[u64]| (pair[1] - pair[0]) as f64 / S as f64;
    times.windows(2).map(gap).collect()
}

/// That all lie in the range, and not all in one half of it.
fn spread_over(gaps: &[f64], lo: f64, hi: f64) {
    assert!(gaps.iter().all(|gap| (lo..hi).contains(gap)), "{gaps:?}");
    let middle = lo.midpoint(hi);
    assert!(gaps.iter().any(|gap| *gap < middle), "{gaps:?}");
    assert!(gaps.iter().any(|gap| *gap > middle), "{gaps:?}");
}

#[test]
fn a_drawn_pace_rekeys_within_its_range_without_loss() {
    let mut world = World::new();
    world.nodes[ALICE].pace = pace(|settings| {
        settings.rekey_after_time = Span::new(20, 40);
        settings.reject_after_time = Span::new(60, 80);
    });
    world.at(ALICE, |alice| alice.send(b"hello".to_vec()));
    world.run_until(1);
    let sent = 1 + world.talk(&[ALICE], 2000);
    let [alice, bob] = &world.nodes;
    assert_eq!(bob.delivered.len() as u32, sent);
    assert_eq!(bob.sent.initiations, 0);
    let times: Vec<_> = alice.initiated.iter().map(|time| time.0).collect();
    // A second to talk, and the way there and back.
    spread_over(&gaps(&times), 20.0, 41.1);
}

#[test]
fn no_key_outlives_what_was_drawn_for_it() {
    // Sessions are not renewed, and end after ten to fourteen seconds.
    let mut world = World::new();
    for node in &mut world.nodes {
        node.pace = pace(|settings| {
            settings.rekey_after_time = Span::single(1000);
            settings.reject_after_time = Span::new(10, 14);
        });
    }
    world.talk(&[ALICE], 600);
    // They are used until then, one second after the other.
    let oldest = world.nodes[ALICE].oldest_key;
    assert!((12 * S..14 * S).contains(&oldest), "{oldest}");
}

#[test]
fn what_comes_under_an_old_key_is_not_received() {
    let mut world = World::new();
    world.nodes[BOB].pace = pace(|settings| settings.reject_after_time = Span::single(7));
    world.at(ALICE, |alice| alice.send(b"early".to_vec()));
    world.run_until(6);
    world.at(ALICE, |alice| alice.send(b"in time".to_vec()));
    world.run_until(8);
    // Alice thinks that the session has minutes to live.
    world.at(ALICE, |alice| alice.send(b"late".to_vec()));
    world.run_until(9);
    assert_eq!(
        world.nodes[BOB].delivered,
        [b"early".to_vec(), b"in time".to_vec()]
    );
    assert_eq!(world.nodes[ALICE].sent.data, 3);
}

#[test]
fn secrets_are_erased_after_three_times_the_longest_life() {
    let mut world = World::new();
    for node in &mut world.nodes {
        node.pace = pace(|settings| settings.reject_after_time = Span::new(12, 20));
    }
    world.at(ALICE, |alice| alice.send(b"hello".to_vec()));
    world.run_until(59);
    assert!(world.nodes[ALICE].has_secrets());
    // What else happens is over by then: Bob's acknowledgement came.
    world.run_until(61);
    assert!(!world.nodes[ALICE].has_secrets() && !world.nodes[BOB].has_secrets());
}

#[test]
fn attempts_and_their_gaps_are_drawn() {
    let mut counts = Vec::new();
    for seed in 0..20 {
        let mut world = World::new();
        world.loss = Box::new(|_, _, _| true);
        world.nodes[ALICE].pace = pace(|settings| {
            settings.rekey_timeout = Span::new(2, 4);
            settings.max_handshake_attempts = Span::new(3, 8);
        });
        // What is drawn depends on what was drawn before.
        world.at(ALICE, |alice| alice.draw(seed));
        world.at(ALICE, |alice| alice.send(b"hello".to_vec()));
        world.run_until(500);
        let alice = &world.nodes[ALICE];
        assert_eq!(alice.gave_up, 1);
        let times: Vec<_> = alice.initiated.iter().map(|time| time.0).collect();
        assert!(gaps(&times).iter().all(|gap| (2.0..4.4).contains(gap)));
        counts.push(alice.sent.initiations);
    }
    // The first, those that are counted, and one.
    assert!(
        counts.iter().all(|count| (5..=10).contains(count)),
        "{counts:?}"
    );
    assert!(counts.iter().min() < counts.iter().max(), "{counts:?}");
}

#[test]
fn keepalives_are_drawn() {
    let mut world = World::new();
    world.nodes[BOB].pace = pace(|settings| settings.keepalive_timeout = Span::new(3, 6));
    let mut sent = Vec::new();
    for round in 0..20 {
        let start = 100 * round;
        world.run_until(start);
        world.at(ALICE, |alice| alice.send(b"hello".to_vec()));
        let before = world.nodes[BOB].sent.keepalives;
        while world.nodes[BOB].sent.keepalives == before {
            world.run_until_nanos(world.nanos() + S / 10);
        }
        sent.push(world.nanos() as f64 / S as f64 - start as f64);
    }
    spread_over(&sent, 3.0, 6.4);
}

#[test]
fn persistent_keepalives_are_drawn_each_time() {
    let mut world = World::new();
    world.at(ALICE, |alice| {
        alice.set_persistent_keepalive(Span::new(2, 6));
    });
    let mut times = Vec::new();
    let mut before = 0;
    while world.seconds() < 110 {
        world.run_until_nanos(world.nanos() + S / 10);
        let now = world.nodes[ALICE].sent.keepalives;
        if now != before {
            times.push(world.nanos());
        }
        before = now;
    }
    spread_over(&gaps(&times), 1.9, 6.2);
}
