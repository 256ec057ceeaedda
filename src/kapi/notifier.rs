// SPDX-License-Identifier: GPL-2.0

//! Notifications of events that concern the whole machine.
//!
//! C headers: [`include/linux/notifier.h`](srctree/include/linux/notifier.h),
//! [`include/linux/suspend.h`](srctree/include/linux/suspend.h),
//! [`include/linux/random.h`](srctree/include/linux/random.h)

use core::{
    ffi::c_void,
    marker::PhantomData, //
};

use kernel::{
    error::to_result,
    prelude::*,
    types::Opaque, //
};

use crate::bindings;

/// What a module does when the machine goes to sleep.
pub(crate) trait SuspendNotify: 'static {
    /// The machine is about to be suspended or hibernated; processes still run.
    ///
    /// Runs in process context and may sleep. Not called where the kernel suspends as a matter of
    /// routine, many times a minute (`PM_AUTOSLEEP`, `PM_USERSPACE_AUTOSLEEP`).
    fn suspend_prepare();
}

/// What a module does when the machine turns out to be a copy.
pub(crate) trait VmForkNotify: 'static {
    /// The virtual machine was cloned or rolled back, so what it thought unique may be in use
    /// twice; the random number generator has been reseeded.
    ///
    /// Runs in process context and may sleep.
    fn vm_forked();
}

/// A registered `notifier_block`.
///
/// # Invariants
///
/// The block is registered with the chain that `unregister` belongs to, and is not written to from
/// here.
struct Registration {
    block: KBox<Opaque<bindings::notifier_block>>,
    unregister: unsafe extern "C" fn(*mut bindings::notifier_block),
}

// SAFETY: The value is only a handle: it can be dropped on any thread.
unsafe impl Send for Registration {}
// SAFETY: A shared handle offers nothing.
unsafe impl Sync for Registration {}

type Chain = unsafe extern "C" fn(*mut bindings::notifier_block) -> c_int;

impl Registration {
    /// Registers `call` with a blocking chain.
    ///
    /// # Safety
    ///
    /// - `register` must put the block on a chain, `unregister` take it off and wait for calls.
    /// - `call` must be fit to be called by that chain at any time in between.
    unsafe fn new(
        register: Chain,
        unregister: unsafe extern "C" fn(*mut bindings::notifier_block),
        call: bindings::notifier_fn_t,
    ) -> Result<Self> {
        let block = bindings::notifier_block {
            notifier_call: call,
            ..pin_init::zeroed()
        };
        let block = KBox::new(Opaque::new(block), GFP_KERNEL)?;
        // SAFETY: The block stays where it is until `drop` takes it off the chain.
        to_result(unsafe { register(block.get()) })?;
        // INVARIANT: Registered just now.
        Ok(Self { block, unregister })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { (self.unregister)(self.block.get()) };
    }
}

/// A registration of [`SuspendNotify`], undone when dropped.
///
/// Dropping waits for a notification under way, so it must not happen under a lock that
/// [`SuspendNotify::suspend_prepare`] takes.
pub(crate) struct SuspendRegistration<T: SuspendNotify>(Registration, PhantomData<fn() -> T>);

impl<T: SuspendNotify> SuspendRegistration<T> {
    /// Registers the notifier.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: The functions belong together, and `on_pm_event` only needs the chain's promises.
        let registration = unsafe {
            Registration::new(
                bindings::register_pm_notifier,
                bindings::unregister_pm_notifier,
                Some(on_pm_event::<T>),
            )
        }?;
        Ok(Self(registration, PhantomData))
    }
}

/// # Safety
///
/// To be called by the chain of power management only, which calls in process context.
unsafe extern "C" fn on_pm_event<T: SuspendNotify>(
    _block: *mut bindings::notifier_block,
    event: c_ulong,
    _data: *mut c_void,
) -> c_int {
    const HIBERNATE: c_ulong = bindings::PM_HIBERNATION_PREPARE as c_ulong;
    const SUSPEND: c_ulong = bindings::PM_SUSPEND_PREPARE as c_ulong;

    let routine = cfg!(CONFIG_PM_AUTOSLEEP) || cfg!(CONFIG_PM_USERSPACE_AUTOSLEEP);
    if !routine && matches!(event, HIBERNATE | SUSPEND) {
        T::suspend_prepare();
    }
    bindings::NOTIFY_DONE as c_int
}

/// A registration of [`VmForkNotify`], undone when dropped.
///
/// Dropping waits for a notification under way, so it must not happen under a lock that
/// [`VmForkNotify::vm_forked`] takes.
pub(crate) struct VmForkRegistration<T: VmForkNotify>(Registration, PhantomData<fn() -> T>);

impl<T: VmForkNotify> VmForkRegistration<T> {
    /// Registers the notifier.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: The functions belong together, and `on_vm_fork` only needs the chain's promises.
        let registration = unsafe {
            Registration::new(
                bindings::register_vmfork_notifier,
                bindings::unregister_vmfork_notifier,
                Some(on_vm_fork::<T>),
            )
        }?;
        Ok(Self(registration, PhantomData))
    }
}

/// # Safety
///
/// To be called by the chain of the random number generator only, which calls in process context.
unsafe extern "C" fn on_vm_fork<T: VmForkNotify>(
    _block: *mut bindings::notifier_block,
    _event: c_ulong,
    _data: *mut c_void,
) -> c_int {
    T::vm_forked();
    bindings::NOTIFY_DONE as c_int
}
