// SPDX-License-Identifier: GPL-2.0

//! Network namespaces.
//!
//! C header: [`include/net/net_namespace.h`](srctree/include/net/net_namespace.h)

use core::{
    marker::PhantomData,
    ops::Deref,
    ptr::NonNull,
    sync::atomic::{AtomicU64, Ordering}, //
};

use kernel::{
    error::to_result,
    prelude::*,
    types::Opaque, //
};

use crate::{
    bindings,
    kapi::net::rtnl::RtnlHeld, //
};

/// A network namespace, which may be on its way out.
///
/// # Invariants
///
/// The namespace has not been taken apart beyond its exit hooks: its memory and its user namespace
/// are valid as long as the value is borrowed.
#[repr(transparent)]
pub(crate) struct NetRef(Opaque<bindings::net>);

// SAFETY: What is used of a namespace is constant or an atomic count.
unsafe impl Sync for NetRef {}

impl NetRef {
    /// Borrows a namespace.
    ///
    /// # Safety
    ///
    /// During `'a`, the namespace must be referenced, or its exit hooks must not be through.
    #[inline]
    pub(in crate::kapi) unsafe fn from_raw<'a>(net: *mut bindings::net) -> &'a Self {
        // SAFETY: By the caller's promise; the type is transparent.
        // INVARIANT: By the caller's promise.
        unsafe { &*net.cast() }
    }

    /// The C object.
    #[inline]
    pub(in crate::kapi) fn as_ptr(&self) -> *mut bindings::net {
        self.0.get()
    }

    /// Takes a reference, unless the namespace is on its way out.
    pub(crate) fn try_get(&self) -> Option<Net> {
        // SAFETY: By the type invariants, the memory is valid.
        let net = unsafe { bindings::maybe_get_net(self.as_ptr()) };
        // INVARIANT: A pointer comes with a reference.
        NonNull::new(net).map(Net)
    }

    /// Names the namespace without keeping it.
    pub(crate) fn downgrade(&self) -> WeakNet {
        WeakNet(AtomicU64::new(self.cookie()))
    }

    /// Whether the current task may administrate the namespace's network.
    ///
    /// To be asked in process context.
    pub(crate) fn capable_net_admin(&self) -> bool {
        // SAFETY: By the type invariants, the memory and the user namespace are valid.
        unsafe { bindings::ns_capable((*self.as_ptr()).user_ns, bindings::CAP_NET_ADMIN as c_int) }
    }

    /// The number that no other namespace has or will have.
    fn cookie(&self) -> u64 {
        // SAFETY: By the type invariants, the memory is valid; the field is constant.
        unsafe { (*self.as_ptr()).net_cookie }
    }
}

impl PartialEq for NetRef {
    fn eq(&self, other: &Self) -> bool {
        self.as_ptr() == other.as_ptr()
    }
}

impl Eq for NetRef {}

/// A reference that keeps a network namespace alive.
///
/// # Invariants
///
/// The value owns one count of the namespace's reference count.
pub(crate) struct Net(NonNull<bindings::net>);

// SAFETY: The reference count is atomic.
unsafe impl Send for Net {}
// SAFETY: As `NetRef` is.
unsafe impl Sync for Net {}

impl Net {
    /// Takes over a reference, if there is one.
    ///
    /// # Safety
    ///
    /// `net` must be null, or come with a count of the namespace's references that the caller gives
    /// away.
    pub(in crate::kapi) unsafe fn from_owned(net: *mut bindings::net) -> Option<Self> {
        // INVARIANT: By the caller's promise, a pointer comes with a reference.
        NonNull::new(net).map(Self)
    }
}

impl Deref for Net {
    type Target = NetRef;

    #[inline]
    fn deref(&self) -> &NetRef {
        // SAFETY: By the type invariants, the namespace is alive while `self` is borrowed.
        unsafe { NetRef::from_raw(self.0.as_ptr()) }
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::put_net(self.0.as_ptr()) };
    }
}

/// A network namespace by name, which neither keeps it alive nor has to be told of its end.
///
/// What is stored is the namespace's cookie, which is never used again, so the name can be kept for
/// any length of time. To turn it into a reference is a matter of configuration, not of packets: it
/// may walk the list of all namespaces.
pub(crate) struct WeakNet(AtomicU64);

impl WeakNet {
    /// No namespace has this cookie.
    const NONE: u64 = 0;

    /// Takes a reference, unless the namespace is gone or the name was cleared.
    pub(crate) fn try_get(&self) -> Option<Net> {
        let cookie = self.0.load(Ordering::Relaxed);
        if cookie == Self::NONE {
            return None;
        }
        // SAFETY: No requirements.
        if let Some(net) = NonNull::new(unsafe { bindings::current_net() }) {
            // SAFETY: The task refers to its namespace, and only the task itself can change it.
            let net = unsafe { NetRef::from_raw(net.as_ptr()) };
            if net.cookie() == cookie {
                return net.try_get();
            }
        }
        // SAFETY: No requirements.
        let net = unsafe { bindings::get_net_by_cookie(cookie) };
        // INVARIANT: A pointer comes with a reference.
        NonNull::new(net).map(Net)
    }

    /// A number that tells namespaces apart; zero once the name was cleared.
    pub(crate) fn id(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether this names `net`.
    pub(crate) fn is(&self, net: &NetRef) -> bool {
        self.0.load(Ordering::Relaxed) == net.cookie()
    }

    /// Forgets the namespace.
    pub(crate) fn clear(&self) {
        self.0.store(Self::NONE, Ordering::Relaxed);
    }
}

/// What a module does about the end of network namespaces.
pub(crate) trait NetnsExit: 'static {
    /// `net` is about to be taken apart: nobody refers to it any more, its devices are still there.
    ///
    /// Runs in process context. On module exit it runs for each namespace that exists.
    fn exit(net: &NetRef, rtnl: &RtnlHeld);
}

/// A registration of [`NetnsExit`] in the class of devices, undone when dropped.
///
/// It must not be dropped while RTNL is held.
///
/// # Invariants
///
/// The operations are registered and not written to from here.
pub(crate) struct PernetRegistration<T: NetnsExit> {
    ops: KBox<Opaque<bindings::pernet_operations>>,
    _callbacks: PhantomData<fn() -> T>,
}

// SAFETY: The value is only a handle: it can be dropped on any thread.
unsafe impl<T: NetnsExit> Send for PernetRegistration<T> {}
// SAFETY: A shared handle offers nothing.
unsafe impl<T: NetnsExit> Sync for PernetRegistration<T> {}

impl<T: NetnsExit> PernetRegistration<T> {
    /// Registers the hook.
    pub(crate) fn new() -> Result<Self> {
        let ops = bindings::pernet_operations {
            exit_rtnl: Some(exit_rtnl::<T>),
            ..pin_init::zeroed()
        };
        let ops = KBox::new(Opaque::new(ops), GFP_KERNEL)?;
        // SAFETY: The operations stay where they are until `drop` unregisters them.
        to_result(unsafe { bindings::register_pernet_device(ops.get()) })?;
        // INVARIANT: Registered just now.
        Ok(Self {
            ops,
            _callbacks: PhantomData,
        })
    }
}

impl<T: NetnsExit> Drop for PernetRegistration<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::unregister_pernet_device(self.ops.get()) };
    }
}

/// # Safety
///
/// To be called by the core only, with RTNL held and a namespace whose exit hooks are running.
unsafe extern "C" fn exit_rtnl<T: NetnsExit>(
    net: *mut bindings::net,
    _dev_kill_list: *mut bindings::list_head,
) {
    // SAFETY: By the caller's promises, for the length of the call.
    let (net, rtnl) = unsafe { (NetRef::from_raw(net), RtnlHeld::assume()) };
    T::exit(net, rtnl);
}
