// SPDX-License-Identifier: GPL-2.0

//! One peer.
//!
//! A peer is created by configuration and lives until it is removed, when it is *closed*: it is no
//! longer found, has no sessions and gets no new ones, and its timer is off. What still refers to it
//! (a batch under way, a queued work item) finds it without effect, and the last of them frees it.

use kernel::{
    impl_has_work,
    new_mutex,
    new_work,
    prelude::*,
    static_lock_class,
    sync::{Arc, Mutex},
    workqueue::Work, //
};

use crate::{
    allowed_ips::Owner,
    census::Alive,
    crypto::{KernelCrypto, Key},
    device::Device,
    endpoint::EndpointCell,
    identity::Identity,
    kapi::{
        farewell::{farewell, Farewell},
        log::debug,
        net::route::DstCache,
        sync::{
            atomic::{AtomicBool, AtomicU64, Ordering},
            new_spinlock_bh,
            rcu::{RcuArc, RcuReservation},
            SpinLockBh, //
        },
        timer::Timer, //
    },
    proto::{
        cookie::CookieMaker,
        handshake::Handshake,
        identity::RemoteStatic,
        messages::PublicKey,
        timers::Timers, //
    },
    queue::{backlog::Backlog, ordered::Ordered},
    session::Slots,
    tx::{stage::Stage, TxHeader}, //
};

/// A peer.
#[pin_data(PinnedDrop)]
pub(crate) struct Peer {
    /// Its number among the peers of all devices, by order of creation.
    pub(crate) id: u64,
    /// Its place among the peers of the device. Changes under the lock of the configuration.
    pub(crate) place: AtomicU64,
    /// The number of its last change that was noted. Changes under that lock, too.
    pub(crate) changed: AtomicU64,
    pub(crate) device: Arc<Device>,
    pub(crate) public_key: PublicKey,
    /// What handshakes are made with. Process context.
    #[pin]
    pub(crate) noise: Mutex<Noise>,
    #[pin]
    pub(crate) sessions: Slots,
    #[pin]
    pub(crate) endpoint: EndpointCell,
    /// Packets that wait for a session.
    #[pin]
    pub(crate) stage: SpinLockBh<Stage>,
    /// Whether a message has come since this was last asked.
    is_heard: AtomicBool,
    #[pin]
    pub(crate) tx_order: Ordered<TxHeader>,
    /// Packets from the socket to the stack.
    pub(crate) rx_backlog: Backlog,
    #[pin]
    pub(crate) timers: SpinLockBh<Timers>,
    #[pin]
    pub(crate) timer: Timer<Peer>,
    #[pin]
    initiate: Work<Peer, INITIATE>,
    #[pin]
    forget: Work<Peer, FORGET>,
    is_closed: AtomicBool,
    rx_bytes: AtomicU64,
    tx_bytes: AtomicU64,
    /// Dropped last, after the reference to the device.
    _alive: Alive,
}

/// The work item that sends an initiation.
pub(crate) const INITIATE: u64 = 0;
/// The work item that erases all keys.
pub(crate) const FORGET: u64 = 1;

impl_has_work! {
    impl HasWork<Peer, 0> for Peer { self.initiate }
    impl HasWork<Peer, 1> for Peer { self.forget }
}

/// What a peer takes that may not be to be had.
pub(crate) struct PeerMemory {
    object: RcuReservation<Peer>,
    routes: DstCache,
}

impl PeerMemory {
    /// Allocates it.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            object: RcuReservation::new(GFP_KERNEL)?,
            routes: DstCache::new()?,
        })
    }
}

/// What handshakes with a peer are made with.
pub(crate) struct Noise {
    /// Who we are to this peer; the keys in `remote` were computed with it.
    pub(crate) identity: Option<RcuArc<Identity>>,
    pub(crate) remote: RemoteStatic<KernelCrypto>,
    pub(crate) handshake: Handshake<KernelCrypto>,
    pub(crate) cookie: CookieMaker<KernelCrypto>,
}

/// How many peers have been created since the module was loaded.
static CREATED: AtomicU64 = AtomicU64::new(0);

farewell!(Peer);

impl Farewell for Peer {
    fn farewell(&self) {
        // What came when the peer was closed already.
        self.drop_staged();
        debug!(
            self.device.dev,
            "Peer {} ({}) destroyed",
            self.id,
            self.endpoint.show()
        );
    }
}

impl Owner for Peer {
    fn id(&self) -> u64 {
        self.id
    }
}

impl Peer {
    /// Creates a peer, stopped and without an endpoint.
    pub(crate) fn new(
        device: Arc<Device>,
        place: u64,
        public_key: PublicKey,
        preshared_key: Option<Key>,
        identity: Option<RcuArc<Identity>>,
        PeerMemory { object, routes }: PeerMemory,
    ) -> RcuArc<Self> {
        let mut remote = RemoteStatic::new(public_key, identity.as_deref().map(Identity::keys));
        if let Some(key) = preshared_key {
            remote.set_preshared_key(key);
        }
        let alive = device.census.enter();
        let id = CREATED.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let noise = Noise {
            identity,
            remote,
            handshake: Handshake::new(),
            cookie: CookieMaker::new(&public_key),
        };
        let peer = object.fill(pin_init!(Self {
            id,
            place: AtomicU64::new(place),
            changed: AtomicU64::new(0),
            device,
            public_key,
            noise <- new_mutex!(noise, "wg_noise"),
            sessions <- Slots::new(),
            endpoint <- EndpointCell::new(routes),
            stage <- new_spinlock_bh!(Stage::new()),
            is_heard: AtomicBool::new(false),
            tx_order <- Ordered::new(),
            rx_backlog: Backlog::new(),
            timers <- new_spinlock_bh!(Timers::new()),
            timer <- Timer::new(static_lock_class!()),
            initiate <- new_work!("wg_initiate"),
            forget <- new_work!("wg_forget"),
            is_closed: AtomicBool::new(false),
            rx_bytes: AtomicU64::new(0),
            tx_bytes: AtomicU64::new(0),
            _alive: alive,
        }));
        debug!(peer.device.dev, "Peer {} created", peer.id);
        peer
    }

    /// Whether the peer has been removed.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Starts the peer: its device is up.
    pub(crate) fn start(&self) {
        self.timers.lock().start();
    }

    /// Stops the peer: its device goes down. Process context, under the device's configuration lock.
    ///
    /// Work that is queued already is waited for between this and [`Self::forget_keys`].
    pub(crate) fn stop(&self) {
        self.drop_staged();
        self.stop_timers();
    }

    /// Begins anew, as if no handshake had ever been sent.
    pub(crate) fn reset(this: &RcuArc<Self>) {
        Self::forget_keys(this);
        this.timers.lock().forget_last_handshake_sent();
    }

    /// Ends the peer, which nobody finds any more by its key or its allowed IPs.
    pub(crate) fn close(this: &RcuArc<Self>) {
        this.is_closed.store(true, Ordering::Release);
        this.stop_timers();
        this.sessions.close(&this.device.index_table);
        // Who makes a handshake looks at the mark under this lock.
        Self::clear_handshake(this, &mut this.noise.lock());
        this.drop_staged();
    }

    fn stop_timers(&self) {
        self.timers.lock().stop();
        self.timer.cancel_sync();
    }

    /// Erases the handshake and all sessions.
    pub(crate) fn forget_keys(this: &RcuArc<Self>) {
        Self::clear_handshake(this, &mut this.noise.lock());
        this.sessions.clear(&this.device.index_table);
    }

    /// Erases the handshake, and lets sessions receive but not send: keys have changed.
    pub(crate) fn expire_keys(this: &RcuArc<Self>, noise: &mut Noise) {
        Self::clear_handshake(this, noise);
        this.timers.lock().forget_last_handshake_sent();
        let guard = kernel::sync::rcu::read_lock();
        this.sessions.expire((&guard).into());
    }

    fn clear_handshake(this: &RcuArc<Self>, noise: &mut Noise) {
        if let Some(index) = noise.handshake.clear() {
            let _ = this.device.index_table.remove_handshake(index, this);
        }
    }

    /// Becomes the peer of another identity.
    pub(crate) fn set_identity(this: &RcuArc<Self>, identity: Option<&RcuArc<Identity>>) {
        let mut noise = this.noise.lock();
        noise
            .remote
            .refresh(identity.map(|identity| identity.keys()));
        noise.identity = identity.cloned();
        Self::expire_keys(this, &mut noise);
    }

    /// Drops what waits for a session.
    pub(crate) fn drop_staged(&self) {
        let staged = self.stage.lock().take();
        if staged.messages() > 0 {
            self.device.dev.tx_dropped(staged.messages() as u32);
        }
    }

    /// Counts received bytes, and packets of the device.
    #[inline]
    pub(crate) fn count_received(&self, bytes: u64) {
        self.rx_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Notes that a message has come.
    #[inline]
    pub(crate) fn hear(&self) {
        if !self.is_heard.load(Ordering::Relaxed) {
            self.is_heard.store(true, Ordering::Relaxed);
        }
    }

    /// Whether a message has come since this was last asked.
    #[inline]
    pub(crate) fn has_been_heard(&self) -> bool {
        let is_heard = self.is_heard.load(Ordering::Relaxed);
        if is_heard {
            self.is_heard.store(false, Ordering::Relaxed);
        }
        is_heard
    }

    /// Counts sent bytes.
    #[inline]
    pub(crate) fn count_sent(&self, bytes: u64) {
        self.tx_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes received and sent so far, in messages of all kinds.
    pub(crate) fn transfer(&self) -> (u64, u64) {
        (
            self.rx_bytes.load(Ordering::Relaxed),
            self.tx_bytes.load(Ordering::Relaxed),
        )
    }
}
