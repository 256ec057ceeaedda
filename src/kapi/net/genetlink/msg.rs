// SPDX-License-Identifier: GPL-2.0

//! Messages to user space under construction.
//!
//! C headers: [`include/net/genetlink.h`](srctree/include/net/genetlink.h),
//! [`include/net/netlink.h`](srctree/include/net/netlink.h)

use core::{
    ffi::CStr,
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::{
        Deref,
        DerefMut, //
    },
    ptr::NonNull,
};

use kernel::{
    error::to_result,
    ffi::{
        c_int,
        c_void, //
    },
    prelude::*,
};

use super::Family;
use crate::bindings;

/// The longest payload that fits the 16-bit length of an attribute.
const MAX_PAYLOAD: usize = u16::MAX as usize - size_of::<bindings::nlattr>();

/// Appends attributes to a message.
///
/// What does not fit is refused with `EMSGSIZE`, and leaves the message as it was.
///
/// # Invariants
///
/// `skb` is valid, linear and not reallocated for `'m`, and nobody else accesses it meanwhile.
pub(crate) struct Writer<'m> {
    skb: NonNull<bindings::sk_buff>,
    _skb: PhantomData<&'m mut bindings::sk_buff>,
}

impl<'m> Writer<'m> {
    /// Appends bytes.
    pub(crate) fn put(&mut self, ty: u16, value: &[u8]) -> Result {
        if value.len() > MAX_PAYLOAD {
            return Err(EMSGSIZE);
        }
        // SAFETY: `skb` is valid by the type invariants, and `value` is readable.
        to_result(unsafe {
            bindings::nla_put(
                self.skb.as_ptr(),
                c_int::from(ty),
                value.len() as c_int,
                value.as_ptr().cast(),
            )
        })
    }

    /// Appends a `u8`.
    pub(crate) fn put_u8(&mut self, ty: u16, value: u8) -> Result {
        self.put(ty, &[value])
    }

    /// Appends a `u16` in the host's byte order.
    pub(crate) fn put_u16(&mut self, ty: u16, value: u16) -> Result {
        self.put(ty, &value.to_ne_bytes())
    }

    /// Appends a `u32` in the host's byte order.
    pub(crate) fn put_u32(&mut self, ty: u16, value: u32) -> Result {
        self.put(ty, &value.to_ne_bytes())
    }

    /// Appends a `u64` in the host's byte order, aligned to 64 bits.
    ///
    /// Where the architecture needs it, an empty attribute of type `pad` goes before it.
    pub(crate) fn put_u64(&mut self, ty: u16, value: u64, pad: u16) -> Result {
        // SAFETY: `skb` is valid by the type invariants, and `value` is readable.
        to_result(unsafe {
            bindings::nla_put_64bit(
                self.skb.as_ptr(),
                c_int::from(ty),
                size_of::<u64>() as c_int,
                (&raw const value).cast(),
                c_int::from(pad),
            )
        })
    }

    /// Appends a string with its terminator.
    pub(crate) fn put_string(&mut self, ty: u16, value: &CStr) -> Result {
        self.put(ty, value.to_bytes_with_nul())
    }

    /// Opens an attribute that holds attributes.
    pub(crate) fn nest(&mut self, ty: u16) -> Result<Nest<'_, 'm>> {
        // SAFETY: `skb` is valid by the type invariants.
        let start = unsafe { bindings::nla_nest_start(self.skb.as_ptr(), c_int::from(ty)) };
        // INVARIANT: The attribute was appended just now.
        Ok(Nest {
            start: NonNull::new(start).ok_or(EMSGSIZE)?,
            writer: self,
        })
    }
}

/// An open attribute that holds attributes.
///
/// Dropping it takes it back with all that was written into it, and wipes those bytes.
///
/// # Invariants
///
/// `start` points to a nested attribute in the writer's buffer, and everything behind it belongs
/// to it.
pub(crate) struct Nest<'w, 'm> {
    writer: &'w mut Writer<'m>,
    start: NonNull<bindings::nlattr>,
}

impl Nest<'_, '_> {
    /// Closes the attribute; `EMSGSIZE` takes it back if it became too long for its length field.
    pub(crate) fn end(self) -> Result {
        // SAFETY: By the type invariants both belong together.
        to_result(unsafe {
            bindings::nla_nest_end_safe(self.writer.skb.as_ptr(), self.start.as_ptr())
        })?;
        let _ = ManuallyDrop::new(self);
        Ok(())
    }
}

impl<'m> Deref for Nest<'_, 'm> {
    type Target = Writer<'m>;

    fn deref(&self) -> &Writer<'m> {
        self.writer
    }
}

impl<'m> DerefMut for Nest<'_, 'm> {
    fn deref_mut(&mut self) -> &mut Writer<'m> {
        self.writer
    }
}

impl Drop for Nest<'_, '_> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants `start` is in the buffer, and what is behind it may go.
        unsafe {
            bindings::nla_nest_cancel_wipe(self.writer.skb.as_ptr(), self.start.as_ptr());
        }
    }
}

/// One message of a dump.
///
/// Dropping it takes it back with all that was written into it, and wipes those bytes.
///
/// # Invariants
///
/// `header` is what `genlmsg_put` returned for the message at the end of the writer's buffer, and
/// `cb` the valid dump that the message belongs to, which nobody else accesses for `'m`.
pub(crate) struct Message<'m> {
    writer: Writer<'m>,
    header: NonNull<c_void>,
    cb: NonNull<bindings::netlink_callback>,
}

impl<'m> Message<'m> {
    /// Begins a message of the dump `cb` in `skb`; `EMSGSIZE` if there is no room for its header.
    ///
    /// # Safety
    ///
    /// This must be called from the `dumpit` callback of a generic netlink dump, with its
    /// arguments, and `'m` must end before the callback does.
    pub(super) unsafe fn begin(
        skb: NonNull<bindings::sk_buff>,
        cb: NonNull<bindings::netlink_callback>,
    ) -> Result<Self> {
        // SAFETY: `cb` is valid, and `data` holds the request between `start` and `done`.
        let info = unsafe { &(*(*cb.as_ptr()).data.cast::<bindings::genl_dumpit_info>()).info };
        // SAFETY: The core has set these to a valid request of a registered family, and `skb` is
        // the buffer that it wants filled.
        let header = unsafe {
            bindings::genlmsg_put(
                skb.as_ptr(),
                info.snd_portid,
                info.snd_seq,
                info.family,
                bindings::NLM_F_MULTI as c_int,
                (*info.genlhdr).cmd,
            )
        };
        // INVARIANT: The core allocates `skb` for this call alone, linear and of fixed size, and
        // holds the socket's callback mutex for `cb`.
        Ok(Self {
            writer: Writer {
                skb,
                _skb: PhantomData,
            },
            header: NonNull::new(header).ok_or(EMSGSIZE)?,
            cb,
        })
    }

    /// Says which generation of the data this message shows.
    ///
    /// When it is not that of the message before, user space learns that the dump is inconsistent
    /// and should be repeated. The low 32 bits count, with 0 taken for 1.
    pub(crate) fn set_generation(&mut self, generation: u64) {
        // SAFETY: By the type invariants `cb` and `header` are valid and belong together.
        unsafe {
            (*self.cb.as_ptr()).seq = (generation as u32).max(1);
            bindings::genl_dump_check_consistent(self.cb.as_ptr(), self.header.as_ptr());
        }
    }

    /// Completes the message, and returns how many bytes the buffer holds.
    pub(super) fn end(self) -> c_int {
        let this = ManuallyDrop::new(self);
        let skb = this.writer.skb.as_ptr();
        // SAFETY: By the type invariants `header` is that of the last message in `skb`.
        unsafe {
            bindings::genlmsg_end(skb, this.header.as_ptr());
            (*skb).len as c_int
        }
    }
}

impl<'m> Deref for Message<'m> {
    type Target = Writer<'m>;

    fn deref(&self) -> &Writer<'m> {
        &self.writer
    }
}

impl<'m> DerefMut for Message<'m> {
    fn deref_mut(&mut self) -> &mut Writer<'m> {
        &mut self.writer
    }
}

impl Drop for Message<'_> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants `header` is that of the last message in the buffer.
        unsafe {
            bindings::genlmsg_cancel_wipe(self.writer.skb.as_ptr(), self.header.as_ptr());
        }
    }
}

/// A message that nobody has asked for.
///
/// # Invariants
///
/// `header` is what `genlmsg_put` returned for the only message in the writer's buffer, which this
/// value owns.
pub(super) struct Notice {
    writer: Writer<'static>,
    header: NonNull<c_void>,
}

impl Notice {
    /// Begins a message of a family, of a page or so; `ENOMEM` if there is no memory for it.
    // There is one of it, whatever is announced.
    #[inline(never)]
    pub(super) fn begin(family: &'static Family, cmd: u8) -> Result<Self> {
        // SAFETY: No requirements.
        let skb = NonNull::new(unsafe { bindings::genlmsg_new() }).ok_or(ENOMEM)?;
        // SAFETY: The family is static, and the buffer is new.
        let header = unsafe { bindings::genlmsg_put(skb.as_ptr(), 0, 0, family.0.get(), 0, cmd) };
        let Some(header) = NonNull::new(header) else {
            // SAFETY: The buffer is ours.
            unsafe { bindings::nlmsg_free(skb.as_ptr()) };
            return Err(EMSGSIZE);
        };
        // INVARIANT: The buffer is new, linear and of fixed size, and has nothing else in it.
        Ok(Self {
            writer: Writer {
                skb,
                _skb: PhantomData,
            },
            header,
        })
    }

    /// Completes the message, and gives its buffer away.
    pub(super) fn end(self) -> NonNull<bindings::sk_buff> {
        let this = ManuallyDrop::new(self);
        // SAFETY: By the type invariants both belong together.
        unsafe { bindings::genlmsg_end(this.writer.skb.as_ptr(), this.header.as_ptr()) };
        this.writer.skb
    }
}

impl Deref for Notice {
    type Target = Writer<'static>;

    fn deref(&self) -> &Writer<'static> {
        &self.writer
    }
}

impl DerefMut for Notice {
    fn deref_mut(&mut self) -> &mut Writer<'static> {
        &mut self.writer
    }
}

impl Drop for Notice {
    fn drop(&mut self) {
        // SAFETY: By the type invariants the buffer is ours.
        unsafe { bindings::nlmsg_free(self.writer.skb.as_ptr()) };
    }
}
