// SPDX-License-Identifier: GPL-2.0

//! Answers that user space reads in several calls.
//!
//! C header: [`include/linux/netlink.h`](srctree/include/linux/netlink.h)

use core::ptr::NonNull;

use kernel::{
    error::from_result,
    ffi::c_int,
    prelude::*, //
};

use super::{
    msg::Message,
    policy::Policy,
    Info, //
};
use crate::bindings;

/// Whether a dump goes on after a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is more to come; the message must have brought the dump nearer to its end.
    More,
    /// The message was the last one.
    Done,
}

/// The handler of a dump, which is also the state of one.
///
/// The core runs one dump per socket at a time. While a dump is unfinished it keeps the module
/// from being unloaded. The value is dropped in process context when the last message has been
/// made, when [`Dump::dump`] has failed, or when the socket is closed.
pub(crate) trait Dump: Send + Sized + 'static {
    /// What the core validates the request against before it calls [`Dump::start`].
    const POLICY: &'static [Policy];

    /// Begins a dump. An error is the answer to the request: there is no dump then.
    fn start(request: &Info<'_>) -> Result<Self>;

    /// Fills the next message.
    ///
    /// Returning an error takes the message back and ends the dump with that error.
    fn dump(&mut self, message: &mut Message<'_>) -> Result<Progress>;
}

/// Where a dump's callbacks keep the pointer to its state.
///
/// # Safety
///
/// `cb` must be valid.
unsafe fn context<T>(cb: *mut bindings::netlink_callback) -> *mut *mut T {
    const {
        let cb: bindings::netlink_callback__bindgen_ty_1 = pin_init::zeroed();
        assert!(size_of_val(&cb) >= size_of::<*mut T>());
        assert!(align_of_val(&cb) >= align_of::<*mut T>());
    }
    // SAFETY: `cb` is valid by the function's contract.
    unsafe { (&raw mut (*cb).__bindgen_anon_1).cast() }
}

/// # Safety
///
/// Must be called by the core only, as the `start` callback of an operation of `T`.
pub(super) unsafe extern "C" fn start_callback<T: Dump>(
    cb: *mut bindings::netlink_callback,
) -> c_int {
    from_result(|| {
        // SAFETY: The core passes a valid `cb`, whose data at this point is the parsed request.
        let info = unsafe {
            let info = (*cb).data.cast::<bindings::genl_dumpit_info>();
            NonNull::new(&raw mut (*info).info).ok_or(EINVAL)?
        };
        // SAFETY: The core has parsed the request with the policy of the operation, which by
        // `Op`'s invariants is that of `T`. `start` cannot keep the request.
        let state = T::start(&unsafe { Info::from_raw(info, T::POLICY) })?;
        let state = KBox::into_raw(KBox::new(state, GFP_KERNEL)?);
        // SAFETY: `cb` is valid, and its context is this dump's from a successful `start` to
        // `done`.
        unsafe { context::<T>(cb).write(state) };
        Ok(0)
    })
}

/// # Safety
///
/// Must be called by the core only, as the `dumpit` callback of an operation of `T`.
pub(super) unsafe extern "C" fn dump_callback<T: Dump>(
    skb: *mut bindings::sk_buff,
    cb: *mut bindings::netlink_callback,
) -> c_int {
    from_result(|| {
        let cb = NonNull::new(cb).ok_or(EINVAL)?;
        let skb = NonNull::new(skb).ok_or(EINVAL)?;
        // SAFETY: `start_callback` has put the pointer there. The core holds the socket's callback
        // mutex, so that no other callback of this dump runs.
        let state = unsafe { &mut **context::<T>(cb.as_ptr()) };
        // SAFETY: These are the arguments of `dumpit`, and `message` is gone before it returns.
        let mut message = unsafe { Message::begin(skb, cb) }?;
        let progress = state.dump(&mut message)?;
        let len = message.end();
        Ok(match progress {
            Progress::More => len,
            Progress::Done => 0,
        })
    })
}

/// # Safety
///
/// Must be called by the core only, as the `done` callback of an operation of `T`.
pub(super) unsafe extern "C" fn done_callback<T: Dump>(
    cb: *mut bindings::netlink_callback,
) -> c_int {
    // SAFETY: The core calls `done` once for each `start` that succeeded, after the last `dumpit`,
    // and `start_callback` has put the pointer of a `KBox` there.
    drop(unsafe { KBox::from_raw(context::<T>(cb).read()) });
    0
}
