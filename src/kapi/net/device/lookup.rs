// SPDX-License-Identifier: GPL-2.0

//! Finding the device that a user means.

use core::{
    ops::Deref,
    ptr::{self, NonNull}, //
};

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    private,
    Link,
    LinkOps,
    NetDevice, //
};

use crate::{
    bindings,
    kapi::net::{netns::NetRef, rtnl}, //
};

/// How a user names a device.
pub(crate) enum Id<'a> {
    /// By its index.
    Index(u32),
    /// By its name.
    Name(&'a CStr),
}

/// A reference that keeps a device from being unregistered for good.
///
/// Whoever unregisters it waits, so it must not be kept for long.
///
/// # Invariants
///
/// The value owns a count of the device's reference count.
pub(crate) struct NetDeviceRef(NetDevice);

impl Deref for NetDeviceRef {
    type Target = NetDevice;

    fn deref(&self) -> &NetDevice {
        &self.0
    }
}

impl Drop for NetDeviceRef {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::dev_put(self.0.as_ptr()) };
    }
}

/// Finds a device of a kind in a network namespace.
///
/// As long as the reference exists, [`LinkOps::destroy`] isn't called for the object. Fails with
/// `ENODEV` if there is no such device, `EOPNOTSUPP` if it is of another kind.
pub(crate) fn lookup<T: LinkOps>(
    link: &'static Link<T>,
    net: &NetRef,
    id: Id<'_>,
) -> Result<(NetDeviceRef, Arc<T>)> {
    // SAFETY: The namespace is valid by the invariants of `NetRef`, a name is terminated.
    let dev = unsafe {
        match id {
            Id::Index(index) => bindings::dev_get_by_index(net.as_ptr(), index as c_int),
            Id::Name(name) => bindings::dev_get_by_name(net.as_ptr(), name.as_char_ptr()),
        }
    };
    let held = Held(NonNull::new(dev).ok_or(ENODEV)?);
    // SAFETY: The device is referenced.
    let ops = unsafe { bindings::netdev_link_ops(dev) };
    if !ptr::eq(ops, link.ops()) {
        return Err(EOPNOTSUPP);
    }
    // SAFETY: The device is of this kind, since the core allocates for these operations as they
    // say, and its destructor doesn't run while it is referenced.
    let mut this = unsafe { Link::<T>::driver(dev) };
    if this.is_none() {
        // It may just be on its way in, for as long as RTNL is held.
        drop(rtnl::lock());
        // SAFETY: As above.
        this = unsafe { Link::<T>::driver(dev) };
    }
    let this = this.ok_or(ENODEV)?;
    Ok((held.published(), this.into()))
}

/// A referenced device of any kind.
struct Held(NonNull<bindings::net_device>);

impl Held {
    /// Turns into a reference that knows of [`NetDevice`].
    ///
    /// The device must have a published object.
    fn published(self) -> NetDeviceRef {
        let dev = self.0;
        core::mem::forget(self);
        // SAFETY: The registration's own count is there until the destructor runs, which waits for
        // the reference.
        unsafe { (*private(dev.as_ptr())).users.inc() };
        // INVARIANT: The count just added is the handle's, and the reference passes on.
        NetDeviceRef(NetDevice(dev))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: The reference is ours.
        unsafe { bindings::dev_put(self.0.as_ptr()) };
    }
}
