// SPDX-License-Identifier: GPL-2.0

//! Sessions coming, changing places and going, and the removal of a peer amid all that: the index
//! table and the slots agree, and what has been closed is reached by nobody and freed.

use kernel::{
    model,
    prelude::*,
    sync::{rcu::read_lock, Arc},
};
use loom::thread;

use crate::{
    crypto::{KernelCrypto, Key},
    device::Device,
    identity::Identity,
    index_table::Entry,
    kapi::{
        random,
        sync::{bh, rcu::RcuArc}, //
    },
    peer::{Peer, PeerMemory},
    proto::{
        handshake::{AuthenticatedResponse, Handshake, IncomingInitiation, Role, SessionKeys},
        identity::RemoteStatic,
        messages::{Index, Response},
        transport::Lifetime,
    },
    session::Session,
    time::{boot_now, wall_now},
    tx::create, //
};

/// No number that is given out in a model is higher.
const LAST_INDEX: u32 = 40;

fn key(byte: u8) -> Key {
    Key::from_bytes([byte; 32])
}

pub(super) fn identity(byte: u8) -> RcuArc<Identity> {
    let identity = Identity::from_private(key(byte)).unwrap();
    RcuArc::new(identity, GFP_KERNEL).unwrap()
}

/// A peer of a device that has no other, and the far end.
pub(super) struct Ends {
    pub(super) peer: RcuArc<Peer>,
    far: Far,
}

struct Far {
    identity: RcuArc<Identity>,
    remote: RemoteStatic<KernelCrypto>,
    handshake: Handshake<KernelCrypto>,
}

impl Ends {
    pub(super) fn new() -> Self {
        Self::with_room(4)
    }

    /// With so much room in the rings of the device.
    pub(super) fn with_room(room: usize) -> Self {
        random::begin(1);
        let device = Arc::new(Device::new(room).unwrap(), GFP_KERNEL).unwrap();
        device.identity.replace(Some(identity(1)));
        Self::of(device, 2)
    }

    /// Another peer of a device, whose private key is made of that byte.
    pub(super) fn of(device: Arc<Device>, byte: u8) -> Self {
        let (near, far) = (device.identity.get().unwrap(), identity(byte));
        let remote = RemoteStatic::new(*near.keys().public(), Some(far.keys()));
        let memory = PeerMemory::new().unwrap();
        let peer = Peer::new(device, 0, *far.keys().public(), None, memory);
        let far = Far {
            identity: far,
            remote,
            handshake: Handshake::new(),
        };
        Self { peer, far }
    }

    /// A handshake that the far end has begun, up to where it is to be answered.
    fn begun_there(mut self) -> RcuArc<Peer> {
        let created = self.far.handshake.create_initiation(
            self.far.identity.keys(),
            &self.far.remote,
            key(5),
            Index(77),
            wall_now(),
        );
        let message = created.unwrap().message;
        {
            let near = self.peer.device.identity.get().unwrap();
            let remote = RemoteStatic::new(self.peer.public_key, Some(near.keys()));
            let incoming = IncomingInitiation::open(near.keys(), &message);
            let authentic = incoming.unwrap().authenticate(&remote).unwrap();
            let mut noise = self.peer.noise.lock();
            assert!(Peer::wake(self.peer.borrow()));
            noise
                .accept_initiation(&near, remote, authentic, boot_now())
                .unwrap();
        }
        self.peer
    }

    /// A handshake that we have begun and the far end has answered, up to where that is accepted.
    fn answered_there(mut self) -> (RcuArc<Peer>, AuthenticatedResponse<KernelCrypto>) {
        let message = create::create_initiation(&self.peer, None, false).unwrap();
        let far = self.far.identity.keys();
        let incoming = IncomingInitiation::open(far, &message).unwrap();
        let authentic = incoming.authenticate(&self.far.remote).unwrap();
        let slot = &mut self.far.handshake;
        slot.accept_initiation(authentic, boot_now()).unwrap();
        let created = slot.create_response(&self.far.remote, key(6), Index(78));
        let response = open(&self.peer, &created.unwrap().message);
        (self.peer, response)
    }
}

fn open(peer: &Peer, message: &Response) -> AuthenticatedResponse<KernelCrypto> {
    let mut noise = peer.noise.lock();
    let exchange = noise.exchange().unwrap();
    let pending = exchange.handshake.snapshot().unwrap();
    let identity = exchange.identity.as_ref().unwrap();
    pending
        .open_response(identity.keys(), &exchange.remote, message)
        .unwrap()
}

/// What `rx/handshake.rs` does under the lock with a response.
fn accept(peer: &RcuArc<Peer>, response: AuthenticatedResponse<KernelCrypto>) -> Result {
    let mut noise = peer.noise.lock();
    noise
        .exchange()
        .ok_or(EINVAL)?
        .handshake
        .accept_response(response)
        .map_err(|_| EINVAL)?;
    create::begin_session(peer, &mut noise)
}

/// A session of `peer` with a number.
fn numbered(peer: &RcuArc<Peer>, role: Role) -> RcuArc<Session> {
    let table = &peer.device.index_table;
    let local_index = table.insert_handshake(peer.clone()).unwrap();
    let keys = SessionKeys {
        role,
        send: key(7),
        receive: key(8),
        local_index,
        remote_index: Index(79),
    };
    let lanes = peer.lanes(&mut peer.noise.lock()).unwrap();
    let lifetime = Lifetime::begin(boot_now(), &|| 0);
    let session = Session::new(peer.clone(), lanes, keys, boot_now(), lifetime).unwrap();
    table.replace(local_index, peer, session.clone()).unwrap();
    session
}

/// Puts a new session in its slot.
pub(super) fn install(peer: &RcuArc<Peer>, role: Role) -> Result {
    peer.sessions
        .install(&peer.device.index_table, numbered(peer, role))
}

fn lookup(peer: &Peer, index: Index) -> Option<Entry<Peer, Session>> {
    let guard = read_lock();
    peer.device
        .index_table
        .lookup((&guard).into(), index)
        .cloned()
}

/// What can be reached by a number.
fn reached(peer: &Peer) -> Vec<Entry<Peer, Session>> {
    (1..=LAST_INDEX)
        .filter_map(|index| lookup(peer, Index(index)))
        .collect()
}

/// Receives a message by a number, as `rx` does, and says whether that confirmed a session.
fn receive(peer: &RcuArc<Peer>, index: Index) -> bool {
    let bh = bh::disable();
    let rcu = bh.token().rcu();
    let table = &peer.device.index_table;
    match table.lookup(rcu, index) {
        Some(Entry::Session(session)) => {
            let session = session.clone();
            session.peer.sessions.confirm(table, rcu, &session)
        }
        Some(Entry::Handshake(_)) | None => false,
    }
}

/// Sends by the current session, if there is one: reserves a counter of it.
fn send(peer: &Peer) -> bool {
    let bh = bh::disable();
    let Some(session) = peer.sessions.current(bh.token().rcu()) else {
        return false;
    };
    if !session.may_send(boot_now()) {
        return false;
    }
    session
        .try_get()
        .is_some_and(|session| session.reserve(1).is_some())
}

/// The current session can be reached by its number.
fn assert_agreement(peer: &Peer) {
    let current = {
        let guard = read_lock();
        peer.sessions
            .current((&guard).into())
            .and_then(|session| session.try_get())
    };
    if let Some(current) = current {
        let found = lookup(peer, current.local_index);
        assert!(matches!(found, Some(Entry::Session(found)) if found.ptr_eq(&current)));
    }
}

fn assert_closed(peer: &RcuArc<Peer>) {
    assert!(reached(peer).is_empty(), "a closed peer is reached");
    assert!(!send(peer), "a closed peer sends");
    assert!(peer
        .sessions
        .install(&peer.device.index_table, numbered(peer, Role::Initiator))
        .is_err());
    assert!(
        reached(peer).is_empty(),
        "a session was let into a closed peer"
    );
}

/// Runs `work` beside `change` on one peer that `setup` prepares, then closes the peer. All must be freed.
fn beside<S: Send + 'static, R: 'static>(
    setup: fn() -> (RcuArc<Peer>, S),
    work: fn(&RcuArc<Peer>, S) -> R,
    change: fn(&RcuArc<Peer>),
) {
    model::check(3, move || {
        let (peer, state) = setup();
        let other = thread::spawn({
            let peer = peer.clone();
            move || {
                work(&peer, state);
            }
        });
        change(&peer);
        other.join().unwrap();
        assert_agreement(&peer);
        if !peer.is_closed() {
            assert!(reached(&peer).len() <= 4);
            Peer::close(&peer);
        }
        assert_closed(&peer);
    });
}

/// A session in use, and one that is to be confirmed.
fn two_sessions() -> (RcuArc<Peer>, Index) {
    let peer = Ends::new().peer;
    install(&peer, Role::Initiator).unwrap();
    let next = numbered(&peer, Role::Responder);
    let index = next.local_index;
    peer.sessions
        .install(&peer.device.index_table, next)
        .unwrap();
    (peer, index)
}

#[test]
fn removed_while_it_answers() {
    beside(
        || (Ends::new().begun_there(), ()),
        |peer, ()| create::create_response(peer),
        Peer::close,
    );
}

#[test]
fn removed_while_it_begins() {
    beside(
        || (Ends::new().peer, ()),
        |peer, ()| create::create_initiation(peer, None, false),
        Peer::close,
    );
}

#[test]
fn removed_while_it_is_answered() {
    beside(|| Ends::new().answered_there(), accept, Peer::close);
}

#[test]
fn removed_while_a_session_is_confirmed() {
    beside(two_sessions, receive, Peer::close);
}

#[test]
fn removed_while_it_sends() {
    beside(two_sessions, |peer, _| send(peer), Peer::close);
}

#[test]
fn forgotten_while_it_is_answered() {
    beside(|| Ends::new().answered_there(), accept, Peer::forget_keys);
}

/// Whichever comes first, no session is left.
#[test]
fn forgotten_while_a_session_is_confirmed() {
    model::check(3, || {
        let (peer, index) = two_sessions();
        let other = thread::spawn({
            let peer = peer.clone();
            move || receive(&peer, index)
        });
        Peer::forget_keys(&peer);
        other.join().unwrap();
        assert!(reached(&peer).is_empty(), "a session was not forgotten");
        assert!(!send(&peer));
        Peer::close(&peer);
        assert_closed(&peer);
    });
}

#[test]
fn expired_while_a_session_is_confirmed() {
    beside(two_sessions, receive, |peer| {
        Peer::expire_keys(peer, &mut peer.noise.lock());
        // What takes the place of the current session has been stopped as well.
        assert!(!send(peer));
    });
}

#[test]
fn confirmed_while_another_comes() {
    beside(two_sessions, receive, |peer| {
        install(peer, Role::Initiator).unwrap()
    });
}

#[test]
fn used_while_another_comes() {
    beside(
        two_sessions,
        |peer, _| {
            // Without a gap: a session is there at any time.
            let guard = read_lock();
            assert!(peer.sessions.current((&guard).into()).is_some());
        },
        |peer| install(peer, Role::Initiator).unwrap(),
    );
}

/// Two messages of a session that waits are received at once: one of them confirms it.
#[test]
fn confirmed_once() {
    model::check(2, || {
        let (peer, index) = two_sessions();
        let other = thread::spawn({
            let peer = peer.clone();
            move || receive(&peer, index)
        });
        let mine = receive(&peer, index);
        assert_ne!(mine, other.join().unwrap());
        assert_agreement(&peer);
        Peer::close(&peer);
        assert_closed(&peer);
    });
}
