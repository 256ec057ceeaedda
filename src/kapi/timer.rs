// SPDX-License-Identifier: GPL-2.0

//! Coarse timers, cheap to move, as members of reference-counted objects.
//!
//! C header: [`include/linux/timer.h`](srctree/include/linux/timer.h)

use core::{
    marker::PhantomData,
    ptr, //
};

use kernel::{
    prelude::*,
    sync::LockClassKey,
    types::Opaque, //
};

use crate::{
    bindings,
    kapi::sync::{
        bh::BhDisabled,
        rcu::{RcuArc, RcuRef}, //
    }, //
};

/// An object with a timer in it.
pub(crate) trait HasTimer: Send + Sync + Sized + 'static {
    /// Where in the object its timer is.
    const OFFSET: usize;

    /// The timer, which is a member of the object itself.
    fn timer(&self) -> &Timer<Self>;

    /// The time is up. Runs in a softirq, on any CPU; not twice at once.
    ///
    /// It isn't called any more once the object's last reference is gone.
    fn expired(this: RcuArc<Self>, bh: BhDisabled<'_>);
}

/// A timer of a `T`, which it is a member of.
///
/// Dropping it, with the `T`, waits for an expiry that is under way.
///
/// # Invariants
///
/// The C timer is not pending unless this is the member at [`HasTimer::OFFSET`] of a `T` that lives
/// in an [`RcuArc`].
#[pin_data(PinnedDrop)]
pub(crate) struct Timer<T: HasTimer> {
    #[pin]
    timer: Opaque<bindings::timer_list>,
    _host: PhantomData<fn(RcuArc<T>)>,
}

// SAFETY: A timer may be used from any thread.
unsafe impl<T: HasTimer> Send for Timer<T> {}
// SAFETY: The C functions take the timer base's lock.
unsafe impl<T: HasTimer> Sync for Timer<T> {}

impl<T: HasTimer> Timer<T> {
    /// Creates a timer that is not armed.
    pub(crate) fn new(key: Pin<&'static LockClassKey>) -> impl PinInit<Self> {
        pin_init!(Self {
            timer <- Opaque::ffi_init(|slot| {
                // SAFETY: `slot` can be written and stays in place, `key` lives forever.
                unsafe { bindings::timer_setup(slot, Some(Self::run), key.as_ptr()) }
            }),
            _host: PhantomData,
        })
    }

    /// Lets the timer of `host` expire `delay` jiffies from now, whenever it was to expire before.
    pub(crate) fn arm(host: RcuRef<'_, T>, delay: u64) {
        const {
            assert!(
                size_of::<Self>() <= size_of::<T>()
                    && T::OFFSET <= size_of::<T>() - size_of::<Self>(),
                "a timer is within its host"
            );
        }
        let this = host.timer();
        // A timer that isn't the host's own would not be dropped with it, nor lead to it.
        let offset = (ptr::from_ref(this).addr()).wrapping_sub(host.as_data().addr());
        if offset != T::OFFSET {
            return;
        }
        // INVARIANT: The object lives in an `RcuArc`, and the timer is where it says, as just checked.
        // SAFETY: The timer was set up by `new`.
        unsafe { bindings::timer_arm(this.timer.get(), delay as c_ulong) };
    }

    /// Stops the timer; an expiry under way goes on.
    pub(crate) fn cancel(&self) {
        // SAFETY: The timer was set up by `new`.
        unsafe { bindings::timer_delete(self.timer.get()) };
    }

    /// Stops the timer and waits for an expiry that is under way.
    ///
    /// In process context only, without a lock that [`HasTimer::expired`] takes.
    pub(crate) fn cancel_sync(&self) {
        // SAFETY: The timer was set up by `new`.
        unsafe { bindings::timer_delete_sync(self.timer.get()) };
    }

    /// # Safety
    ///
    /// To be called by the timer core on a timer set up by [`Self::new`].
    unsafe extern "C" fn run(timer: *mut bindings::timer_list) {
        let timer = Opaque::cast_from(timer);
        // SAFETY: By the caller's promise, this is the member of a `Timer`, which is alive since
        // dropping it waits for us.
        let this = unsafe { kernel::container_of!(timer, Self, timer) };
        let host = this.wrapping_byte_sub(T::OFFSET).cast::<T>();
        // SAFETY: By the type invariants, `host` is the object that a timer which was pending is a
        // member of, whose memory is valid since dropping it waits for us.
        if let Some(host) = unsafe { RcuArc::try_from_data(host) } {
            // SAFETY: Timers expire in a softirq, or where bottom halves are disabled.
            T::expired(host, unsafe { BhDisabled::assume() });
        }
    }
}

#[pinned_drop]
impl<T: HasTimer> PinnedDrop for Timer<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: The timer was set up by `new`.
        unsafe { bindings::timer_shutdown_sync(self.timer.get()) };
    }
}
