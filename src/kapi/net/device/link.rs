// SPDX-License-Identifier: GPL-2.0

//! Kinds of links: devices that users create and delete by rtnetlink.
//!
//! C header: [`include/net/rtnetlink.h`](srctree/include/net/rtnetlink.h)

use core::{
    convert::Infallible,
    marker::PhantomData,
    pin::Pin,
    ptr::{self, NonNull},
    slice,
    sync::atomic::{AtomicPtr, Ordering}, //
};

use kernel::{
    error::{from_result, to_result},
    prelude::*,
    sync::{
        Arc,
        ArcBorrow,
        UniqueArc, //
    },
    types::Opaque, //
};

use super::{
    free,
    private,
    Devices,
    Features,
    Flags,
    Hardware,
    Name,
    NetDevice,
    Private, //
};

use crate::{
    bindings,
    kapi::{
        net::{
            netns::{NetRef, WeakNet},
            rtnl::RtnlHeld,
            skbuff::{CoreReason, SkBuff}, //
        },
        string,
        sync::bh::BhDisabled, //
    },
};

/// A driver's side of its devices, which may be of several kinds.
///
/// A device begins with [`prepare`](Self::prepare), where things may fail. Then the core registers
/// it, and with what was prepared, [`init`](Self::init) makes the driver's object in place. It is
/// told so by [`registered`](Self::registered); then it is opened and stopped any number of times.
/// The end is [`destroy`](Self::destroy).
///
/// All but `destroy`, `xmit` and `xmit_lost` run in process context with RTNL held, so never twice at once.
pub(crate) trait LinkOps: Send + Sync + Sized + 'static {
    /// What tells the driver's kinds from each other.
    type Kind: Copy + Sync + 'static;

    /// What [`init`](Self::init) needs.
    type Prepared;

    /// What all devices have in common.
    fn properties() -> LinkProperties;

    /// Does all of the creation that may fail.
    ///
    /// `creating_net` is the network namespace that the request names as the link's, or else that of
    /// its sender; the device itself may be created in another.
    fn prepare(
        dev: &Unregistered<'_>,
        kind: Self::Kind,
        creating_net: WeakNet,
    ) -> Result<Self::Prepared>;

    /// Makes the driver's object, once the device is registered.
    fn init(prepared: Self::Prepared, dev: NetDevice) -> impl PinInit<Self, Infallible>;

    /// The device and the driver's object know each other.
    fn registered(this: ArcBorrow<'_, Self>, rtnl: &RtnlHeld);

    /// The device comes up. If this fails, it stays down.
    fn open(this: ArcBorrow<'_, Self>, rtnl: &RtnlHeld) -> Result;

    /// The device goes down. No packets come any more.
    fn stop(this: ArcBorrow<'_, Self>, rtnl: &RtnlHeld);

    /// A packet is to be sent.
    ///
    /// Runs concurrently on any number of CPUs, on one that is up. An error is returned to the
    /// sender, if it is local.
    fn xmit(this: ArcBorrow<'_, Self>, skb: SkBuff, bh: BhDisabled<'_>) -> Result;

    /// A packet was to be sent, but there was no memory to take it over.
    fn xmit_lost(this: ArcBorrow<'_, Self>);

    /// What [`statistics`](Self::statistics) are called.
    fn statistics_names() -> &'static [&'static CStr];

    /// What `ethtool -S` shows of the device.
    fn statistics(&self) -> impl Iterator<Item = u64>;

    /// The device is unregistered, and nobody in the stack refers to it any more.
    ///
    /// Runs in process context without RTNL, in the thread that gave RTNL up.
    fn destroy(this: Arc<Self>);
}

/// What all devices of a driver have in common. None has link-layer headers or addresses.
pub(crate) struct LinkProperties {
    /// What the device can, from [`features`](super::features).
    pub(crate) features: Features,
    /// The initial flags, from [`flags`](super::flags).
    pub(crate) flags: Flags,
    /// The type of hardware, as [`ARPHRD_NONE`](super::ARPHRD_NONE).
    pub(crate) hardware: Hardware,
    /// How much room packets should have in front, in bytes.
    pub(crate) headroom: u16,
    /// How much room packets should have behind, in bytes.
    pub(crate) tailroom: u16,
    /// The initial MTU, in bytes.
    pub(crate) mtu: u32,
    /// The largest MTU that users may set, in bytes.
    pub(crate) max_mtu: u32,
    /// How large a packet of several segments may be made by users, in bytes; 0 for the default.
    pub(crate) tso_max_size: u32,
    /// The protocol of a packet can be told from its first byte.
    pub(crate) ip_tunnel_header_ops: bool,
    /// Packets keep their route until the driver drops it.
    pub(crate) keep_dst: bool,
    /// The driver needs no lock around `xmit`.
    pub(crate) lltx: bool,
    /// Packets aren't queued in front of the device unless users want that.
    pub(crate) no_queue: bool,
}

/// A device before its registration.
///
/// # Invariants
///
/// The pointer is to an allocated device that isn't registered, and RTNL is held.
pub(crate) struct Unregistered<'a> {
    dev: *mut bindings::net_device,
    _rtnl: &'a RtnlHeld,
}

impl Unregistered<'_> {
    /// The name that the device will be registered by.
    pub(crate) fn name(&self) -> Name {
        // SAFETY: By the type invariants.
        unsafe { Name::of(self.dev) }
    }
}

/// The place where a kind of links is registered, to be kept in a `static`.
///
/// # Invariants
///
/// - `ops` is written to by the core only.
/// - `devtype` is constant.
/// - `devices` is null unless the kind is registered or about to be.
#[repr(C)]
pub(crate) struct Link<T: LinkOps> {
    ops: Opaque<bindings::rtnl_link_ops>,
    devtype: bindings::device_type,
    name: &'static CStr,
    kind: T::Kind,
    devices: AtomicPtr<Devices>,
    _callbacks: PhantomData<fn() -> T>,
}

// SAFETY: The core locks what it writes to, and the rest is atomic or constant; so is `T::Kind`, which
// is `Sync`.
unsafe impl<T: LinkOps> Sync for Link<T> {}

impl<T: LinkOps> Link<T> {
    const NETDEV_OPS: &'static bindings::net_device_ops = &bindings::net_device_ops {
        ndo_open: Some(Self::open),
        ndo_stop: Some(Self::stop),
        ndo_start_xmit: Some(Self::start_xmit),
        ..pin_init::zeroed()
    };

    const ETHTOOL_OPS: &'static bindings::ethtool_ops = &bindings::ethtool_ops {
        get_sset_count: Some(Self::statistics_count),
        get_strings: Some(Self::statistics_names),
        get_ethtool_stats: Some(Self::statistics_values),
        ..pin_init::zeroed()
    };

    /// Creates the place for a kind of that name, which is also the device type that user space gets
    /// events for.
    pub(crate) const fn new(name: &'static CStr, kind: T::Kind) -> Self {
        let chars: *const c_char = name.to_bytes_with_nul().as_ptr().cast();
        let ops = bindings::rtnl_link_ops {
            kind: chars,
            priv_size: size_of::<Private>(),
            setup: Some(Self::setup),
            newlink: Some(Self::newlink),
            ..pin_init::zeroed()
        };
        let devtype = bindings::device_type {
            name: chars,
            ..pin_init::zeroed()
        };
        Self {
            ops: Opaque::new(ops),
            devtype,
            name,
            kind,
            devices: AtomicPtr::new(ptr::null_mut()),
            _callbacks: PhantomData,
        }
    }

    /// Registers the kind: from now on, users can create devices.
    pub(crate) fn register(&'static self) -> Result<LinkRegistration<T>> {
        let devices = KBox::try_pin_init(Devices::new(self.name), GFP_KERNEL)?;
        let ptr = ptr::from_ref(&*devices).cast_mut();
        self.devices
            .compare_exchange(ptr::null_mut(), ptr, Ordering::Release, Ordering::Relaxed)
            .map_err(|_| EBUSY)?;
        // SAFETY: The operations are static, and by the exchange above not registered already.
        let registered = to_result(unsafe { bindings::rtnl_link_register(self.ops.get()) });
        if let Err(err) = registered {
            self.devices.store(ptr::null_mut(), Ordering::Release);
            return Err(err);
        }
        // INVARIANT: Registered just now.
        Ok(LinkRegistration {
            link: self,
            devices,
        })
    }

    /// The operations that devices of the kind point to.
    pub(super) fn ops(&self) -> *mut bindings::rtnl_link_ops {
        self.ops.get()
    }

    /// # Safety
    ///
    /// To be called by the core only, with a device that it is allocating.
    unsafe extern "C" fn setup(dev: *mut bindings::net_device) {
        let chosen = T::properties();
        let properties = bindings::netdev_properties {
            ops: Self::NETDEV_OPS,
            ethtool_ops: Self::ETHTOOL_OPS,
            features: chosen.features.0,
            flags: chosen.flags.0,
            mtu: chosen.mtu,
            max_mtu: chosen.max_mtu,
            tso_max_size: chosen.tso_max_size,
            type_: chosen.hardware.0,
            needed_headroom: chosen.headroom,
            needed_tailroom: chosen.tailroom,
            ip_tunnel_header_ops: chosen.ip_tunnel_header_ops,
            keep_dst: chosen.keep_dst,
            lltx: chosen.lltx,
            no_queue: chosen.no_queue,
        };
        // SAFETY: The device is the caller's promise; the operations are static.
        unsafe { bindings::netdev_setup(dev, &properties) };
    }

    /// # Safety
    ///
    /// To be called by the core only, with RTNL held and a device that it has allocated for
    /// operations that are part of a `Link<T>`.
    unsafe extern "C" fn newlink(
        dev: *mut bindings::net_device,
        params: *mut bindings::rtnl_newlink_params,
        _extack: *mut bindings::netlink_ext_ack,
    ) -> c_int {
        from_result(|| {
            // SAFETY: By the caller's promises. The request refers to its namespaces.
            let (rtnl, net) = unsafe {
                let net = NetRef::from_raw(bindings::newlink_net(params));
                (RtnlHeld::assume(), net)
            };
            // SAFETY: By the caller's promises.
            unsafe { Self::create(dev, net, rtnl) }?;
            Ok(0)
        })
    }

    /// Registers a device and makes the driver's object.
    ///
    /// # Safety
    ///
    /// As for `newlink`.
    unsafe fn create(dev: *mut bindings::net_device, net: &NetRef, rtnl: &RtnlHeld) -> Result {
        // SAFETY: By the caller's promise.
        unsafe { choose_name(dev) }?;
        // SAFETY: By the caller's promise the operations are part of a `Link<T>`, which is static.
        let link = unsafe { Self::of(dev) };
        // INVARIANT: By the caller's promise.
        let unregistered = Unregistered { dev, _rtnl: rtnl };
        let prepared = T::prepare(&unregistered, link.kind, net.downgrade())?;
        let this = UniqueArc::<T>::new_uninit(GFP_KERNEL)?;
        // SAFETY: The device is not registered yet, and the type is static.
        unsafe { bindings::netdev_set_devtype(dev, &link.devtype) };
        // SAFETY: By the caller's promise. Nothing that the core could call needs more than the
        // zeroes of an unpublished device.
        to_result(unsafe { bindings::register_netdevice(dev) })?;
        // SAFETY: Registered just now.
        unsafe { Self::publish(dev, this, prepared, rtnl) };
        Ok(())
    }

    /// The kind of a device.
    ///
    /// # Safety
    ///
    /// The core must have allocated the device for operations that are part of a `Link<T>`.
    unsafe fn of(dev: *mut bindings::net_device) -> &'static Self {
        // SAFETY: By the caller's promise. The operations are the first field, and only what is
        // static is registered.
        unsafe { &*bindings::netdev_link_ops(dev).cast::<Self>() }
    }

    /// Makes the driver's object known. From here on, the core frees the device by `destructor`.
    ///
    /// # Safety
    ///
    /// The device must be one of this kind that has just been registered, with RTNL still held.
    unsafe fn publish(
        dev: *mut bindings::net_device,
        this: UniqueArc<core::mem::MaybeUninit<T>>,
        prepared: T::Prepared,
        rtnl: &RtnlHeld,
    ) {
        // SAFETY: By the caller's promise. Only a registered `Link` gets here, so there are
        // `Devices`, which wait for those counted.
        let private = unsafe {
            let private = &*private(dev);
            let devices = Self::of(dev).devices.load(Ordering::Acquire);
            (*devices).add();
            private.devices.store(devices, Ordering::Relaxed);
            private
        };
        private.users.set(2);
        // INVARIANT: One of the two counts is this value's, the other is the registration's.
        // SAFETY: The core doesn't pass null.
        let handle = NetDevice(unsafe { NonNull::new_unchecked(dev) });

        let Ok(this) = this.pin_init_with(T::init(prepared, handle));
        let this = Arc::from(this);
        // SAFETY: The device is registered; the destructor is the last that happens to it.
        unsafe { bindings::netdev_set_destructor(dev, Some(Self::destructor)) };
        private.driver.store(
            Arc::into_raw(this.clone()).cast_mut().cast(),
            Ordering::Release,
        );
        T::registered(this.as_arc_borrow(), rtnl);
    }

    /// Borrows the driver's object of a device, if it is published.
    ///
    /// # Safety
    ///
    /// The device must be one of this kind whose destructor doesn't run during `'a`.
    #[inline]
    pub(super) unsafe fn driver<'a>(dev: *mut bindings::net_device) -> Option<ArcBorrow<'a, T>> {
        // SAFETY: By the caller's promise.
        let driver = unsafe { (*private(dev)).driver.load(Ordering::Acquire) };
        let driver = NonNull::new(driver)?;
        // SAFETY: What is published comes from an `Arc<T>`, and only the destructor takes it.
        Some(unsafe { ArcBorrow::from_raw(driver.as_ptr().cast()) })
    }

    /// # Safety
    ///
    /// To be called by the core only, with RTNL held and a device of this kind.
    unsafe extern "C" fn open(dev: *mut bindings::net_device) -> c_int {
        from_result(|| {
            // SAFETY: By the caller's promises: the device is registered.
            let (this, rtnl) = unsafe { (Self::driver(dev), RtnlHeld::assume()) };
            T::open(this.ok_or(ENODEV)?, rtnl)?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// To be called by the core only, with RTNL held and a device of this kind.
    unsafe extern "C" fn stop(dev: *mut bindings::net_device) -> c_int {
        // SAFETY: By the caller's promises: the device is registered.
        let (this, rtnl) = unsafe { (Self::driver(dev), RtnlHeld::assume()) };
        if let Some(this) = this {
            T::stop(this, rtnl);
        }
        0
    }

    /// # Safety
    ///
    /// To be called by the core only, with bottom halves disabled, a packet that it gives away, and
    /// a device of this kind that is up.
    unsafe extern "C" fn start_xmit(
        skb: *mut bindings::sk_buff,
        dev: *mut bindings::net_device,
    ) -> bindings::netdev_tx_t {
        // SAFETY: By the caller's promises. `setup` keeps netpoll off the device, which would call
        // with interrupts disabled instead.
        let (skb, this, bh) = unsafe {
            (
                SkBuff::take_over(skb),
                Self::driver(dev),
                BhDisabled::assume(),
            )
        };
        let sent = match (skb, this) {
            (Some(skb), Some(this)) => T::xmit(this, skb, bh),
            (None, this) => {
                if let Some(this) = this {
                    T::xmit_lost(this);
                }
                Err(ENOMEM)
            }
            (Some(skb), None) => {
                skb.discard(CoreReason::DEV_READY, 0);
                Err(ENODEV)
            }
        };
        match sent {
            Ok(()) => bindings::netdev_tx_NETDEV_TX_OK,
            // A negative value says that the packet is gone, and why.
            Err(err) => err.to_errno(),
        }
    }

    /// # Safety
    ///
    /// No requirements.
    unsafe extern "C" fn statistics_count(_dev: *mut bindings::net_device, set: c_int) -> c_int {
        if is_statistics(set as u32) {
            T::statistics_names().len() as c_int
        } else {
            EOPNOTSUPP.to_errno()
        }
    }

    /// # Safety
    ///
    /// To be called by the core only, with room for as many names of that set as
    /// [`statistics_count`](Self::statistics_count) has told.
    unsafe extern "C" fn statistics_names(
        _dev: *mut bindings::net_device,
        set: u32,
        names: *mut u8,
    ) {
        if !is_statistics(set) {
            return;
        }
        // SAFETY: By the caller's promise; any bytes make a name.
        let names = unsafe {
            slice::from_raw_parts_mut(names.cast::<StatisticName>(), T::statistics_names().len())
        };
        for (to, name) in names.iter_mut().zip(T::statistics_names()) {
            // The last byte is the terminator, whatever the name.
            let bytes = string::bytes(name).iter().take(to.len().wrapping_sub(1));
            *to = [0; STATISTIC_NAME_LEN];
            for (to, from) in to.iter_mut().zip(bytes) {
                *to = *from;
            }
        }
    }

    /// # Safety
    ///
    /// To be called by the core only, with a device of this kind that is registered, and room for as many
    /// values as [`statistics_count`](Self::statistics_count) has told.
    unsafe extern "C" fn statistics_values(
        dev: *mut bindings::net_device,
        _stats: *mut bindings::ethtool_stats,
        values: *mut u64,
    ) {
        // SAFETY: By the caller's promises.
        let (this, values) = unsafe {
            (
                Self::driver(dev),
                slice::from_raw_parts_mut(values, T::statistics_names().len()),
            )
        };
        values.fill(0);
        if let Some(this) = this {
            for (to, value) in values.iter_mut().zip(T::statistics(&this)) {
                *to = value;
            }
        }
    }

    /// # Safety
    ///
    /// To be called by the core only, in process context, with an unregistered device of this kind
    /// that it doesn't use any more.
    unsafe extern "C" fn destructor(dev: *mut bindings::net_device) {
        // SAFETY: The destructor was set when the rest was set up.
        let private = unsafe { &*private(dev) };
        let driver = private.driver.swap(ptr::null_mut(), Ordering::AcqRel);
        if !driver.is_null() {
            // SAFETY: What is published comes from an `Arc<T>`, and was just taken back.
            T::destroy(unsafe { Arc::from_raw(driver.cast::<T>()) });
        }
        // The registration's own count.
        if private.users.dec_and_test() {
            // SAFETY: The last reference is gone, so the device is ours, once; we may sleep.
            unsafe { free(dev) };
        }
    }
}

/// The size of a name of what `ethtool -S` shows, with its terminator, in bytes.
const STATISTIC_NAME_LEN: usize = bindings::ETH_GSTRING_LEN as usize;

type StatisticName = [u8; STATISTIC_NAME_LEN];

/// Whether that is the set of strings that name what `ethtool -S` shows.
fn is_statistics(set: u32) -> bool {
    set == bindings::ethtool_stringset_ETH_SS_STATS
}

/// Makes a name of a pattern already, which the registration would do only after `prepare`.
///
/// # Safety
///
/// The device must be allocated and not registered, and RTNL must be held.
unsafe fn choose_name(dev: *mut bindings::net_device) -> Result {
    // SAFETY: By the caller's promise.
    let name = unsafe { Name::of(dev) };
    let name = name.as_c_str();
    if string::bytes(name).iter().any(|&byte| byte == b'%') {
        // SAFETY: By the caller's promise; the pattern is a copy.
        to_result(unsafe { bindings::dev_alloc_name(dev, name.as_char_ptr()) })?;
    }
    Ok(())
}

/// A kind of links is registered until this is dropped.
///
/// Dropping deletes all devices of the kind, and waits until no [`NetDevice`] is left. It must not
/// happen while RTNL is held, or before the driver drops the references that it keeps elsewhere than
/// in its objects.
///
/// # Invariants
///
/// `link` is registered, with `devices`.
pub(crate) struct LinkRegistration<T: LinkOps> {
    link: &'static Link<T>,
    devices: Pin<KBox<Devices>>,
}

impl<T: LinkOps> Drop for LinkRegistration<T> {
    fn drop(&mut self) {
        // Creations under way end before this does, and destructors have run when it returns.
        // SAFETY: By the type invariants.
        unsafe { bindings::rtnl_link_unregister(self.link.ops.get()) };
        self.devices.remove();
        self.devices.wait();
        self.link.devices.store(ptr::null_mut(), Ordering::Release);
    }
}
