// SPDX-License-Identifier: GPL-2.0

//! Generic netlink families whose requests are handled in Rust.
//!
//! A [`Family`] is a static built from a table of [`Op`]s. Each of them is a type: one that
//! implements [`Do`] answers a request at once, one that implements [`Dump`] lasts as long as its
//! dump, which user space reads in as many calls as it likes. All of a family's operations run in
//! process context and one at a time, under the mutex that generic netlink families share.
//!
//! C header: [`include/net/genetlink.h`](srctree/include/net/genetlink.h)

mod attr;
mod dump;
mod group;
mod msg;
mod policy;

use core::{
    ffi::CStr,
    ptr::NonNull, //
};

use kernel::{
    error::{
        from_result,
        to_result, //
    },
    ffi::c_int,
    prelude::*,
    types::Opaque,
};

use crate::{
    bindings,
    kapi::{
        crypto::without_traces,
        net::netns::NetRef,
        string, //
    }, //
};

pub(crate) use self::{
    attr::{
        Attr,
        Step,
        Table, //
    },
    dump::{
        Dump,
        Progress, //
    },
    group::Group,
    msg::{
        Message,
        Writer, //
    },
    policy::Policy,
};

/// The handler of a request that is answered by success or an error.
pub(crate) trait Do {
    /// What the core validates the request against, all of it, before it calls [`Do::run`].
    const POLICY: &'static [Policy];

    /// Ways to the attributes that are wiped from the request after [`Do::run`], failed or not.
    const SECRETS: &'static [&'static [Step]];

    /// Handles a request.
    fn run(request: &Info<'_>) -> Result;
}

/// A request.
///
/// # Invariants
///
/// `raw` is the valid request of a running callback, which nobody else accesses for `'a`;
/// `attrs` is the core's table of its attributes by type, which are null or valid for `'a`.
pub(crate) struct Info<'a> {
    raw: NonNull<bindings::genl_info>,
    attrs: &'a [*const bindings::nlattr],
}

impl<'a> Info<'a> {
    /// # Safety
    ///
    /// `raw` must be the request that the core passes to a callback, parsed by the core with
    /// `policy`, and `'a` must end before the callback does.
    unsafe fn from_raw(raw: NonNull<bindings::genl_info>, policy: &[Policy]) -> Self {
        // SAFETY: `raw` is valid by the function's contract.
        let attrs = unsafe { (*raw.as_ptr()).attrs };
        let attrs = match NonNull::new(attrs.cast::<*const bindings::nlattr>()) {
            // SAFETY: The core has allocated and filled a pointer per type, 0 included.
            Some(attrs) => unsafe { core::slice::from_raw_parts(attrs.as_ptr(), policy.len()) },
            // The policy has no types.
            None => &[],
        };
        // INVARIANT: The table's entries point into the request's buffer, which the core keeps
        // for longer than the callback runs.
        Self { raw, attrs }
    }

    /// The last attribute of a type at the root of the request.
    pub(crate) fn attr(&self, ty: u16) -> Option<Attr<'a>> {
        let &attr = self.attrs.get(usize::from(ty))?;
        if attr.is_null() {
            return None;
        }
        // SAFETY: By the type invariants `attr` is valid for `'a`. Its bytes do not change before
        // the callback's adapter wipes them, which is after `'a`.
        unsafe { Attr::from_raw(attr) }
    }

    /// The network namespace of the requester's socket.
    pub(crate) fn net(&self) -> &'a NetRef {
        // SAFETY: `raw` is valid by the type invariants. The socket, which waits for the callback
        // or has been left to it, refers to its namespace for as long as the callback runs.
        unsafe { NetRef::from_raw(bindings::genl_info_net(self.raw.as_ptr())) }
    }

    /// Says why the request fails. Returns `error`, to be returned from the handler.
    pub(crate) fn refuse(&self, error: Error, why: &'static CStr) -> Error {
        if let Some(extack) = self.extack() {
            // SAFETY: By the type invariants nobody else accesses the request. The module, and
            // `why` in it, cannot go before the reply has been made from this: unregistering the
            // family waits for requests.
            unsafe { (*extack.as_ptr())._msg = kernel::str::as_char_ptr_in_const_context(why) };
        }
        error
    }

    /// Says why the request fails, and which attribute is to blame. Returns `error`.
    pub(crate) fn refuse_at(&self, attr: Attr<'_>, error: Error, why: &'static CStr) -> Error {
        if let Some(extack) = self.extack() {
            // SAFETY: By the type invariants nobody else accesses the request. The core only
            // computes an offset from this pointer, if it is within the request.
            unsafe { (*extack.as_ptr()).bad_attr = attr.as_ptr() };
        }
        self.refuse(error, why)
    }

    /// As [`Self::refuse_at`], where what is wrong is said of something that has a name. What is too long
    /// for the core is cut off.
    pub(crate) fn refuse_named(
        &self,
        attr: Attr<'_>,
        error: Error,
        name: &CStr,
        why: &'static CStr,
    ) -> Error {
        let error = self.refuse_at(attr, error, why);
        if let Some(extack) = self.extack() {
            // SAFETY: It is valid, and by the type invariants nobody else accesses the request.
            let extack = unsafe { &mut *extack.as_ptr() };
            let [room @ .., last] = &mut extack._msg_buf;
            *last = 0;
            let text = [string::bytes(name), b" ", why.to_bytes_with_nul()];
            for (place, &byte) in room.iter_mut().zip(text.into_iter().flatten()) {
                *place = byte;
            }
            extack._msg = extack._msg_buf.as_ptr();
        }
        error
    }

    fn extack(&self) -> Option<NonNull<bindings::netlink_ext_ack>> {
        // SAFETY: `raw` is valid by the type invariants.
        NonNull::new(unsafe { (*self.raw.as_ptr()).extack })
    }
}

/// One operation of a family.
///
/// # Invariants
///
/// The callbacks fit the policy: they belong to one implementation of [`Do`] or [`Dump`].
#[repr(transparent)]
pub(crate) struct Op(bindings::genl_split_ops);

// SAFETY: By the type invariants this is constant data.
unsafe impl Sync for Op {}

impl Op {
    /// The operation that handles command `cmd` without the dump flags.
    pub(crate) const fn new_do<T: Do>(cmd: u8) -> Self {
        let callbacks = bindings::genl_split_ops__bindgen_ty_1 {
            __bindgen_anon_1: bindings::genl_split_ops__bindgen_ty_1__bindgen_ty_1 {
                pre_doit: None,
                doit: Some(do_callback::<T>),
                post_doit: None,
            },
        };
        Self::new(callbacks, T::POLICY, cmd, bindings::GENL_CMD_CAP_DO)
    }

    /// The operation that handles command `cmd` with the dump flags.
    pub(crate) const fn new_dump<T: Dump>(cmd: u8) -> Self {
        let callbacks = bindings::genl_split_ops__bindgen_ty_1 {
            __bindgen_anon_2: bindings::genl_split_ops__bindgen_ty_1__bindgen_ty_2 {
                start: Some(dump::start_callback::<T>),
                dumpit: Some(dump::dump_callback::<T>),
                done: Some(dump::done_callback::<T>),
            },
        };
        Self::new(callbacks, T::POLICY, cmd, bindings::GENL_CMD_CAP_DUMP)
    }

    /// Demands `CAP_NET_ADMIN` over the network namespace of the requester's socket.
    pub(crate) const fn require_net_admin(mut self) -> Self {
        self.0.flags |= bindings::GENL_UNS_ADMIN_PERM as u8;
        self
    }

    const fn new(
        callbacks: bindings::genl_split_ops__bindgen_ty_1,
        policy: &'static [Policy],
        cmd: u8,
        capability: u32,
    ) -> Self {
        // INVARIANT: Both callers pass the callbacks and the policy of one type.
        Self(bindings::genl_split_ops {
            __bindgen_anon_1: callbacks,
            policy: policy.as_ptr().cast(),
            maxattr: policy::max_type(policy) as u32,
            cmd,
            internal_flags: 0,
            flags: capability as u8,
            // No exemption from strict validation.
            validate: 0,
        })
    }
}

/// # Safety
///
/// Must be called by the core only, as the `doit` callback of an operation of `T`.
unsafe extern "C" fn do_callback<T: Do>(
    _skb: *mut bindings::sk_buff,
    raw: *mut bindings::genl_info,
) -> c_int {
    from_result(|| {
        let raw = NonNull::new(raw).ok_or(EINVAL)?;
        // SAFETY: The core has parsed the request with the policy of the operation, which by
        // `Op`'s invariants is that of `T`. `run` cannot keep the request.
        let request = unsafe { Info::from_raw(raw, T::POLICY) };
        let result = without_traces(|| T::run(&request));
        // SAFETY: The callback still runs, and `run`, the only reader of the request, is over.
        unsafe { wipe_secrets(raw, T::SECRETS) };
        result.map(|()| 0)
    })
}

/// Overwrites what the `secrets` lead to.
///
/// # Safety
///
/// `raw` must be the request of a running callback, and nothing may borrow from its message.
unsafe fn wipe_secrets(raw: NonNull<bindings::genl_info>, secrets: &[&[Step]]) {
    const HEADERS: usize = size_of::<bindings::nlmsghdr>() + size_of::<bindings::genlmsghdr>();

    // SAFETY: `raw` and the headers that it points to are valid by the function's contract.
    let (message, len) = unsafe {
        let header = (*raw.as_ptr()).nlhdr;
        (header.cast_mut().cast::<u8>(), (*header).nlmsg_len as usize)
    };
    // SAFETY: The core has checked that the socket buffer holds the whole message. The buffer was
    // filled for this request and is writable, and by the function's contract nothing refers to it.
    let message = unsafe { core::slice::from_raw_parts_mut(message, len) };
    // A family of this abstraction has no header of its own.
    let attrs = message.get_mut(HEADERS..).unwrap_or_default();
    for path in secrets {
        attr::wipe(attrs, path);
    }
}

/// A name in the room that C has for one, with zeros behind it.
#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "the compiler evaluates it"
)]
const fn name_in_place<const N: usize>(name: &CStr) -> [u8; N] {
    let name = name.to_bytes_with_nul();
    assert!(name.len() <= N, "the name is too long");
    let mut place = [0; N];
    let mut i = 0;
    while i < name.len() {
        place[i] = name[i];
        i += 1;
    }
    place
}

/// A generic netlink family, present in every network namespace.
#[repr(transparent)]
pub(crate) struct Family(Opaque<bindings::genl_family>);

// SAFETY: The core's locks protect what it writes, and nothing else is ever written.
unsafe impl Sync for Family {}

impl Family {
    /// Describes a family; `ops` has an entry for each of its commands, in ascending order. Its
    /// multicast groups go by their places in `groups`.
    pub(crate) const fn new(
        module: &'static ThisModule,
        name: &CStr,
        version: u32,
        ops: &'static [Op],
        groups: &'static [Group],
    ) -> Self {
        let mut family: bindings::genl_family = pin_init::zeroed();
        family.name = name_in_place(name);
        assert!(ops.len() <= u8::MAX as usize, "too many operations");
        family.n_split_ops = ops.len() as u8;
        family.split_ops = ops.as_ptr().cast();
        assert!(groups.len() <= u8::MAX as usize, "too many groups");
        family.n_mcgrps = groups.len() as u8;
        family.mcgrps = groups.as_ptr().cast();
        family.version = version;
        family.module = module.as_ptr();
        family._bitfield_1 = NETNSOK;
        Self(Opaque::new(family))
    }

    /// Opens the family to user space, until the registration is dropped.
    ///
    /// Handlers may run before this returns, so what they rely on has to exist already.
    pub(crate) fn register(&'static self) -> Result<Registration> {
        // SAFETY: The family and all that it refers to are static and initialised.
        to_result(unsafe { bindings::genl_register_family(self.0.get()) })?;
        // INVARIANT: Registered just now.
        Ok(Registration(self))
    }
}

/// The bit field of a `struct genl_family` that is in every network namespace, and that wants the
/// core to run one operation at a time.
///
/// bindgen's accessors are not `const`; a test below compares.
const NETNSOK: bindings::__BindgenBitfieldUnit<[u8; 1]> =
    bindings::__BindgenBitfieldUnit::new([if cfg!(target_endian = "little") {
        0x01
    } else {
        0x80
    }]);

/// A registered [`Family`]. Dropping it waits for the requests that run, but not for dumps that
/// user space has not finished reading: those hold a reference to the module.
///
/// # Invariants
///
/// The family is registered.
pub(crate) struct Registration(&'static Family);

impl Drop for Registration {
    fn drop(&mut self) {
        // SAFETY: By the type invariants the family is registered, and this happens once.
        unsafe { bindings::genl_unregister_family(self.0 .0.get()) };
    }
}

#[kernel::macros::kunit_tests(genetlink)]
mod tests {
    use super::*;

    #[test]
    fn bit_field_is_netnsok() {
        let mut family = bindings::genl_family {
            _bitfield_1: NETNSOK,
            ..Default::default()
        };
        assert_eq!((family.netnsok(), family.parallel_ops()), (1, 0));
        family.set_netnsok(0);
        // SAFETY: The bit field is one byte.
        let bits: u8 = unsafe { core::mem::transmute(family._bitfield_1) };
        assert_eq!(bits, 0);
    }
}
