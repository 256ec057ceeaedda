// SPDX-License-Identifier: GPL-2.0

//! A tunnel device: what its peers share, and its life from creation to the end.

use core::convert::Infallible;

use kernel::{
    new_mutex,
    prelude::*,
    sync::{Arc, ArcBorrow, Mutex},
    time::{delay::fsleep, Delta}, //
};

use crate::{
    allowed_ips::AllowedIps,
    carrier::Carrier,
    census::Census,
    config::{Condition, Config},
    devices,
    drops::{self, DeviceDrops, Drops, Reason},
    dscp::Dscp,
    endpoint::Routing,
    events::Events,
    identity::Identity,
    index_table::Entry,
    kapi::{
        array::Array,
        cpu::Cpu,
        log::debug,
        net::{
            device::{
                features,
                flags,
                Link,
                LinkOps,
                LinkProperties,
                NetDevice,
                Unregistered,
                ARPHRD_NONE, //
            },
            napi::{Napi, NapiRoom, NapiSet},
            netns::WeakNet,
            rtnl::RtnlHeld,
            skbuff::SkBuff, //
        },
        sync::{
            atomic::{AtomicBool, Ordering},
            bh::{self, BhDisabled},
            rcu::{self, RcuArc, RcuCell},
            roster::Roster, //
        },
        workqueue::{flags as wq, Workqueue}, //
    },
    labels::Labels,
    liveness::Alive,
    markings::Markings,
    peer::Peer,
    peers::PeersByKey,
    proto::{
        constants::{MAX_OVERHEAD, MAX_QUEUED_HANDSHAKES, UNDER_LOAD_QUEUE_LEN},
        messages::Index, //
    },
    queue::{
        assist::{Assistants, Inboxes},
        here::Here,
        inbox::Inbox,
        parallel::Parallel, //
    },
    rx::{
        self,
        admission::{Cookies, Load},
        handshake::Incoming,
        RxHeader, //
    },
    session::{IndexTable, Session},
    socket::Sockets,
    strangers::Strangers,
    tx::{self, encrypt::Encrypt, stage},
    wardrobe::Wardrobe, //
};

/// The payload of an Ethernet frame, which is what a device below can usually take.
const ETH_DATA_LEN: u32 = 1500;

/// The MTU that leaves room for the headers of IPv6, UDP and a message.
const MTU: u32 = ETH_DATA_LEN - MAX_OVERHEAD as u32;

/// The least MTU that IPv6 goes over.
const IPV6_MIN_MTU: u32 = 1280;

/// The MTU that also leaves room for so many bytes more in each message, as far as IPv6 lets it.
pub(crate) fn default_mtu(overhead: u32) -> u32 {
    MTU.saturating_sub(overhead).max(IPV6_MIN_MTU)
}

/// The largest MTU: a padded message must not be taken for one of negative length.
const MAX_MTU: u32 = (i32::MAX as u32 & !15) - MAX_OVERHEAD as u32;

/// The largest packet of several segments: what an administrator may raise the limit to.
const TSO_MAX_SIZE: u32 = 8 * (u16::MAX as u32);

/// How many buckets an index table begins with, a power of two. A peer has one handshake and up to
/// three sessions.
const INDEX_BUCKETS: usize = 16;

/// How many batches may wait for one CPU, or one poller.
const MAX_WAITING: usize = 1024;

/// A tunnel device.
#[pin_data]
pub(crate) struct Device {
    pub(crate) dev: NetDevice,
    pub(crate) kind: LinkKind,
    /// The namespace that the sockets are in, wherever the device itself is.
    pub(crate) creating_net: WeakNet,
    pub(crate) sockets: Sockets<Device>,
    pub(crate) routing: Routing,
    /// What the condition in `config` says, for those without its lock.
    is_up: AtomicBool,
    pub(crate) identity: RcuCell<Identity>,
    /// What messages look like; nothing if they are all WireGuard's.
    pub(crate) wardrobe: RcuCell<Wardrobe>,
    /// What of the packets' own class shows outside; nothing if ECN alone does.
    pub(crate) dscp: RcuCell<Dscp>,
    pub(crate) load: Load,
    pub(crate) drops: DeviceDrops,
    #[pin]
    pub(crate) cookies: Cookies,
    #[pin]
    pub(crate) peers: PeersByKey,
    #[pin]
    pub(crate) strangers: Strangers,
    pub(crate) census: Census,
    /// What users call peers.
    #[pin]
    pub(crate) labels: Labels,
    /// How packets to single peers are marked.
    #[pin]
    pub(crate) markings: Markings,
    /// How many peers are alive.
    pub(crate) alive: Alive,
    #[pin]
    pub(crate) carrier: Carrier,
    pub(crate) events: Arc<Events>,
    /// The peers that have something to be stopped or forgotten.
    #[pin]
    pub(crate) awake: Roster<Peer>,
    pub(crate) index_table: Pin<KBox<IndexTable>>,
    /// Dropped before `allowed_ips`, whose ledger is in it.
    #[pin]
    pub(crate) config: Mutex<Config>,
    pub(crate) allowed_ips: AllowedIps<Peer>,
    pub(crate) encrypt: Parallel<Encrypt>,
    /// Whether to encrypt at once.
    pub(crate) encrypt_here: Here,
    pub(crate) handshakes: Parallel<Incoming>,
    /// What deliver packets to the stack: every peer belongs to one.
    pollers: NapiSet<Arc<Inbox<RxHeader>>>,
    /// What decrypts where a poller cannot keep up.
    pub(crate) assistants: Assistants<RxHeader>,
    /// Where initiations are sent, keys erased and events told.
    pub(crate) handshake_queue: Workqueue,
    /// Where handshake messages are processed.
    pub(crate) receive_queue: Workqueue,
    /// Where packets are encrypted and decrypted.
    pub(crate) crypt_queue: Workqueue,
}

/// All of a device that can fail to be made.
pub(crate) struct Prepared {
    kind: LinkKind,
    creating_net: WeakNet,
    load: Load,
    drops: DeviceDrops,
    events: Arc<Events>,
    index_table: Pin<KBox<IndexTable>>,
    encrypt: Parallel<Encrypt>,
    encrypt_here: Here,
    handshakes: Parallel<Incoming>,
    inboxes: Inboxes<RxHeader>,
    assistants: Assistants<RxHeader>,
    pollers: NapiRoom<Arc<Inbox<RxHeader>>>,
    handshake_queue: Workqueue,
    receive_queue: Workqueue,
    crypt_queue: Workqueue,
}

impl Prepared {
    fn new(name: &CStr, kind: LinkKind, creating_net: WeakNet) -> Result<Self> {
        // There may be many more CPU numbers than CPUs.
        let cpus = Cpu::online_count() as usize;
        let kex = wq::CPU_INTENSIVE | wq::FREEZABLE | wq::PERCPU;
        let crypt = wq::CPU_INTENSIVE | wq::MEM_RECLAIM | wq::PERCPU;
        let inboxes =
            Array::try_repeat_with(cpus, || Arc::pin_init(Inbox::new(MAX_WAITING)?, GFP_KERNEL))?;
        let inboxes = Arc::new(inboxes, GFP_KERNEL)?;
        Ok(Self {
            kind,
            creating_net,
            load: Load::new()?,
            drops: DeviceDrops::new()?,
            events: Events::new()?,
            index_table: KBox::try_pin_init(IndexTable::new(INDEX_BUCKETS), GFP_KERNEL)?,
            encrypt: Parallel::new(MAX_WAITING)?,
            encrypt_here: Here::new()?,
            // Also if few of the CPUs are left one day, enough can wait to be too much, though a
            // quarter of a ring is not for everybody.
            handshakes: Parallel::new(
                MAX_QUEUED_HANDSHAKES
                    .div_ceil(cpus.max(1))
                    .max(UNDER_LOAD_QUEUE_LEN * 4 / 3 + 1),
            )?,
            assistants: Assistants::new(&inboxes)?,
            inboxes,
            pollers: NapiRoom::new(cpus)?,
            handshake_queue: Workqueue::new(c"wg-kex", name, wq::UNBOUND | wq::FREEZABLE)?,
            receive_queue: Workqueue::new(c"wg-kex", name, kex)?,
            crypt_queue: Workqueue::new(c"wg-crypt", name, crypt)?,
        })
    }
}

/// What kind of link a device is, which is by what family it is configured, and what it can.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkKind {
    WireGuard,
    /// As WireGuard, until it is told to look like something else.
    AmneziaWg,
}

static WIREGUARD: Link<Device> = Link::new(c"wireguard", LinkKind::WireGuard);
static AMNEZIAWG: Link<Device> = Link::new(c"amneziawg", LinkKind::AmneziaWg);

impl LinkKind {
    /// Where they come from. Its registration lets users create them.
    pub(crate) fn link(self) -> &'static Link<Device> {
        match self {
            Self::WireGuard => &WIREGUARD,
            Self::AmneziaWg => &AMNEZIAWG,
        }
    }
}

impl LinkOps for Device {
    type Kind = LinkKind;

    type Prepared = Prepared;

    fn properties() -> LinkProperties {
        LinkProperties {
            features: features::HW_CSUM
                | features::RXCSUM
                | features::SG
                | features::GSO
                | features::GSO_SOFTWARE
                | features::HIGHDMA,
            flags: flags::POINTOPOINT | flags::NOARP,
            hardware: ARPHRD_NONE,
            headroom: tx::HEADROOM as u16,
            tailroom: tx::TAILROOM as u16,
            mtu: MTU,
            max_mtu: MAX_MTU,
            tso_max_size: TSO_MAX_SIZE,
            ip_tunnel_header_ops: true,
            keep_dst: true,
            lltx: true,
            no_queue: true,
        }
    }

    fn prepare(dev: &Unregistered<'_>, kind: LinkKind, creating_net: WeakNet) -> Result<Prepared> {
        devices::reserve()?;
        Prepared::new(dev.name().as_c_str(), kind, creating_net)
    }

    fn init(prepared: Prepared, dev: NetDevice) -> impl PinInit<Self, Infallible> {
        let pollers = prepared
            .pollers
            .fill(&dev, prepared.inboxes.iter().cloned());
        pin_init!(Self {
            dev,
            kind: prepared.kind,
            creating_net: prepared.creating_net,
            sockets: Sockets::new(),
            routing: Routing::new(),
            is_up: AtomicBool::new(false),
            identity: RcuCell::new(None),
            wardrobe: RcuCell::new(None),
            dscp: RcuCell::new(None),
            load: prepared.load,
            drops: prepared.drops,
            cookies <- Cookies::new(),
            peers <- PeersByKey::new(),
            strangers <- Strangers::new(),
            census: Census::new(),
            labels <- Labels::new(),
            markings <- Markings::new(),
            alive: Alive::new(),
            carrier <- Carrier::new(),
            events: prepared.events,
            awake <- Roster::new(),
            index_table: prepared.index_table,
            allowed_ips: AllowedIps::new(),
            config <- new_mutex!(Config::new(), "wg_config"),
            encrypt: prepared.encrypt,
            encrypt_here: prepared.encrypt_here,
            handshakes: prepared.handshakes,
            pollers,
            assistants: prepared.assistants,
            handshake_queue: prepared.handshake_queue,
            receive_queue: prepared.receive_queue,
            crypt_queue: prepared.crypt_queue,
        })
    }

    fn registered(this: ArcBorrow<'_, Self>, _rtnl: &RtnlHeld) {
        devices::add(this.into());
        debug!(this.dev, "Interface created");
    }

    fn open(this: ArcBorrow<'_, Self>, rtnl: &RtnlHeld) -> Result {
        this.dev.disable_send_redirects(rtnl);
        this.dev.addr_gen_mode_none(rtnl);
        let this = this.into();
        let mut config = Self::configure(&this);
        // Before anything comes in: what is heard sets timers.
        config.set_condition(Condition::Up);
        if let Err(error) = config.bind() {
            config.set_condition(Condition::Down);
            config.awake().for_each(|peer| peer.stop());
            return Err(error);
        }
        Carrier::settle(&this);
        for peer in config.awake() {
            Peer::flush_staged(&peer);
            if !peer.persistent_keepalive().is_zero() {
                let bh = bh::disable();
                stage::send_keepalive(peer.borrow(), bh.token());
            }
        }
        Ok(())
    }

    fn stop(this: ArcBorrow<'_, Self>, _rtnl: &RtnlHeld) {
        let this = this.into();
        let mut config = Self::configure(&this);
        config.set_condition(Condition::Down);
        // First nothing comes in any more, then all that came is forgotten.
        config.unbind();
        // Twice, since who worked on the initiation of a stranger may have queued it once more.
        for _ in 0..2 {
            this.handshakes.purge(Incoming::abandon);
            this.receive_queue.flush();
            this.strangers.clear();
        }
        config.awake().for_each(|peer| peer.stop());
        // What was queued before must not meet what comes after the next start.
        this.handshake_queue.flush();
        config.awake().for_each(|peer| Peer::reset(&peer));
    }

    fn xmit(this: ArcBorrow<'_, Self>, skb: SkBuff, bh: BhDisabled<'_>) -> Result {
        tx::xmit::xmit(&this, skb, bh)
    }

    fn statistics_names() -> &'static [&'static CStr] {
        &drops::NAMES
    }

    fn statistics(&self) -> impl Iterator<Item = u64> {
        self.drops.all()
    }

    fn xmit_lost(this: ArcBorrow<'_, Self>) {
        this.count_drops(1, Reason::TxNoMemory);
    }

    fn destroy(this: Arc<Self>) {
        devices::remove(&this);
        {
            let mut config = Self::configure(&this);
            config.set_condition(Condition::Gone);
            this.creating_net.clear();
            config.unbind();
            config.remove_all_peers();
        }
        this.drain();
        debug!(this.dev, "Interface destroyed");
    }
}

impl Device {
    /// Waits until nothing is under way that refers to the device, which has neither sockets nor peers any
    /// more: all that does is a message of a handshake, or refers to one of the peers.
    fn drain(&self) {
        self.handshakes.purge(Incoming::abandon);
        self.receive_queue.flush();
        loop {
            // What is decrypted goes to a poller, and what either finds may ask for a handshake.
            self.crypt_queue.flush();
            for poller in self.pollers.iter() {
                poller.content().clear(rx::abandon);
            }
            self.handshake_queue.flush();
            rcu::barrier();
            if self.census.is_empty() {
                break;
            }
            // A poll that was under way, or frees that wait for each other.
            fsleep(Delta::from_millis(1));
        }
        // The last one to be freed may still be about to let go of the device.
        rcu::barrier();
    }

    /// Lets timers run, or no more.
    pub(crate) fn set_up(&self, is_up: bool) {
        self.is_up.store(is_up, Ordering::Relaxed);
    }

    /// Whether timers run: the device is up. What is set by that is set under the lock of the timers
    /// and after [`Peer::wake`]: who takes the device down comes to it then.
    #[inline]
    pub(crate) fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed)
    }

    /// The poller that a peer belongs to.
    #[inline]
    pub(crate) fn poller(&self, peer: &Peer) -> Option<&Napi<Arc<Inbox<RxHeader>>>> {
        let count = self.pollers.len() as u64;
        let index = peer.id.checked_rem(count)?;
        self.pollers.get(index as usize)
    }

    /// What messages look like now; nothing if they are all WireGuard's.
    ///
    /// One that loses its last reference just now has been replaced before: who finds it looks again, so
    /// that nothing leaves as WireGuard's meanwhile.
    pub(crate) fn wardrobe(&self) -> Option<RcuArc<Wardrobe>> {
        loop {
            match self.wardrobe.get() {
                None if !self.wardrobe.is_none() => {}
                found => return found,
            }
        }
    }

    /// The session that messages of that index are for.
    #[inline]
    pub(crate) fn session(&self, bh: BhDisabled<'_>, index: Index) -> Option<RcuArc<Session>> {
        match self.index_table.lookup(bh.rcu(), index)? {
            Entry::Session(session) => Some(session.clone()),
            Entry::Handshake(_) => None,
        }
    }

    /// What messages of that index are for.
    pub(crate) fn entry(&self, index: Index) -> Option<Entry<Peer, Session>> {
        let guard = kernel::sync::rcu::read_lock();
        self.index_table.lookup((&guard).into(), index).cloned()
    }

    /// The mark of all packets that are sent.
    #[inline]
    pub(crate) fn fwmark(&self) -> u32 {
        self.routing.mark()
    }
}
