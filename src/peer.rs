// SPDX-License-Identifier: GPL-2.0

//! One peer.
//!
//! A peer is created by configuration and lives until it is removed, when it is *closed*: it is no
//! longer found, has no sessions and gets no new ones, and its timer is off. What still refers to it
//! (a batch under way, a queued work item) finds it without effect, and the last of them frees it.

use core::mem::offset_of;

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
    crypto::Key,
    device::Device,
    drops::{PeerDrops, Reason},
    endpoint::{EndpointCell, Routing},
    kapi::{
        farewell::{farewell, Farewell},
        log::debug,
        sync::{
            atomic::{AtomicBool, AtomicU64, AtomicU8, Ordering},
            new_spinlock_bh,
            rcu::{RcuArc, RcuRef, RcuReservation},
            roster::{HasRoster, Member, Membership, Roster},
            SpinLockBh,
            SpinLockBhGuard, //
        },
        timer::Timer, //
    },
    labels::ShowPeer,
    liveness::Liveness,
    markings::{Marking, Markings},
    noise::Noise,
    proto::{messages::PublicKey, timers::Timers},
    session::{Lanes, Slots},
    time::boot_now,
    trace,
    tx::stage::{self, Pace, Stage}, //
};

/// What few peers have, and so is apart from them. Changes under the lock of the configuration, or at the
/// end.
pub(crate) mod apart {
    /// Among `Device::labels`.
    pub(crate) const LABEL: u8 = 1 << 0;
    /// Among `Device::markings`.
    pub(crate) const MARKING: u8 = 1 << 1;
}

/// A peer.
#[pin_data(PinnedDrop)]
pub(crate) struct Peer {
    /// Its number among the peers of all devices, by order of creation.
    pub(crate) id: u64,
    /// Its place among the peers of the device. Changes under the lock of the configuration.
    pub(crate) place: AtomicU64,
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
    /// Taken by [`Self::lock_timers`] wherever one may be set.
    #[pin]
    pub(crate) timers: SpinLockBh<Timers>,
    #[pin]
    pub(crate) timer: Timer<Peer>,
    /// The work item that does what is due.
    #[pin]
    work: Work<Peer>,
    /// Whether an initiation is due.
    pub(crate) is_to_initiate: AtomicBool,
    /// Whether all keys are due to be erased.
    pub(crate) is_to_forget: AtomicBool,
    /// Whether a worker has been called to take all that is staged. Changes under the lock of that.
    pub(crate) is_worker_called: AtomicBool,
    is_closed: AtomicBool,
    pub(crate) liveness: Liveness,
    /// What of the peer is apart from it: [`apart`]'s bits.
    pub(crate) apart: AtomicU8,
    /// What it wears, by number.
    pub(crate) profile: AtomicU8,
    rx_bytes: AtomicU64,
    tx_bytes: AtomicU64,
    pub(crate) drops: PeerDrops,
    /// Whether the peer is awake: it has something that may have to be stopped or forgotten one day.
    membership: Membership<Peer>,
}

impl Member for Peer {
    type Home = Device;

    const OFFSET: usize = offset_of!(Self, membership);

    const HOME_OFFSET: usize = offset_of!(Self, device);

    fn membership(&self) -> &Membership<Self> {
        &self.membership
    }

    fn home(&self) -> &Arc<Device> {
        &self.device
    }
}

impl HasRoster<Peer> for Device {
    const OFFSET: usize = offset_of!(Self, awake);

    fn roster(&self) -> &Roster<Peer> {
        &self.awake
    }
}

impl_has_work! {
    impl HasWork<Peer> for Peer { self.work }
}

/// What a peer takes that may not be to be had.
pub(crate) struct PeerMemory {
    object: RcuReservation<Peer>,
}

impl PeerMemory {
    /// Allocates it.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            object: RcuReservation::new(GFP_KERNEL)?,
        })
    }
}

/// How many peers have been created since the module was loaded.
static CREATED: AtomicU64 = AtomicU64::new(0);

farewell!(Peer);

impl Farewell for Peer {
    fn farewell(&self) {
        // What came when the peer was closed already.
        self.drop_staged(Reason::TxPeerRemoved);
        // Not before: nothing is to leave without it.
        Markings::remove(self);
        debug!(
            self.device.dev,
            "Peer {} ({}) destroyed",
            self.show(),
            self.endpoint.show()
        );
        self.device.census.leave();
    }
}

impl Owner for Peer {
    fn id(&self) -> u64 {
        self.id
    }
}

impl Peer {
    /// Creates a peer, asleep and without an endpoint.
    pub(crate) fn new(
        device: Arc<Device>,
        place: u64,
        public_key: PublicKey,
        preshared_key: Option<KBox<Key>>,
        PeerMemory { object }: PeerMemory,
    ) -> RcuArc<Self> {
        device.census.enter();
        let id = CREATED.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let peer = object.fill(pin_init!(Self {
            id,
            place: AtomicU64::new(place),
            device,
            public_key,
            noise <- new_mutex!(Noise::new(preshared_key), "wg_noise"),
            sessions <- Slots::new(),
            endpoint <- EndpointCell::new(),
            stage <- new_spinlock_bh!(Stage::new()),
            is_heard: AtomicBool::new(false),
            timers <- new_spinlock_bh!(Timers::new()),
            timer <- Timer::new(static_lock_class!()),
            work <- new_work!("wg_peer"),
            is_to_initiate: AtomicBool::new(false),
            is_to_forget: AtomicBool::new(false),
            is_worker_called: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
            liveness: Liveness::new(),
            apart: AtomicU8::new(0),
            profile: AtomicU8::new(0),
            rx_bytes: AtomicU64::new(0),
            tx_bytes: AtomicU64::new(0),
            drops: PeerDrops::new(),
            membership: Membership::new(),
        }));
        debug!(peer.device.dev, "Peer {} created", peer.id);
        peer
    }

    /// Whether something of the peer is apart from it, one of [`apart`]'s.
    pub(crate) fn has_apart(&self, what: u8) -> bool {
        self.apart.load(Ordering::Relaxed) & what != 0
    }

    /// Notes that it is, and returns whether it was.
    pub(crate) fn set_apart(&self, what: u8, is_there: bool) -> bool {
        let before = self.apart.load(Ordering::Relaxed);
        let now = if is_there {
            before | what
        } else {
            before & !what
        };
        self.apart.store(now, Ordering::Relaxed);
        before & what != 0
    }

    /// What the peer is called in messages.
    pub(crate) fn show(&self) -> ShowPeer {
        ShowPeer::new(self)
    }

    /// Whether the peer has been removed.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Wakes the peer, unless it has been removed: who takes the device down, or forgets keys or
    /// routes, comes to the peers that are awake.
    ///
    /// Whoever gets something of that kind wakes the peer under the lock that it is under, and only then
    /// looks how the device is. So a change of the device is seen, or made before the walk that finds it.
    #[inline]
    pub(crate) fn wake(this: RcuRef<'_, Self>) -> bool {
        Roster::enrol(this)
    }

    /// Lets the peer sleep if it has nothing that it would have to be woken for. Process context.
    pub(crate) fn settle(this: &RcuArc<Self>) {
        // One at a time.
        let noise = this.noise.lock();
        Roster::leave_if(this, || this.is_idle(&noise));
    }

    fn is_idle(&self, noise: &Noise) -> bool {
        noise.is_at_rest()
            && self.sessions.are_empty()
            && self.stage.lock().is_empty()
            && self.endpoint.is_at_rest()
            && self.rest_timers()
    }

    /// Turns the timer off if nothing is due, and returns whether that is so.
    fn rest_timers(&self) -> bool {
        let mut timers = self.timers.lock();
        let is_idle = timers.is_idle(boot_now());
        if is_idle {
            timers.stop();
            self.timer.cancel();
        }
        is_idle
    }

    /// Locks the timers, which run while the device is up. That keeps the peer awake.
    #[inline]
    pub(crate) fn lock_timers(this: RcuRef<'_, Self>) -> SpinLockBhGuard<'_, Timers> {
        let mut timers = this.get().timers.lock();
        // Those that run belong to a peer that is awake: whoever is to stop them comes to it.
        if !timers.are_running() {
            Self::start_timers(this, &mut timers);
        }
        timers
    }

    #[cold]
    fn start_timers(this: RcuRef<'_, Self>, timers: &mut Timers) {
        if Self::wake(this) && this.device.is_up() {
            timers.start();
        }
    }

    /// What the way to the peer depends on, for who is about to remember one, under that lock; and what
    /// packets to this peer are marked by. Whose way is remembered is awake.
    #[cold]
    #[inline(never)]
    pub(crate) fn routing(this: &RcuArc<Self>) -> (&Routing, Marking) {
        Self::wake(this.borrow());
        (&this.device.routing, Markings::of(this))
    }

    /// Stops the peer: its device goes down. Process context, under the device's configuration lock.
    ///
    /// Work that is queued already is waited for between this and [`Self::forget_keys`].
    pub(crate) fn stop(&self) {
        self.drop_staged(Reason::TxDown);
        self.stop_timers();
    }

    /// Begins anew, as if no handshake had ever been sent.
    pub(crate) fn reset(this: &RcuArc<Self>) {
        Self::forget_keys(this);
        this.timers.lock().forget_last_handshake_sent();
        Self::settle(this);
    }

    /// Ends the peer, which nobody finds any more by its key or its allowed IPs.
    pub(crate) fn close(this: &RcuArc<Self>) {
        this.is_closed.store(true, Ordering::Release);
        // From now on its timers stay off.
        let may_be_awake = Roster::close(this);
        this.sessions.close(&this.device.index_table);
        this.device.alive.leave(&this.liveness);
        // Who was asleep has nothing else to be stopped or forgotten, and is not woken any more.
        if !may_be_awake {
            return;
        }
        this.stop_timers();
        // Who makes a handshake looks at the mark under this lock.
        Self::erase_handshake(this);
        this.endpoint.rest();
        this.drop_staged(Reason::TxPeerRemoved);
        this.device.index_table.fit();
    }

    fn stop_timers(&self) {
        self.timers.lock().stop();
        self.timer.cancel_sync();
    }

    /// Erases the handshake and all sessions.
    pub(crate) fn forget_keys(this: &RcuArc<Self>) {
        Self::erase_handshake(this);
        this.sessions.clear(&this.device.index_table);
        this.device.alive.leave(&this.liveness);
        this.endpoint.rest();
        this.device.index_table.fit();
    }

    /// Erases the handshake, and gives up what only handshakes need.
    fn erase_handshake(this: &RcuArc<Self>) {
        let mut noise = this.noise.lock();
        Self::clear_handshake(this, &mut noise);
        noise.rest();
        this.stage.lock().set_pace(None);
    }

    /// What a session of the peer takes besides its keys. May sleep.
    pub(crate) fn lanes(&self, noise: &mut Noise) -> Result<Arc<Lanes>> {
        if let Some(lanes) = noise.lanes() {
            return Ok(lanes.clone());
        }
        let pace = Pace::new()?;
        let lanes = noise.open_lanes()?;
        self.stage.lock().set_pace(Some(pace));
        Ok(lanes)
    }

    /// Erases the handshake, and lets sessions receive but not send: keys have changed.
    pub(crate) fn expire_keys(this: &RcuArc<Self>, noise: &mut Noise) {
        Self::clear_handshake(this, noise);
        this.timers.lock().forget_last_handshake_sent();
        let guard = kernel::sync::rcu::read_lock();
        this.sessions.expire((&guard).into());
    }

    fn clear_handshake(this: &RcuArc<Self>, noise: &mut Noise) {
        let old = noise.phase();
        let index = noise.clear_handshake();
        trace::handshake(this, old, noise.phase(), index);
        if let Some(index) = index {
            let _ = this.device.index_table.remove_handshake(index, this);
        }
    }

    /// Forgets who the device was: it has another private key already.
    pub(crate) fn forget_identity(this: &RcuArc<Self>) {
        let mut noise = this.noise.lock();
        noise.forget_identity();
        Self::expire_keys(this, &mut noise);
    }

    /// Drops what waits for a session.
    pub(crate) fn drop_staged(&self, reason: Reason) {
        let staged = self.stage.lock().take();
        stage::drop_all(self, staged, reason);
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
