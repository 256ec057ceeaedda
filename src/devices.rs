// SPDX-License-Identifier: GPL-2.0

//! All devices, for what concerns each of them: the end of a namespace, suspend, a forked VM.

use core::{net::IpAddr, num::NonZeroUsize, time::Duration};

use kernel::{
    new_mutex,
    prelude::*,
    rbtree::{RBTree, RBTreeNodeReservation},
    sync::{Arc, Mutex}, //
};

use crate::{
    device::Device,
    kapi::{
        array::Array,
        memory,
        net::{
            netns::{NetRef, NetnsExit, PernetRegistration},
            rtnl::RtnlHeld, //
        },
        notifier::{SuspendNotify, SuspendRegistration, VmForkNotify, VmForkRegistration},
        sync::{
            atomic::{AtomicU64, Ordering},
            new_spinlock_bh,
            rcu::{self, Rcu, RcuArc, RcuCell},
            SpinLockBh, //
        }, //
    },
    proto::{time::BootTime, token_bucket::Source},
    ratelimit::RateLimiter,
    spread::Spread, //
};

/// The list of devices; there is one as long as the module is loaded.
static LIST: RcuCell<List> = RcuCell::empty();

#[pin_data]
struct List {
    #[pin]
    devices: Mutex<Devices>,
    /// Of those that come back while there is a backlog of handshakes.
    rates: Rates,
    /// Of those that want to be introduced. Apart, since their addresses may be anybody's.
    introductions: Rates,
}

/// How often strangers may come.
struct Rates {
    /// Each for a part of the sources, so that CPUs are seldom at the same one.
    limiters: Array<Pin<KBox<SpinLockBh<RateLimiter>>>>,
    spread: Spread,
    /// When one was used last, in nanoseconds; zero if all are empty.
    last_use: AtomicU64,
}

/// How many limiters there are, a power of two.
const LIMITERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(15);

impl Rates {
    fn new() -> Result<Self> {
        let ram = memory::total();
        let limiter = || {
            let limiter = RateLimiter::for_ram(ram, LIMITERS);
            KBox::pin_init(new_spinlock_bh!(limiter, "wg_rates"), GFP_KERNEL)
        };
        Ok(Self {
            limiters: Array::try_repeat_with(LIMITERS.get(), limiter)?,
            spread: Spread::new(),
            last_use: AtomicU64::new(0),
        })
    }

    fn allow(&self, net: u64, source: Source, now: BootTime) -> bool {
        let place = self.spread.place(net, source, LIMITERS.ilog2());
        let Some(limiter) = self.limiters.get(place) else {
            return false;
        };
        if self.last_use.load(Ordering::Relaxed) != now.0 {
            self.last_use.store(now.0, Ordering::Relaxed);
        }
        limiter.lock().allow(net, source, now)
    }

    /// Forgets everybody when nobody has come for two seconds.
    fn relax(&self, now: BootTime) {
        let last_use = self.last_use.load(Ordering::Relaxed);
        if last_use == 0 || !BootTime(last_use).is_older_than(CALM, now) {
            return;
        }
        self.last_use.store(0, Ordering::Relaxed);
        for limiter in self.limiters.iter() {
            let forgotten = limiter.lock().relax(now);
            drop(forgotten);
        }
    }
}

/// How long nobody has come when everybody is forgotten.
const CALM: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Devices {
    by_address: RBTree<usize, Arc<Device>>,
    /// Room for one more. Devices are created one at a time, since RTNL is held.
    reserved: Option<RBTreeNodeReservation<usize, Arc<Device>>>,
}

/// What keeps the list, and acts on it.
pub(crate) struct Registrations {
    _netns: PernetRegistration<Hooks>,
    _suspend: SuspendRegistration<Hooks>,
    _vm_fork: VmForkRegistration<Hooks>,
    /// Dropped last: the hooks use it.
    _list: Owner,
}

impl Registrations {
    /// Creates the list and registers the hooks.
    pub(crate) fn new() -> Result<Self> {
        let list = Owner::new()?;
        Ok(Self {
            _vm_fork: VmForkRegistration::new()?,
            _suspend: SuspendRegistration::new()?,
            _netns: PernetRegistration::new()?,
            _list: list,
        })
    }
}

/// Removes the list when it is dropped.
struct Owner;

impl Owner {
    fn new() -> Result<Self> {
        let (rates, introductions) = (Rates::new()?, Rates::new()?);
        let list = RcuArc::pin_init(
            pin_init!(List {
                devices <- new_mutex!(Devices::default(), "wg_devices"),
                rates,
                introductions,
            }),
            GFP_KERNEL,
        )?;
        LIST.replace(Some(list));
        Ok(Self)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        LIST.replace(None);
    }
}

/// Makes sure that one more device can be added, before RTNL is given up.
pub(crate) fn reserve() -> Result {
    let list = LIST.get().ok_or(ENODEV)?;
    let reserved = RBTreeNodeReservation::new(GFP_KERNEL)?;
    // A device that was not registered in the end has left its room.
    list.devices.lock().reserved.get_or_insert(reserved);
    Ok(())
}

/// Adds a device, for which there is room.
pub(crate) fn add(device: Arc<Device>) {
    if let Some(list) = LIST.get() {
        let mut devices = list.devices.lock();
        if let Some(reserved) = devices.reserved.take() {
            let node = reserved.into_node(address(&device), device);
            devices.by_address.insert(node);
        }
    }
}

/// Removes a device.
pub(crate) fn remove(device: &Arc<Device>) {
    if let Some(list) = LIST.get() {
        list.devices.lock().by_address.remove(&address(device));
    }
}

/// Tells a device from all others that there are.
fn address(device: &Arc<Device>) -> usize {
    Arc::as_ptr(device).addr()
}

/// Whether a sender may go on, having sent no more than its share to all devices whose sockets are
/// in one namespace.
pub(crate) fn is_within_rate(net: u64, source: IpAddr, now: BootTime, rcu: Rcu<'_>) -> bool {
    LIST.load(rcu)
        .is_some_and(|list| list.get().rates.allow(net, Source::of(source), now))
}

/// Whether a sender that nobody knows may be announced, having been announced no more than its share.
pub(crate) fn may_be_introduced(net: u64, source: IpAddr, now: BootTime, rcu: Rcu<'_>) -> bool {
    LIST.load(rcu).is_some_and(|list| {
        let introductions = &list.get().introductions;
        introductions.allow(net, Source::of(source), now)
    })
}

/// Forgets who sent how much, some time after the last backlog.
pub(crate) fn relax(now: BootTime) {
    if let Some(list) = LIST.get() {
        list.rates.relax(now);
        list.introductions.relax(now);
    }
}

/// Does something to every device.
fn for_each(f: impl Fn(&Arc<Device>)) {
    if let Some(list) = LIST.get() {
        for device in list.devices.lock().by_address.values() {
            f(device);
        }
    }
}

/// What the hooks call.
struct Hooks;

impl NetnsExit for Hooks {
    fn exit(net: &NetRef, rtnl: &RtnlHeld) {
        for_each(|device| {
            if device.creating_net.is(net) {
                Device::configure(device).leave_creating_net(rtnl);
            }
        });
    }
}

impl SuspendNotify for Hooks {
    fn suspend_prepare() {
        for_each(|device| Device::configure(device).forget_all_keys());
        // Keys are wiped as they are freed: before the system's memory is written anywhere.
        for_each(|device| device.crypt_queue.flush());
        rcu::barrier();
    }
}

impl VmForkNotify for Hooks {
    fn vm_forked() {
        for_each(|device| Device::configure(device).expire_all_keys());
    }
}
