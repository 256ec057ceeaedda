// SPDX-License-Identifier: GPL-2.0

//! NAPI: the context in which a device passes received packets on.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

use core::{
    convert::Infallible,
    mem::MaybeUninit,
    pin::Pin, //
};

use kernel::{
    prelude::*,
    task::might_sleep,
    types::Opaque, //
};

use crate::{
    bindings,
    kapi::{
        array::Array,
        net::{
            device::NetDevice,
            skbuff::SkBuff, //
        },
        sync::bh::BhDisabled, //
    },
};

/// What happens when a NAPI instance is polled.
pub(crate) trait NapiPoll: Send + Sync + 'static {
    /// Works on what has been received, up to the budget.
    ///
    /// Runs with bottom halves disabled, never twice at once for one instance. One that leaves some
    /// of its budget has nothing left to do: it is polled again after the next
    /// [`Napi::schedule`], which may have happened during the call. One that uses it up is polled
    /// again anyway.
    fn poll(&self, poll: &mut Poll<'_>);
}

/// A NAPI instance, one of a [`NapiSet`].
///
/// It belongs to the memory of the device: it may outlive the registration.
///
/// # Invariants
///
/// - `napi` is added to `dev` and enabled, unless its set is being dropped.
/// - The instance is dropped by its set only, once nobody knows it any more.
#[pin_data]
pub(crate) struct Napi<T: NapiPoll> {
    #[pin]
    napi: Opaque<bindings::napi_struct>,
    dev: NetDevice,
    content: T,
}

// SAFETY: The instance may be scheduled and dropped from any thread.
unsafe impl<T: NapiPoll> Send for Napi<T> {}
// SAFETY: The instance may be scheduled from several threads at once.
unsafe impl<T: NapiPoll> Sync for Napi<T> {}

impl<T: NapiPoll> Napi<T> {
    /// Creates an instance that is ready to be scheduled.
    fn new(dev: &NetDevice, content: T) -> impl PinInit<Self, Infallible> {
        let dev = dev.clone();
        let raw = dev.as_ptr();
        pin_init!(Self {
            dev,
            content,
            // Last, since this makes the rest reachable by `poll`.
            napi <- Opaque::ffi_init(move |napi: *mut bindings::napi_struct| {
                // SAFETY: The slot is ours, stays where it is, and may be zeroes; `dev` keeps the
                // device. The set undoes this.
                unsafe {
                    napi.write_bytes(0, 1);
                    bindings::napi_add(raw, napi, Some(poll::<T>));
                }
            }),
        })
    }

    /// What the instance was created with.
    pub(crate) fn content(&self) -> &T {
        &self.content
    }

    /// Has the instance polled soon, or once more if it is being polled.
    #[inline]
    pub(crate) fn schedule(&self, _bh: BhDisabled<'_>) {
        // SAFETY: By the type invariants.
        unsafe { bindings::napi_schedule(self.napi.get()) };
    }
}

/// Room for the instances of a device.
pub(crate) struct NapiRoom<T: NapiPoll> {
    places: Array<Option<KBox<MaybeUninit<Napi<T>>>>>,
    set: NapiSet<T>,
}

impl<T: NapiPoll> NapiRoom<T> {
    /// Allocates all that so many instances need.
    pub(crate) fn new(count: usize) -> Result<Self> {
        Ok(Self {
            places: Array::try_repeat_with(count, || Ok(Some(KBox::new_uninit(GFP_KERNEL)?)))?,
            set: NapiSet(Array::try_repeat_with(count, || Ok(None))?),
        })
    }

    /// Creates the instances, one for each content that there is room for.
    ///
    /// Each has a thread of its own if the device is in threaded mode. They take no part in busy
    /// polling. To be called in process context.
    pub(crate) fn fill(self, dev: &NetDevice, contents: impl IntoIterator<Item = T>) -> NapiSet<T> {
        let Self {
            mut places,
            mut set,
        } = self;
        let places = places.iter_mut().filter_map(Option::take);
        for (slot, (place, content)) in set.0.iter_mut().zip(places.zip(contents)) {
            let Ok(napi) = place.write_pin_init(Napi::new(dev, content));
            // INVARIANT: Added and enabled.
            *slot = Some(napi);
        }
        set
    }
}

/// The NAPI instances of a device.
///
/// They may be dropped in process context only, where that waits for polls under way, and for one
/// grace period; so not from within a poll.
pub(crate) struct NapiSet<T: NapiPoll>(Array<Option<Pin<KBox<Napi<T>>>>>);

impl<T: NapiPoll> NapiSet<T> {
    /// How many there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// One of them.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&Napi<T>> {
        self.0.get(index)?.as_deref()
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Napi<T>> {
        self.0.iter().filter_map(Option::as_deref)
    }
}

impl<T: NapiPoll> Drop for NapiSet<T> {
    fn drop(&mut self) {
        might_sleep();
        for napi in self.iter() {
            // SAFETY: By the type invariants of `Napi`; the memory is kept for a grace period.
            unsafe { bindings::napi_remove(napi.napi.get()) };
        }
        // SAFETY: No requirements but process context.
        unsafe { bindings::synchronize_net() };
    }
}

/// One poll of a NAPI instance.
///
/// There is one at a time for an instance, so it can stand for the consumer's side of a queue.
///
/// # Invariants
///
/// - `napi` and `dev` belong together and are valid for `'a`, and the caller owns the instance.
/// - `work` is at most `budget`.
pub(crate) struct Poll<'a> {
    napi: *mut bindings::napi_struct,
    dev: &'a NetDevice,
    budget: u32,
    work: u32,
    bh: BhDisabled<'a>,
}

impl<'a> Poll<'a> {
    /// Evidence that bottom halves are disabled.
    #[inline]
    pub(crate) fn bh(&self) -> BhDisabled<'a> {
        self.bh
    }

    /// The device that the instance belongs to.
    #[inline]
    pub(crate) fn device(&self) -> &'a NetDevice {
        self.dev
    }

    /// How many packets may still be worked on.
    #[inline]
    pub(crate) fn remaining(&self) -> u32 {
        self.budget.saturating_sub(self.work)
    }

    /// Counts packets that were worked on, whatever has become of them.
    #[inline]
    pub(crate) fn consume(&mut self, packets: u32) {
        // INVARIANT: No more than what remains.
        self.work = self.work.saturating_add(packets).min(self.budget);
    }

    /// Passes a packet on to the stack, as received by the device.
    ///
    /// A device that isn't up receives nothing: the packet comes back. What the stack merges stays
    /// with the instance until the end of the poll at most.
    #[inline]
    pub(crate) fn gro_receive(&mut self, skb: SkBuff) -> Result<(), SkBuff> {
        let skb = skb.into_raw();
        // SAFETY: By the type invariants, with bottom halves disabled; the packet is given away.
        if unsafe { bindings::napi_gro_receive(self.dev.as_ptr(), self.napi, skb) } {
            return Ok(());
        }
        // SAFETY: What was not received has stayed ours.
        Err(unsafe { SkBuff::from_raw(skb) })
    }
}

/// # Safety
///
/// To be called by the core only, with bottom halves disabled and an instance that is part of a
/// [`Napi<T>`] and scheduled.
unsafe extern "C" fn poll<T: NapiPoll>(napi: *mut bindings::napi_struct, budget: c_int) -> c_int {
    // Nothing is to be received then; only netpoll asks for that.
    let budget = u32::try_from(budget).unwrap_or(0);
    if budget == 0 {
        return 0;
    }
    let field = Opaque::cast_from(napi);
    // SAFETY: By the caller's promise. The set waits until the instance is idle, and for a grace
    // period, which the end of this region with bottom halves disabled is part of.
    let (this, bh) = unsafe {
        let this = kernel::container_of!(field, Napi<T>, napi);
        (&*this, BhDisabled::assume())
    };
    // INVARIANT: By the caller's promise.
    let mut poll = Poll {
        napi,
        dev: &this.dev,
        budget,
        work: 0,
        bh,
    };
    this.content.poll(&mut poll);
    let work = poll.work;
    // SAFETY: The instance is still ours; it is given up only if the budget isn't used up.
    unsafe {
        // No packet may outlive the region in which the device was seen to be up: once the core has
        // waited for that, it takes it that none is left.
        bindings::napi_flush(napi);
        if work < budget {
            bindings::napi_complete_done(napi, work as c_int);
        }
    }
    work as c_int
}
