// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The handshake against another implementation of Noise, in both roles, byte for byte.

use wireguard_proto::handshake::Role;
use wireguard_proto::messages::{parse, HandshakeMessage, Index, Message, PublicKey};
use wireguard_proto::tai64n::Timestamp;

mod common;
mod noise_peer;

use common::{boot, initiation, response, wall, Key, Party, Random};
use noise_peer::NoisePeer;

const ROUNDS: u64 = 20;

/// What the Noise message is wrapped in: header before, macs behind.
fn noise_part(message: &impl HandshakeMessage, header: usize) -> &[u8] {
    let bytes = message.as_bytes();
    &bytes[header..bytes.len() - 32]
}

fn wrap(header: &[u32], noise: &[u8]) -> Vec<u8> {
    let header = header.iter().flat_map(|word| word.to_le_bytes());
    header.chain(noise.iter().copied()).chain([0; 32]).collect()
}

/// One of ours and one of snow's, who know each other, and our ephemeral key.
fn pair(random: &mut Random) -> (Party, NoisePeer, [u8; 32]) {
    let (private, ephemeral, preshared_key) = (random.bytes(), random.bytes(), random.bytes());
    let theirs = NoisePeer::new(&random.bytes(), &random.bytes(), &preshared_key);
    let mut ours = Party::toward(private, PublicKey(theirs.public()));
    ours.remote
        .set_preshared_key(Key::from_bytes(preshared_key));
    (ours, theirs, ephemeral)
}

#[test]
fn our_initiator_their_responder() {
    for seed in 0..ROUNDS {
        let (mut ours, theirs, ephemeral) = pair(&mut Random(seed));
        let now = wall(1_700_000_000);
        let created = ours
            .slot
            .create_initiation(
                &ours.identity,
                &ours.remote,
                Key::from_bytes(ephemeral),
                Index(40),
                now,
            )
            .unwrap();

        let mut responder = theirs.responder();
        let payload = noise_peer::read(&mut responder, noise_part(&created.message, 8));
        assert_eq!(payload, Timestamp::new(now).0);
        let theirs_of_us = responder.get_remote_static().unwrap();
        assert_eq!(theirs_of_us, ours.identity.public().0);

        let noise = noise_peer::write(&mut responder, &[]);
        let (initiator_sends, responder_sends) = responder.dangerously_get_raw_split();
        let message = response(&wrap(&[2, 50, 40], &noise));
        let authentic = ours.open_response(&message).unwrap();
        ours.slot.accept_response(authentic).unwrap();
        let session = ours.slot.begin_session().unwrap();
        assert_eq!(session.role, Role::Initiator);
        assert_eq!(*session.send.as_bytes(), initiator_sends);
        assert_eq!(*session.receive.as_bytes(), responder_sends);
        assert_eq!(session.remote_index, Index(50));
    }
}

#[test]
fn their_initiator_our_responder() {
    for seed in 0..ROUNDS {
        let (mut ours, theirs, ephemeral) = pair(&mut Random(seed));
        let mut initiator = theirs.initiator(&ours.identity.public().0);
        let noise = noise_peer::write(&mut initiator, &Timestamp::new(wall(1)).0);
        ours.accept(&initiation(&wrap(&[1, 40], &noise)), boot(1));

        let ephemeral = Key::from_bytes(ephemeral);
        let created = ours
            .slot
            .create_response(&ours.remote, ephemeral, Index(50))
            .unwrap();
        assert_eq!(created.message.receiver(), Index(40));
        let payload = noise_peer::read(&mut initiator, noise_part(&created.message, 12));
        assert!(payload.is_empty());

        let (initiator_sends, responder_sends) = initiator.dangerously_get_raw_split();
        let session = ours.slot.begin_session().unwrap();
        assert_eq!(session.role, Role::Responder);
        assert_eq!(*session.send.as_bytes(), responder_sends);
        assert_eq!(*session.receive.as_bytes(), initiator_sends);
    }
}

/// With the same keys, randomness and time, both say the very same thing.
#[test]
fn the_same_bytes_in_both_roles() {
    for seed in 0..ROUNDS {
        let mut random = Random(seed);
        let [private, ephemeral, remote_private, remote_ephemeral] = [0; 4].map(|_| random.bytes());
        let psk = random.bytes();
        let now = wall(random.below(1 << 33) as i64);
        let our_half = |private, remote_private| {
            let mut party = Party::new(private, remote_private);
            party.remote.set_preshared_key(Key::from_bytes(psk));
            party
        };
        let (mut alice, mut bob) = (
            our_half(private, remote_private),
            our_half(remote_private, private),
        );
        let their_bob = NoisePeer::new(&remote_private, &remote_ephemeral, &psk);
        let mut their_alice =
            NoisePeer::new(&private, &ephemeral, &psk).initiator(&their_bob.public());
        let mut their_bob = their_bob.responder();

        let noise = noise_peer::write(&mut their_alice, &Timestamp::new(now).0);
        let created = alice
            .slot
            .create_initiation(
                &alice.identity,
                &alice.remote,
                Key::from_bytes(ephemeral),
                Index(7),
                now,
            )
            .unwrap();
        assert_eq!(noise_part(&created.message, 8), noise);

        noise_peer::read(&mut their_bob, &noise);
        let noise = noise_peer::write(&mut their_bob, &[]);
        bob.accept(&created.message, boot(1));
        let created = bob
            .slot
            .create_response(&bob.remote, Key::from_bytes(remote_ephemeral), Index(8))
            .unwrap();
        assert_eq!(noise_part(&created.message, 12), noise);
    }
}

#[test]
fn data_messages_are_noise_transport_messages() {
    use wireguard_proto::messages::Counter;
    use wireguard_proto::transport;

    let (mut ours, theirs, _) = pair(&mut Random(9));
    let mut initiator = theirs.initiator(&ours.identity.public().0);
    let noise = noise_peer::write(&mut initiator, &Timestamp::new(wall(1)).0);
    ours.accept(&initiation(&wrap(&[1, 40], &noise)), boot(1));
    let message = ours.respond(6, 50);
    noise_peer::read(&mut initiator, noise_part(&message, 12));
    let session = ours.slot.begin_session().unwrap();
    let theirs = initiator.into_stateless_transport_mode().unwrap();

    for counter in [0, 1, 77, u64::MAX - 9000] {
        let mut message = [0; 80];
        let packet = [3; 48];
        transport::seal(
            &mut message,
            &session.send,
            session.remote_index,
            Counter(counter),
            &packet,
        )
        .unwrap();
        let mut opened = [0; 48];
        let len = theirs.read_message(counter, &message[16..], &mut opened);
        assert_eq!((len, opened), (Ok(48), packet));

        let len = theirs.write_message(counter, &packet, &mut message[16..]);
        assert_eq!(len, Ok(64));
        let Ok(Message::Data(data)) = parse(&message) else {
            panic!("not data");
        };
        assert_eq!(
            transport::open(&mut opened, &session.receive, &data),
            Ok(48)
        );
    }
}
