// SPDX-License-Identifier: GPL-2.0

//! What users configure, and how it takes effect.
//!
//! Everything here runs in process context under the device's configuration lock.

use core::mem;

use kernel::{
    prelude::*,
    rbtree::{RBTree, RBTreeNodeReservation},
    sync::{lock::mutex::MutexGuard, Arc}, //
};

use crate::{
    allowed_ips::{AllowedIp, Ledger, Reserve},
    binding::Binding,
    carrier::Carrier,
    changes::{Change, Changes, Kind},
    crypto::Key,
    device::{Device, LinkKind},
    dscp::Dscp,
    events::{self, Bulletin, End, Event},
    identity::Identity,
    kapi::{
        log::debug,
        net::{netns::Net, rtnl::RtnlHeld, udp_tunnel::has_interface},
        sync::{atomic::Ordering, bh, rcu::RcuArc},
        time, //
    },
    labels::{LabelRoom, Labels},
    markings::{Marking, MarkingRoom, Markings},
    peer::{Peer, PeerMemory},
    peers::KeyReservation,
    proto::{
        awg::Span,
        messages::PublicKey,
        time::WallTime,
        timers::KeepaliveChange, //
    },
    rx::handshake,
    socket::{BindError, SocketPair},
    strangers::HoldChange,
    tx::{self, stage},
    wardrobe::{Draft, Wardrobe}, //
};

/// Whether a device can be used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    Down,
    /// It is up: it has sockets, unless their namespace is gone.
    Up,
    /// It has been removed. Who still has a reference is too late.
    Gone,
}

/// The configuration of a device.
pub(crate) struct Config {
    condition: Condition,
    /// Where to listen. The port is the one that was chosen, if any will do; zero before that.
    binding: Binding,
    /// Counts changes, from where no device before has come to.
    generation: u64,
    changes: Changes,
    /// The peers by their places, in the order of their creation.
    peers: RBTree<u64, Listed>,
    peer_count: usize,
    /// The place behind all others.
    next_place: u64,
    ledger: Ledger<Peer>,
}

/// A peer at its place.
struct Listed {
    peer: RcuArc<Peer>,
    /// The number of its last change that was noted.
    changed: u64,
}

impl Config {
    /// The configuration of a new device.
    pub(crate) fn new() -> Self {
        Self {
            condition: Condition::Down,
            binding: Binding::NEW,
            // One has less than one change each nanosecond.
            generation: time::monotonic_ns().max(1),
            changes: Changes::new(),
            peers: RBTree::new(),
            peer_count: 0,
            next_place: 0,
            ledger: Ledger::new(),
        }
    }

    /// Notes what has become of a peer, and returns the number of that.
    fn note(&mut self, peer: &Peer, kind: Kind) -> u64 {
        self.changes.note(peer.public_key, kind, self.generation)
    }
}

/// What is to become of where the device listens.
pub(crate) enum BindingChange {
    /// It stays.
    None,
    /// It is to be there when the device comes up.
    Remember(Binding),
    /// Sockets that are open already, elsewhere.
    Move(Binding, KBox<SocketPair<Device>>),
}

/// What is sent otherwise than before: nothing of a packet's class shows outside, or that.
pub(crate) struct NewDscp(Option<RcuArc<Dscp>>);

/// Who the device is to be, other than now.
pub(crate) struct NewIdentity(Option<RcuArc<Identity>>);

impl NewIdentity {
    /// The public key of the device then.
    pub(crate) fn public_key(&self) -> Option<PublicKey> {
        self.0.as_ref().map(|identity| *identity.keys().public())
    }
}

/// What messages are to look like, other than now; nothing if they are all to be WireGuard's.
pub(crate) struct NewWardrobe(Option<RcuArc<Wardrobe>>);

/// Memory for a peer, and for its places in what finds it.
pub(crate) struct PeerRoom {
    memory: PeerMemory,
    by_place: RBTreeNodeReservation<u64, Listed>,
    by_key: KeyReservation,
}

impl PeerRoom {
    /// Allocates it.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            memory: PeerMemory::new()?,
            by_place: RBTreeNodeReservation::new(GFP_KERNEL)?,
            by_key: KeyReservation::new(GFP_KERNEL)?,
        })
    }
}

/// A device's configuration, locked.
pub(crate) struct Configuration<'a> {
    device: &'a Arc<Device>,
    config: MutexGuard<'a, Config>,
    bulletin: Bulletin,
}

impl Device {
    /// Locks the configuration, in process context.
    ///
    /// Whoever takes RTNL as well takes it before.
    pub(crate) fn configure(this: &Arc<Self>) -> Configuration<'_> {
        Configuration {
            device: this,
            config: this.config.lock(),
            bulletin: Bulletin::unread(),
        }
    }
}

impl<'a> Configuration<'a> {
    /// Changes whenever the configuration does.
    pub(crate) fn generation(&self) -> u64 {
        self.config.generation
    }

    /// Notes that the configuration changes.
    pub(crate) fn bump_generation(&mut self) {
        self.config.generation = self.config.generation.wrapping_add(1);
    }

    /// Has those told of what changes who listen in a network namespace, where the device is.
    pub(crate) fn tell_listeners(&mut self, net: Option<Net>) {
        self.bulletin = Bulletin::for_listeners(net, self.device);
    }

    /// Tells the last of what has changed.
    pub(crate) fn conclude(&mut self) {
        self.bulletin.conclude(self.device, self.config.generation);
    }

    /// Tells of what has become of a peer.
    pub(crate) fn tell(&mut self, peer: &Peer, event: Event) {
        self.bulletin.tell_peer(peer, event, self.config.generation);
    }

    /// Notes that the device comes up, goes down or has been removed.
    pub(crate) fn set_condition(&mut self, condition: Condition) {
        self.config.condition = condition;
        self.device.set_up(condition == Condition::Up);
    }

    /// Notes which peers change from now on, for [`Self::first_change_since`].
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn keep_changes(&mut self) -> Result {
        let config = &mut *self.config;
        config.changes.keep(config.generation)
    }

    /// The number of the first change to a peer that is later than `generation`; [`None`] if it is
    /// not known what has changed since.
    pub(crate) fn first_change_since(&self, generation: u64) -> Option<u64> {
        if generation > self.config.generation {
            return None;
        }
        self.config.changes.first_since(generation)
    }

    /// The change of that number, unless it was lost or has yet to come.
    pub(crate) fn change(&self, number: u64) -> Option<&Change> {
        self.config.changes.get(number)
    }

    /// Whether no change of that number was lost.
    pub(crate) fn has_change(&self, number: u64) -> bool {
        self.change(number).is_some() || self.config.changes.is_next(number)
    }

    /// Notes that a peer is not as it was.
    pub(crate) fn note_change(&mut self, peer: &Peer) {
        let config = &mut *self.config;
        let number = config.note(peer, Kind::Changed);
        if let Some(listed) = config.peers.get_mut(&peer.place()) {
            listed.changed = number;
        }
    }

    /// The number of a peer's last change that was noted.
    pub(crate) fn last_change(&self, peer: &Peer) -> u64 {
        let listed = self.config.peers.get(&peer.place());
        listed.map_or(0, |listed| listed.changed)
    }

    /// Whether the device is up.
    pub(crate) fn is_up(&self) -> bool {
        self.config.condition == Condition::Up
    }

    /// `ENODEV` if the device has been removed.
    pub(crate) fn check_there(&self) -> Result {
        if self.config.condition == Condition::Gone {
            return Err(ENODEV);
        }
        Ok(())
    }

    /// Whether the current task may configure what concerns the namespace of the sockets.
    pub(crate) fn is_administrable(&self) -> bool {
        self.device
            .creating_net
            .try_get()
            .is_some_and(|net| net.capable_net_admin())
    }

    /// The port that is listened on, or will be when the device comes up; zero for any.
    pub(crate) fn listen_port(&self) -> u16 {
        self.config.binding.port
    }

    /// Where is listened, likewise.
    pub(crate) fn binding(&self) -> Binding {
        self.config.binding
    }

    /// What of the class of packets shows outside; nothing if ECN alone does.
    pub(crate) fn dscp(&self) -> Option<RcuArc<Dscp>> {
        self.device.dscp.get()
    }

    /// The mark of outgoing packets.
    pub(crate) fn fwmark(&self) -> u32 {
        self.device.fwmark()
    }

    /// Who the device is.
    pub(crate) fn identity(&self) -> Option<RcuArc<Identity>> {
        self.device.identity.get()
    }

    /// The public key of the device.
    pub(crate) fn public_key(&self) -> Option<PublicKey> {
        self.identity().map(|identity| *identity.keys().public())
    }

    /// The peers that are awake, of which there may be few among many: those that anything has to be
    /// done to when something happens to the device.
    pub(crate) fn awake(&self) -> impl Iterator<Item = RcuArc<Peer>> + '_ {
        self.device.awake.walk()
    }

    /// The first peer at that place or a later one.
    pub(crate) fn peer_from(&self, place: u64) -> Option<RcuArc<Peer>> {
        let cursor = self.config.peers.cursor_lower_bound(&place)?;
        Some(cursor.current().1.peer.clone())
    }

    /// The peer of that public key.
    pub(crate) fn peer(&self, key: &PublicKey) -> Option<RcuArc<Peer>> {
        self.device.peers.find(key)
    }

    /// A peer's first allowed IP with that number or a higher one, and its number.
    pub(crate) fn allowed_ip_from(&self, peer: u64, from: u64) -> Option<(u64, AllowedIp)> {
        self.config.ledger.owned(peer, from)
    }

    /// Sets the mark of outgoing packets; if it is another, all routes are looked up anew.
    pub(crate) fn set_fwmark(&mut self, mark: u32) {
        if self.device.routing.replace_mark(mark) != mark {
            self.bulletin.note_device();
            self.mark_sockets();
            self.forget_routes();
        }
    }

    /// Has the sockets bear the mark: what routers say of a path is noted for routes of that.
    fn mark_sockets(&self) {
        let bh = bh::disable();
        let device = self.device;
        device.sockets.set_mark(device.fwmark(), bh.token());
    }

    /// Prepares to listen elsewhere: opens sockets if the device is up. Changes nothing.
    ///
    /// # Errors
    ///
    /// Those of [`Self::bind`]; `ENODEV` also if the device is not up.
    pub(crate) fn prepare_binding(&self, binding: Binding) -> Result<BindingChange> {
        if self.config.binding == binding {
            Ok(BindingChange::None)
        } else if self.is_up() {
            let sockets = self.open_sockets(&binding)?;
            let port = sockets.port();
            Ok(BindingChange::Move(Binding { port, ..binding }, sockets))
        } else {
            self.check_interface(binding.ifindex)?;
            Ok(BindingChange::Remember(binding))
        }
    }

    fn check_interface(&self, ifindex: u32) -> Result {
        let net = self.device.creating_net.try_get().ok_or(ENONET)?;
        // It may have gone since it was said.
        if ifindex == 0 || ifindex == self.config.binding.ifindex || has_interface(&net, ifindex) {
            return Ok(());
        }
        Err(ENODEV)
    }

    /// Listens elsewhere; then all routes are looked up anew.
    pub(crate) fn set_binding(&mut self, change: BindingChange) {
        match change {
            BindingChange::None => return,
            BindingChange::Remember(binding) => self.config.binding = binding,
            BindingChange::Move(binding, sockets) => {
                self.config.binding = binding;
                self.use_sockets(sockets, || self.forget_routes());
            }
        }
        self.bulletin.note_device();
        // Who was still sending by the sockets before may have remembered something of them.
        self.forget_routes();
    }

    /// Opens sockets as configured, on any port if that is zero, and uses them from now on.
    ///
    /// # Errors
    ///
    /// `EADDRINUSE` if port and address are taken, `EACCES` if the port is privileged and the caller is
    /// not, `EADDRNOTAVAIL` if an address is not ours, `EINVAL` if all in a network have it, `ENODEV` if
    /// the interface to be bound to is not there, `ENONET` if the namespace is gone.
    pub(crate) fn bind(&mut self) -> Result {
        let sockets = self.open_sockets(&self.config.binding)?;
        self.config.binding.port = sockets.port();
        // What peers know of our addresses holds, however long the device was down.
        self.use_sockets(sockets, || ());
        Ok(())
    }

    /// If those that are open are in the way, both share the port meanwhile.
    fn open_sockets(&self, binding: &Binding) -> Result<KBox<SocketPair<Device>>> {
        let device = self.device;
        let open = |shares| SocketPair::bind(&device.creating_net, binding, shares, device);
        let mut sockets = open(false);
        let is_taken = sockets.as_ref().is_err_and(BindError::is_taken);
        if is_taken && binding.port == self.config.binding.port && self.has_sockets() {
            device.sockets.let_share(true);
            sockets = open(true);
            device.sockets.let_share(false);
        }
        sockets.map_err(|error| error.log(&device.dev))
    }

    fn has_sockets(&self) -> bool {
        let bh = bh::disable();
        self.device.sockets.are_open(bh.token())
    }

    fn use_sockets(&self, sockets: KBox<SocketPair<Device>>, used: impl FnOnce()) {
        {
            let bh = bh::disable();
            sockets.set_mark(self.device.fwmark(), bh.token());
        }
        self.device.sockets.replace(Some(sockets), used);
    }

    /// Closes the sockets.
    pub(crate) fn unbind(&mut self) {
        self.device.sockets.replace(None, || ());
    }

    /// Prepares to show other classes outside. Changes nothing; [`None`] if it is the same again.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn prepare_dscp(&self, dscp: Option<Dscp>) -> Result<Option<NewDscp>> {
        if self.dscp().as_deref() == dscp.as_ref() {
            return Ok(None);
        }
        let dscp = dscp.map(|dscp| RcuArc::new(dscp, GFP_KERNEL)).transpose()?;
        Ok(Some(NewDscp(dscp)))
    }

    /// Shows other classes outside, of what is sent from now on.
    pub(crate) fn set_dscp(&mut self, NewDscp(dscp): NewDscp) {
        self.bulletin.note_device();
        self.device.dscp.replace(dscp);
    }

    /// Prepares to be somebody else; zero is to be nobody. [`None`] if it is the same key again.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn prepare_identity(&self, private: Key) -> Result<Option<NewIdentity>> {
        let identity = Identity::from_private(private);
        let is_same = match (&self.identity(), &identity) {
            (Some(before), Some(identity)) => before.is_same(identity),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if is_same {
            return Ok(None);
        }
        let identity = identity
            .map(|identity| RcuArc::new(identity, GFP_KERNEL))
            .transpose()?;
        Ok(Some(NewIdentity(identity)))
    }

    /// Changes who the device is.
    ///
    /// A peer with the same public key is removed. Sessions with the others go on receiving, and new
    /// ones are made.
    pub(crate) fn set_identity(&mut self, NewIdentity(identity): NewIdentity) {
        let public = identity.as_ref().map(|identity| identity.keys().public());
        if let Some(public) = public {
            self.remove_peer(public);
        }
        self.bulletin.note_device();
        let before = self.device.identity.replace(identity.clone());
        self.device.strangers.clear();
        self.awake().for_each(|peer| Peer::forget_identity(&peer));
        if before.is_none() && self.is_up() {
            self.awake().for_each(|peer| Peer::flush_staged(&peer));
        }
    }

    /// What kind of link the device is.
    pub(crate) fn kind(&self) -> LinkKind {
        self.device.kind
    }

    /// What messages look like; nothing if they are all WireGuard's.
    pub(crate) fn wardrobe(&self) -> Option<RcuArc<Wardrobe>> {
        self.device.wardrobe()
    }

    /// By how much data messages are longer than those of WireGuard at most, padding aside.
    pub(crate) fn data_overhead(&self) -> u32 {
        self.wardrobe().map_or(0, |wardrobe| wardrobe.overhead())
    }

    /// Prepares to look as a draft says. Changes nothing.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn prepare_wardrobe(&self, draft: Draft) -> Result<NewWardrobe> {
        draft.finish().map(NewWardrobe)
    }

    /// Whether there is a profile of that number, or will be.
    pub(crate) fn will_have_profile(&self, wardrobe: Option<&NewWardrobe>, number: u8) -> bool {
        let has = |wardrobe: &RcuArc<Wardrobe>| wardrobe.of(number).number() == number;
        number == 0
            || match wardrobe {
                Some(NewWardrobe(wardrobe)) => wardrobe.as_ref().is_some_and(has),
                None => self.wardrobe().as_ref().is_some_and(has),
            }
    }

    /// Changes what messages look like. Sessions go on: to both ends of one it is the same. A peer whose
    /// profile goes wears what the device does.
    pub(crate) fn set_wardrobe(&mut self, NewWardrobe(wardrobe): NewWardrobe) {
        self.bulletin.note_device();
        self.device.wardrobe.replace(wardrobe);
        // How long the next initiation waits is for the new times to say.
        self.awake()
            .for_each(|peer| peer.timers.lock().forget_last_handshake_sent());
        let headroom = tx::HEADROOM.saturating_add(self.data_overhead());
        self.device.dev.set_headroom(headroom as u16);
    }

    /// For how many milliseconds initiations from unknown peers are held; zero if not at all.
    pub(crate) fn hold_unknown(&self) -> u16 {
        self.device.strangers.hold_millis()
    }

    /// Prepares to hold them for another time. Changes nothing. [`None`] if it is the same again.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn prepare_hold_unknown(&self, millis: u16) -> Result<Option<HoldChange>> {
        if millis == self.hold_unknown() {
            return Ok(None);
        }
        self.device.strangers.prepare(millis).map(Some)
    }

    /// Changes that time.
    pub(crate) fn set_hold_unknown(&mut self, change: HoldChange) {
        self.bulletin.note_device();
        self.device.strangers.set(change);
    }

    /// Whether the carrier is there only while any peer is alive.
    pub(crate) fn carrier_follows(&self) -> bool {
        self.device.carrier.follows()
    }

    /// Says whether it is.
    pub(crate) fn set_carrier_follows(&mut self, follows: bool) {
        if follows == self.carrier_follows() {
            return;
        }
        self.bulletin.note_device();
        Carrier::set_follows(self.device, follows);
    }

    /// Whether senders are told what the paths to peers take.
    pub(crate) fn path_mtu_follows(&self) -> bool {
        self.device.routing.path_mtu_follows()
    }

    /// Says whether they are.
    pub(crate) fn set_path_mtu_follows(&mut self, follows: bool) {
        if self.device.routing.replace_path_mtu_follows(follows) != follows {
            self.bulletin.note_device();
            self.awake()
                .for_each(|peer| peer.endpoint.forget_path_mtu());
        }
    }

    /// Of which classes there are events.
    pub(crate) fn event_classes(&self) -> u32 {
        self.device.events.classes()
    }

    /// Says of which there are.
    pub(crate) fn set_event_classes(&mut self, classes: u32) {
        if classes == self.event_classes() {
            return;
        }
        self.bulletin.note_device();
        self.device.events.set_classes(classes);
    }

    /// Has a peer answered whose initiation is held, because it was unknown then.
    pub(crate) fn resume(&self, peer: &Peer) {
        handshake::resume(self.device, &peer.public_key);
    }

    /// How many peers there are.
    pub(crate) fn peer_count(&self) -> usize {
        self.config.peer_count
    }

    /// Creates a peer. There must not be one of that key, nor as many as there may be.
    pub(crate) fn create_peer(
        &mut self,
        public_key: PublicKey,
        preshared_key: Option<KBox<Key>>,
        room: PeerRoom,
    ) -> RcuArc<Peer> {
        let place = self.config.next_place;
        let peer = Peer::new(
            self.device.clone(),
            place,
            public_key,
            preshared_key,
            room.memory,
        );
        self.device.peers.insert(room.by_key, peer.clone());
        let listed = Listed {
            peer: peer.clone(),
            changed: 0,
        };
        let node = room.by_place.into_node(place, listed);
        self.config.peers.insert(node);
        self.config.peer_count = self.config.peer_count.wrapping_add(1);
        self.config.next_place = place.wrapping_add(1);
        peer
    }

    /// Removes the peer of that public key, if there is one.
    pub(crate) fn remove_peer(&mut self, key: &PublicKey) {
        let Some(peer) = self.device.peers.remove(key) else {
            return;
        };
        self.remove_allowed_ips(&peer);
        if self.config.peers.remove_node(&peer.place()).is_some() {
            self.config.peer_count = self.config.peer_count.wrapping_sub(1);
        }
        self.config.note(&peer, Kind::Removed);
        self.tell(&peer, Event::PeerRemoved);
        Labels::remove(&peer);
        Peer::close(&peer);
        Carrier::update(self.device);
    }

    /// Removes all peers.
    pub(crate) fn remove_all_peers(&mut self) {
        let config = &mut *self.config;
        self.device.allowed_ips.clear(&mut config.ledger);
        // Whole, which is quicker than to look each of them up.
        self.device.peers.clear();
        let peers = mem::replace(&mut config.peers, RBTree::new());
        config.peer_count = 0;
        for Listed { peer, .. } in peers.values() {
            config.note(peer, Kind::Removed);
            self.bulletin
                .tell_peer(peer, Event::PeerRemoved, config.generation);
            Labels::remove(peer);
            Peer::close(peer);
        }
        Carrier::update(self.device);
    }

    /// The place behind all peers there are, where the next one comes.
    pub(crate) fn next_place(&self) -> u64 {
        self.config.next_place
    }

    /// Puts a peer behind all others, as if it had just been created.
    pub(crate) fn move_to_end(&mut self, peer: &RcuArc<Peer>) {
        let changed = self.last_change(peer);
        let Some(node) = self.config.peers.remove_node(&peer.place()) else {
            return;
        };
        let place = self.config.next_place;
        peer.place.store(place, Ordering::Relaxed);
        let listed = Listed {
            peer: peer.clone(),
            changed,
        };
        let node = node.into_reservation().into_node(place, listed);
        self.config.peers.insert(node);
        self.config.next_place = place.wrapping_add(1);
    }

    /// Removes the peers whose places are before `end`.
    pub(crate) fn remove_peers_before(&mut self, end: u64) {
        while let Some(peer) = self.peer_from(0).filter(|peer| peer.place() < end) {
            self.remove_peer(&peer.public_key);
        }
    }

    /// Gives a prefix to a peer, whoever has it now.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if there is none in reserve; then nothing has changed.
    pub(crate) fn insert_allowed_ip(
        &mut self,
        ip: AllowedIp,
        peer: &RcuArc<Peer>,
        reserve: &mut Reserve<Peer>,
    ) -> Result {
        if self.config.changes.are_kept() || self.bulletin.is_read() {
            let guard = kernel::sync::rcu::read_lock();
            let before = self.device.allowed_ips.owner_of((&guard).into(), &ip);
            drop(guard);
            if let Some(before) = before.filter(|before| !before.ptr_eq(peer)) {
                self.note_change(&before);
                self.tell(&before, Event::PeerChanged);
            }
        }
        self.device
            .allowed_ips
            .insert(&mut self.config.ledger, ip, peer, reserve)
    }

    /// Takes a prefix from a peer, if it has it.
    pub(crate) fn remove_allowed_ip(&mut self, ip: AllowedIp, peer: &Peer) {
        self.device
            .allowed_ips
            .remove(&mut self.config.ledger, ip, peer.id);
    }

    /// This moment, for [`Self::remove_allowed_ips_before`].
    pub(crate) fn moment(&self) -> u64 {
        self.config.ledger.now()
    }

    /// Takes all prefixes from a peer that it has not been given since a moment.
    pub(crate) fn remove_allowed_ips_before(&mut self, peer: &Peer, moment: u64) {
        self.device
            .allowed_ips
            .remove_owned_before(&mut self.config.ledger, peer.id, moment);
    }

    /// Takes all prefixes from a peer.
    pub(crate) fn remove_allowed_ips(&mut self, peer: &Peer) {
        self.device
            .allowed_ips
            .remove_owner(&mut self.config.ledger, peer.id);
    }

    /// Erases the keys of all peers: the system goes to sleep.
    pub(crate) fn forget_all_keys(&self) {
        for peer in self.awake() {
            peer.timers.lock().cancel_zero_keys();
            events::end_sessions(&peer, End::Suspended);
            Peer::forget_keys(&peer);
            Peer::settle(&peer);
        }
        Carrier::update(self.device);
    }

    /// Lets no session send any more: the machine may have been copied, counters and all.
    pub(crate) fn expire_all_keys(&self) {
        for peer in self.awake() {
            Peer::expire_keys(&peer, &mut peer.noise.lock());
        }
    }

    /// The namespace of the sockets goes away, and they with it.
    pub(crate) fn leave_creating_net(&mut self, rtnl: &RtnlHeld) {
        debug!(self.device.dev, "Creating namespace exiting");
        self.device.creating_net.clear();
        Carrier::end(self.device, rtnl);
        self.unbind();
        self.forget_routes();
    }

    /// Has all routes and source addresses looked up anew.
    fn forget_routes(&self) {
        self.device.routing.change();
        self.awake().for_each(|peer| peer.endpoint.clear_source());
    }
}

impl Peer {
    /// Calls the peer something; an empty label is none.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if `room` is needed and there is none.
    pub(crate) fn set_label(
        &self,
        checked: &CStr,
        room: impl FnOnce() -> Option<LabelRoom>,
    ) -> Result {
        if checked.is_empty() {
            Labels::remove(self);
        } else {
            Labels::set(self, checked, room().ok_or(ENOMEM)?);
        }
        Ok(())
    }

    /// Marks what is sent to the peer; of what is [`None`] it stays as it is, and zero is to be as others
    /// are. The way there may be another then.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if `room` is needed and there is none.
    pub(crate) fn set_marking(
        &self,
        mark: Option<u32>,
        priority: Option<u32>,
        room: impl FnOnce() -> Option<MarkingRoom>,
    ) -> Result {
        let before = Markings::of(self);
        let marking = Marking {
            mark: mark.unwrap_or(before.mark),
            priority: priority.unwrap_or(before.priority),
        };
        if marking == before {
            return Ok(());
        }
        if marking == Marking::default() {
            Markings::remove(self);
        } else {
            Markings::set(self, marking, room().ok_or(ENOMEM)?);
        }
        if marking.mark == before.mark {
            self.endpoint.rest();
        } else {
            self.endpoint.clear_source();
        }
        Ok(())
    }

    /// How long packets to the peer may be, if that is known and senders are told.
    pub(crate) fn path_mtu(&self) -> Option<u32> {
        let mtu = self.endpoint.path_mtu().map(u32::from);
        mtu.filter(|_| self.device.routing.path_mtu_follows())
    }

    /// Its place among the peers of the device, under the lock of the configuration.
    pub(crate) fn place(&self) -> u64 {
        self.place.load(Ordering::Relaxed)
    }

    /// Sets the key that is mixed into future handshakes; zero for none.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if `room` is needed and there is none.
    pub(crate) fn set_preshared_key(
        &self,
        key: &Key,
        room: impl FnOnce() -> Option<KBox<Key>>,
    ) -> Result {
        self.noise.lock().set_preshared_key(key, room)
    }

    /// Shows the key that is mixed into handshakes.
    pub(crate) fn with_preshared_key<R>(&self, f: impl FnOnce(&Key) -> R) -> R {
        self.noise.lock().with_preshared_key(f)
    }

    /// When the last handshake was complete.
    pub(crate) fn last_handshake(&self) -> WallTime {
        self.timers.lock().last_handshake()
    }

    /// How often a keepalive is sent at least, in seconds, from which to which; zero for never.
    pub(crate) fn persistent_keepalive(&self) -> Span<u16> {
        self.timers.lock().persistent_keepalive()
    }

    /// Sets how often a keepalive is sent at least, in seconds, from which to which; zero for never.
    pub(crate) fn set_persistent_keepalive(
        this: &RcuArc<Self>,
        secs: Span<u16>,
        device: &Configuration<'_>,
    ) {
        let change = {
            let mut timers = this.timers.lock();
            if !secs.is_zero() {
                // The device sends one when it comes up.
                Self::wake(this.borrow());
            }
            timers.set_persistent_keepalive(secs)
        };
        if secs.is_zero() {
            Self::settle(this);
        }
        if change == KeepaliveChange::SendNow && device.is_up() {
            let bh = bh::disable();
            stage::send_keepalive(this.borrow(), bh.token());
        }
    }

    /// Sends what is staged, or asks for a session to do so.
    pub(crate) fn flush_staged(this: &RcuArc<Self>) {
        let bh = bh::disable();
        stage::flush(this.borrow(), bh.token());
    }
}
