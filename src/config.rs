// SPDX-License-Identifier: GPL-2.0

//! What users configure, and how it takes effect.
//!
//! Everything here runs in process context under the device's configuration lock.

use kernel::{
    prelude::*,
    rbtree::{RBTree, RBTreeNode},
    sync::{Arc, ArcBorrow}, //
};

use crate::{
    allowed_ips::Ledger,
    crypto::Key,
    device::Device,
    endpoint::Endpoint,
    identity::Identity,
    kapi::{
        net::rtnl::RtnlHeld,
        sync::{atomic::Ordering, bh, rcu::RcuArc}, //
    },
    peer::Peer,
    proto::{
        constants::MAX_PEERS_PER_DEVICE,
        messages::PublicKey,
        timers::KeepaliveChange, //
    },
    socket::SocketPair,
    tx::stage, //
};

/// The configuration of a device.
pub(crate) struct Config {
    /// The port to listen on, or that was chosen; zero if any will do.
    port: u16,
    /// Counts changes.
    pub(crate) generation: u64,
    /// The peers in the order of their creation.
    peers: RBTree<u64, RcuArc<Peer>>,
    peer_count: usize,
    /// The number of the peer that is created next.
    next_id: u64,
    pub(crate) ledger: Ledger,
}

impl Config {
    /// The configuration of a new device.
    pub(crate) fn new() -> Self {
        Self {
            port: 0,
            generation: 1,
            peers: RBTree::new(),
            peer_count: 0,
            next_id: 0,
            ledger: Ledger::new(),
        }
    }

    /// The port that is listened on, or will be when the device comes up.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The peers, in the order of their creation.
    pub(crate) fn peers(&self) -> impl Iterator<Item = &RcuArc<Peer>> {
        self.peers.values()
    }

    /// The first peer with at least that number.
    pub(crate) fn peer_from(&self, id: u64) -> Option<RcuArc<Peer>> {
        self.peers
            .cursor_lower_bound(&id)
            .map(|cursor| cursor.current().1.clone())
    }

    /// Has all routes and source addresses looked up anew.
    fn forget_routes(&self) {
        self.peers().for_each(|peer| peer.endpoint.clear_source());
    }

    /// Notes that the configuration changes.
    pub(crate) fn touch(&mut self) {
        self.generation = self.generation.wrapping_add(1);
    }
}

impl Device {
    /// Sets the mark of outgoing packets; all routes are looked up anew.
    pub(crate) fn set_fwmark(&self, config: &Config, mark: u32) {
        if self.fwmark.swap(mark, Ordering::Relaxed) != mark {
            config.forget_routes();
        }
    }

    /// Sets the port to listen on, and changes sockets if the device is up.
    ///
    /// If this fails, nothing has changed.
    ///
    /// # Errors
    ///
    /// Those of [`Self::bind`].
    pub(crate) fn set_listen_port(
        this: ArcBorrow<'_, Self>,
        config: &mut Config,
        port: u16,
    ) -> Result {
        if config.port == port {
            return Ok(());
        }
        if this.dev.is_running() {
            Self::bind(this, config, port)?;
        } else {
            config.port = port;
        }
        config.forget_routes();
        Ok(())
    }

    /// Opens sockets on a port, on any if it is zero, and uses them from now on.
    ///
    /// # Errors
    ///
    /// `EADDRINUSE` if the port is taken, `EACCES` if it is privileged and the caller is not,
    /// `ENONET` if the namespace is gone.
    pub(crate) fn bind(this: ArcBorrow<'_, Self>, config: &mut Config, port: u16) -> Result {
        let handler = Arc::from(this);
        let sockets = SocketPair::bind(&this.creating_net, port, &handler, &this.dev)?;
        config.port = sockets.port();
        this.sockets.replace(Some(sockets));
        Ok(())
    }

    /// Sets the private key; zero takes the identity away.
    ///
    /// A peer with the public key that belongs to it is removed. Sessions with the others go on
    /// receiving, and new ones are made. The same key again changes nothing.
    pub(crate) fn set_private_key(&self, config: &mut Config, private: Key) -> Result {
        let before = self.identity.get();
        let identity = Identity::from_private(private);
        let is_same = match (&before, &identity) {
            (Some(before), Some(identity)) => before.is_same(identity),
            (None, None) => true,
            _ => false,
        };
        if is_same {
            return Ok(());
        }
        let identity = identity
            .map(|identity| RcuArc::new(identity, GFP_KERNEL))
            .transpose()?;
        if let Some(identity) = &identity {
            self.remove_peer_by_key(config, identity.keys().public());
        }
        self.become_identity(config, identity.as_ref());
        if before.is_none() && self.dev.is_running() {
            for peer in config.peers() {
                flush(peer);
            }
        }
        Ok(())
    }

    fn become_identity(&self, config: &Config, identity: Option<&RcuArc<Identity>>) {
        self.identity.replace(identity.cloned());
        let public = identity.map(|identity| identity.keys().public());
        self.cookies.lock().set_identity(public);
        for peer in config.peers() {
            Peer::set_identity(peer, identity);
        }
    }

    /// Creates a peer.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if there is no memory, or there are 2^20 peers already.
    pub(crate) fn create_peer(
        this: ArcBorrow<'_, Self>,
        config: &mut Config,
        public_key: PublicKey,
        preshared_key: Option<Key>,
    ) -> Result<RcuArc<Peer>> {
        if config.peer_count >= MAX_PEERS_PER_DEVICE {
            return Err(ENOMEM);
        }
        let id = config.next_id;
        let identity = this.identity.get();
        let peer = Peer::new(this.into(), id, public_key, preshared_key, identity)?;
        let node = RBTreeNode::new(id, peer.clone(), GFP_KERNEL)?;
        this.peers.insert(peer.clone())?;
        config.peers.insert(node);
        config.peer_count = config.peer_count.wrapping_add(1);
        config.next_id = id.wrapping_add(1);
        if this.dev.is_running() {
            peer.start();
        }
        Ok(peer)
    }

    /// Removes a peer.
    pub(crate) fn remove_peer(&self, config: &mut Config, peer: &RcuArc<Peer>) {
        self.allowed_ips.remove_owner(&mut config.ledger, peer.id);
        self.peers.remove(&peer.public_key);
        if config.peers.remove_node(&peer.id).is_some() {
            config.peer_count = config.peer_count.wrapping_sub(1);
        }
        Peer::close(peer);
    }

    fn remove_peer_by_key(&self, config: &mut Config, key: &PublicKey) {
        if let Some(peer) = self.peers.find(key) {
            self.remove_peer(config, &peer);
        }
    }

    /// Removes all peers.
    pub(crate) fn remove_all_peers(&self, config: &mut Config) {
        self.allowed_ips.clear(&mut config.ledger);
        while let Some(peer) = config.peer_from(0) {
            self.remove_peer(config, &peer);
        }
    }

    /// Erases the keys of all peers: the system goes to sleep.
    pub(crate) fn forget_all_keys(&self) {
        let config = self.config.lock();
        for peer in config.peers() {
            peer.timers.lock().cancel_zero_keys();
            Peer::forget_keys(peer);
        }
    }

    /// Lets no session send any more: the machine may have been copied, counters and all.
    pub(crate) fn expire_all_keys(&self) {
        let config = self.config.lock();
        for peer in config.peers() {
            Peer::expire_keys(peer, &mut peer.noise.lock());
        }
    }

    /// The namespace of the sockets goes away, and they with it.
    pub(crate) fn leave_creating_net(&self, rtnl: &RtnlHeld) {
        self.dev.carrier_off(rtnl);
        let config = self.config.lock();
        self.creating_net.clear();
        self.sockets.replace(None);
        config.forget_routes();
    }
}

impl Peer {
    /// Sets the key that is mixed into future handshakes; zero for none.
    pub(crate) fn set_preshared_key(&self, key: Key) {
        self.noise.lock().remote.set_preshared_key(key);
    }

    /// Sets where the peer is; the same again changes nothing.
    pub(crate) fn set_endpoint(&self, endpoint: Endpoint) {
        self.endpoint.set(endpoint);
    }

    /// Sets how often a keepalive is sent at least, in seconds; zero for never.
    pub(crate) fn set_persistent_keepalive(this: &RcuArc<Self>, secs: u16) {
        let change = this.timers.lock().set_persistent_keepalive(secs);
        if change == KeepaliveChange::SendNow && this.device.dev.is_running() {
            let bh = bh::disable();
            stage::send_keepalive(this.borrow(), bh.token());
        }
    }

    /// Sends what is staged, if the device is up: what is configured now may allow it.
    pub(crate) fn flush_staged(this: &RcuArc<Self>) {
        if this.device.dev.is_running() {
            flush(this);
        }
    }
}

fn flush(peer: &RcuArc<Peer>) {
    let bh = bh::disable();
    stage::flush(peer.borrow(), bh.token());
}
