// SPDX-License-Identifier: GPL-2.0

//! Network devices.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)
//!
//! The life of a `net_device` ends in two steps. First it is unregistered: the core takes it out of
//! its tables, waits until nobody in the network stack refers to it, and calls its destructor. Then
//! its memory is freed, by whoever drops the last [`NetDevice`]; the core's registration counts as
//! one. So a driver's objects may refer to their device for as long as they live, and none of them
//! keeps a device from being unregistered.

mod devices;
mod link;
mod lookup;

use core::{
    ffi::c_void,
    ptr::NonNull,
    sync::atomic::{AtomicPtr, Ordering}, //
};

use kernel::{
    fmt,
    prelude::*,
    static_lock_class,
    str::BStr,
    sync::Refcount,
    types::Opaque, //
};

use crate::{
    bindings,
    kapi::{
        flags::flag_set,
        net::{
            netns::Net,
            rtnl::{self, RtnlHeld}, //
        },
        string,
        sync::bh::BhDisabled, //
    }, //
};

pub(crate) use self::{
    link::{
        Link,
        LinkOps,
        LinkProperties,
        LinkRegistration,
        Unregistered, //
    },
    lookup::{
        lookup,
        Id,
        NetDeviceRef, //
    },
};

use self::devices::Devices;

flag_set! {
    /// What a device leaves to the stack or the stack to it, from [`features`].
    Features: u64
}

/// What [`Features`] there are for a device of ours: none that needs an operation of its own.
pub(crate) mod features {
    use super::Features;
    use crate::bindings;

    /// The device computes any checksum of outgoing packets.
    pub(crate) const HW_CSUM: Features = Features(bindings::WG_CONST_NETIF_F_HW_CSUM);
    /// The device verifies checksums of incoming packets.
    pub(crate) const RXCSUM: Features = Features(bindings::WG_CONST_NETIF_F_RXCSUM);
    /// Packets may be scattered over pages.
    pub(crate) const SG: Features = Features(bindings::WG_CONST_NETIF_F_SG);
    /// Packets may be several segments in one.
    pub(crate) const GSO: Features = Features(bindings::WG_CONST_NETIF_F_GSO);
    /// Segments of all kinds that the stack can cut itself.
    pub(crate) const GSO_SOFTWARE: Features = Features(bindings::WG_CONST_NETIF_F_GSO_SOFTWARE);
    /// Packets may lie in high memory.
    pub(crate) const HIGHDMA: Features = Features(bindings::WG_CONST_NETIF_F_HIGHDMA);
}

flag_set! {
    /// Flags of an interface as users see them, from [`flags`].
    Flags: u32
}

/// What [`Flags`] there are for a device of ours.
pub(crate) mod flags {
    use super::Flags;
    use crate::bindings;

    /// There is one other side.
    pub(crate) const POINTOPOINT: Flags = Flags(bindings::net_device_flags_IFF_POINTOPOINT);
    /// Neighbours need not be resolved.
    pub(crate) const NOARP: Flags = Flags(bindings::net_device_flags_IFF_NOARP);
}

/// A type of hardware.
///
/// There is but one: what the core expects of the headers and addresses of all others, devices of
/// ours do not have.
pub(crate) struct Hardware(u16);

/// The hardware of a device without link-layer headers or addresses.
pub(crate) const ARPHRD_NONE: Hardware = Hardware(bindings::WG_CONST_ARPHRD_NONE);

/// Whether a packet may go through the stack once more on top of what runs here: there is enough of
/// the kernel's stack left, and no more than `max_depth` devices without a queue and tunnels are at
/// sending a packet right now on this CPU, one within the other.
#[inline]
pub(crate) fn may_xmit_here(max_depth: u32, _bh: BhDisabled<'_>) -> bool {
    // SAFETY: No requirements; the CPU doesn't change, by the evidence.
    unsafe { bindings::may_xmit_here(max_depth) }
}

/// The size of a device name with its terminator, in bytes.
const IFNAMSIZ: usize = bindings::IFNAMSIZ as usize;

/// What the driver's side of a device starts with: the content of `netdev_priv`.
///
/// All zeroes, as the core allocates it, until the device is registered.
#[repr(C)]
struct Private {
    /// An `Arc` of the driver's object, from registration until the destructor takes it.
    driver: AtomicPtr<c_void>,
    /// How many [`NetDevice`]s there are, and one for the registration.
    users: Refcount,
    /// The devices that this one is counted among.
    devices: AtomicPtr<Devices>,
    /// Frees the device where that is allowed.
    free: Opaque<bindings::work_struct>,
}

/// The driver's side of `dev`.
#[inline]
fn private(dev: *mut bindings::net_device) -> *mut Private {
    dev.wrapping_byte_add(bindings::WG_CONST_NETDEV_PRIV_OFFSET)
        .cast()
}

/// A reference to the memory of a device that was registered at some time.
///
/// # Invariants
///
/// - The device was registered by [`LinkOps`], and its `Private` is set up.
/// - The value owns one count of `Private::users`, and before that drops to zero, the memory of the
///   device is not freed.
pub(crate) struct NetDevice(NonNull<bindings::net_device>);

// SAFETY: The methods may be called from any thread.
unsafe impl Send for NetDevice {}
// SAFETY: The methods may be called from several threads at once.
unsafe impl Sync for NetDevice {}

impl NetDevice {
    /// The C object.
    #[inline]
    pub(in crate::kapi) fn as_ptr(&self) -> *mut bindings::net_device {
        self.0.as_ptr()
    }

    #[inline]
    fn private(&self) -> &Private {
        // SAFETY: By the type invariants.
        unsafe { &*private(self.as_ptr()) }
    }

    /// The name that the device has now.
    pub(crate) fn name(&self) -> Name {
        // SAFETY: By the type invariants.
        unsafe { Name::of(self.as_ptr()) }
    }

    /// The index of the interface in its network namespace.
    pub(crate) fn ifindex(&self) -> u32 {
        // SAFETY: By the type invariants.
        let ifindex = unsafe { bindings::netdev_ifindex(self.as_ptr()) };
        ifindex.unsigned_abs()
    }

    /// The MTU that is set now, in bytes.
    #[inline]
    pub(crate) fn mtu(&self) -> u32 {
        // SAFETY: By the type invariants.
        unsafe { bindings::netdev_mtu(self.as_ptr()) }
    }

    /// Whether the device is up, or about to be: true from before [`LinkOps::open`] until before
    /// [`LinkOps::stop`].
    ///
    /// A device that is seen running in a region with bottom halves disabled is not taken apart
    /// before the end of that region.
    #[inline]
    pub(crate) fn is_running(&self) -> bool {
        // SAFETY: By the type invariants.
        unsafe { bindings::netif_running(self.as_ptr()) }
    }

    /// The network namespace that the device is in, unless it is down or the namespace on its way out.
    pub(crate) fn net(&self) -> Option<Net> {
        // SAFETY: By the type invariants; what is returned is null or a new reference.
        unsafe { Net::from_owned(bindings::netdev_get_net(self.as_ptr())) }
    }

    /// Whether users still have the device. It stays so for as long as RTNL is held.
    pub(crate) fn is_registered(&self, _rtnl: &RtnlHeld) -> bool {
        // SAFETY: By the type invariants.
        unsafe { bindings::netdev_registered(self.as_ptr()) }
    }

    /// Tells the stack that nothing can be sent for now.
    pub(crate) fn carrier_off(&self, rtnl: &RtnlHeld) {
        // The event refers to the device, which an unregistered one can't have any more.
        if self.is_registered(rtnl) {
            // SAFETY: By the type invariants; RTNL keeps the device registered.
            unsafe { bindings::netif_carrier_off(self.as_ptr()) };
        }
    }

    /// Tells the stack whether anything can be sent for now. Nothing happens if the device is down:
    /// returns whether it is not.
    pub(crate) fn replace_carrier(&self, is_on: bool, _bh: BhDisabled<'_>) -> bool {
        // The event refers to the device. One that is seen running here is not taken apart before
        // bottom halves are enabled, and who takes it apart waits for the event then.
        if !self.is_running() {
            return false;
        }
        let dev = self.as_ptr();
        if is_on {
            // SAFETY: By the type invariants; as above, the device is registered.
            unsafe { bindings::netif_carrier_on(dev) };
        } else {
            // SAFETY: As above.
            unsafe { bindings::netif_carrier_off(dev) };
        }
        true
    }

    /// Sets the MTU, if it is still what it was taken to be, and users still have the device.
    ///
    /// Takes RTNL. Nothing happens if somebody on top of the device has a say and is against it.
    pub(crate) fn replace_mtu(&self, before: u32, mtu: u32) {
        let rtnl = rtnl::lock();
        if self.is_registered(&rtnl) && self.mtu() == before {
            // SAFETY: By the type invariants; RTNL is held and keeps the device registered.
            let _ = unsafe { bindings::dev_set_mtu(self.as_ptr(), mtu as c_int) };
        }
    }

    /// Says how much room packets should have in front from now on.
    pub(crate) fn set_headroom(&self, headroom: u16) {
        // SAFETY: By the type invariants.
        unsafe { bindings::netdev_set_headroom(self.as_ptr(), headroom) };
    }

    /// Turns ICMP redirects off, for the device and for its network namespace as a whole: IPv4 asks
    /// both.
    pub(crate) fn disable_send_redirects(&self, _rtnl: &RtnlHeld) {
        // SAFETY: By the type invariants, and RTNL is held.
        unsafe { bindings::disable_send_redirects(self.as_ptr()) };
    }

    /// Keeps IPv6 from making up a link-local address when the device comes up.
    pub(crate) fn addr_gen_mode_none(&self, _rtnl: &RtnlHeld) {
        // SAFETY: By the type invariants, and RTNL is held.
        unsafe { bindings::addr_gen_mode_none(self.as_ptr()) };
    }
}

impl PartialEq for NetDevice {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for NetDevice {}

impl Clone for NetDevice {
    fn clone(&self) -> Self {
        self.private().users.inc();
        // INVARIANT: The count just added is the clone's.
        Self(self.0)
    }
}

impl Drop for NetDevice {
    /// May happen in any context: where the last reference goes, a work item frees the memory.
    fn drop(&mut self) {
        if self.private().users.dec_and_test() {
            // SAFETY: The last reference is gone, so the device is ours, once.
            unsafe { queue_free(self.as_ptr()) };
        }
    }
}

/// Frees a device, later.
///
/// # Safety
///
/// The device must be unregistered, its count of users must have dropped to zero, and the caller
/// must be the one that dropped it.
unsafe fn queue_free(dev: *mut bindings::net_device) {
    let private = private(dev);
    // SAFETY: The memory is valid and only ours, and so is the work item in it. `Devices` outlives
    // the devices counted by it, and with it the workqueue.
    unsafe {
        let devices = (*private).devices.load(Ordering::Relaxed);
        bindings::init_work_with_key(
            (*private).free.get(),
            Some(run_free),
            false,
            c"net_device_free".as_char_ptr(),
            static_lock_class!().as_ptr(),
        );
        bindings::queue_work_on(
            bindings::wq_misc_consts_WORK_CPU_UNBOUND as c_int,
            (*devices).workqueue(),
            (*private).free.get(),
        );
    }
}

/// # Safety
///
/// To be called by the workqueue only, with what `queue_free` queued.
unsafe extern "C" fn run_free(work: *mut bindings::work_struct) {
    let work = Opaque::cast_from(work);
    // SAFETY: By the caller's promise, the item is part of a `Private`.
    let private = unsafe { kernel::container_of!(work, Private, free) };
    let dev = private
        .wrapping_byte_sub(bindings::WG_CONST_NETDEV_PRIV_OFFSET)
        .cast_mut()
        .cast();
    // SAFETY: By the promises to `queue_free`; this is process context.
    unsafe { free(dev) };
}

/// Frees a device; may sleep.
///
/// # Safety
///
/// As for `queue_free`.
unsafe fn free(dev: *mut bindings::net_device) {
    // SAFETY: By the caller's promise; `Devices` outlives the devices counted by it.
    unsafe {
        let devices = (*private(dev)).devices.load(Ordering::Relaxed);
        bindings::free_netdev(dev);
        (*devices).remove();
    }
}

/// A copy of a device's name.
///
/// # Invariants
///
/// The last byte is zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name([u8; IFNAMSIZ]);

impl Name {
    /// Copies the name of `dev`.
    ///
    /// # Safety
    ///
    /// The pointer must be valid.
    unsafe fn of(dev: *const bindings::net_device) -> Self {
        let copy = || {
            let mut name = [0; IFNAMSIZ];
            // SAFETY: The buffer has the size of a name, the device is the caller's promise.
            unsafe { bindings::netdev_copy_name(dev, name.as_mut_ptr().cast()) };
            // INVARIANT: Names are terminated; this is for one that is just being changed.
            name[IFNAMSIZ - 1] = 0;
            Self(name)
        };
        // The core's own lock for this is not for modules. A name that is read the same twice was
        // not being changed.
        let mut name = copy();
        loop {
            let again = copy();
            if again == name {
                return name;
            }
            name = again;
        }
    }

    /// The name as a C string.
    pub(crate) fn as_c_str(&self) -> &CStr {
        string::first(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(BStr::from_bytes(string::bytes(self.as_c_str())), f)
    }
}
