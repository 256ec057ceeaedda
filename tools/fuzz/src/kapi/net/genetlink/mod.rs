// SPDX-License-Identifier: GPL-2.0

//! Plays the netlink core: validates a request as `lib/nlattr.c` does when it is strict, and hands
//! it to the handler. Attributes are read by the module's own file.

#[path = "../../../../../../src/kapi/net/genetlink/attr.rs"]
mod attr;
mod policy;

use std::{cell::Cell, ffi::CStr};

use kernel::prelude::*;

pub(crate) use attr::{Attr, Step, Table};
pub(crate) use policy::Policy;

use crate::bindings;

/// A request that the core lets through.
pub(crate) struct Info<'a> {
    attrs: Vec<Option<Attr<'a>>>,
    /// Where the attribute is that was blamed last.
    blamed: Cell<Option<usize>>,
}

impl<'a> Info<'a> {
    /// Does what the core does before it calls a handler.
    pub(crate) fn parse(message: &'a Message, policy: &[Policy]) -> Result<Self> {
        policy::validate(message.attrs(), policy)?;
        let mut attrs = vec![None; policy.len()];
        for attr in message.whole().elements() {
            attrs[usize::from(attr.ty())] = Some(attr);
        }
        Ok(Self {
            attrs,
            blamed: Cell::new(None),
        })
    }

    pub(crate) fn attr(&self, ty: u16) -> Option<Attr<'a>> {
        *self.attrs.get(usize::from(ty))?
    }

    /// Where in a message the attribute begins that was blamed last.
    pub(crate) fn blamed(&self, message: &Message) -> Option<usize> {
        let place = self.blamed.get()?;
        Some(place - message.attrs().as_ptr() as usize)
    }

    pub(crate) fn refuse(&self, error: Error, _why: &'static CStr) -> Error {
        error
    }

    pub(crate) fn refuse_at(&self, attr: Attr<'_>, error: Error, why: &'static CStr) -> Error {
        assert!(!attr.as_ptr().is_null());
        self.blamed.set(Some(attr.as_ptr() as usize));
        self.refuse(error, why)
    }

    pub(crate) fn refuse_named(
        &self,
        attr: Attr<'_>,
        error: Error,
        name: &CStr,
        why: &'static CStr,
    ) -> Error {
        // With a blank between them, it has to fit what the core has room for.
        assert!(name.count_bytes() + why.count_bytes() < 79);
        self.refuse_at(attr, error, why)
    }
}

/// The attributes of a request, as if they were in an attribute of their own.
pub(crate) struct Message(Vec<u8>);

const HEADER: usize = size_of::<bindings::nlattr>();

impl Message {
    /// What does not fit the length of an attribute is cut off.
    pub(crate) fn new(attrs: &[u8]) -> Self {
        let attrs = &attrs[..attrs.len().min(usize::from(u16::MAX) - HEADER)];
        let mut bytes = ((attrs.len() + HEADER) as u16).to_ne_bytes().to_vec();
        bytes.extend((bindings::NLA_F_NESTED as u16).to_ne_bytes());
        bytes.extend(attrs);
        Self(bytes)
    }

    pub(crate) fn attrs(&self) -> &[u8] {
        &self.0[HEADER..]
    }

    /// Wipes what a way of `path` leads to.
    pub(crate) fn wipe(&mut self, path: &[Step]) {
        attr::wipe(&mut self.0[HEADER..], path);
    }

    fn whole(&self) -> Attr<'_> {
        // SAFETY: `new` has written the header, and its length is that of the bytes, which are
        // borrowed for as long.
        unsafe { Attr::from_raw(self.0.as_ptr().cast()) }.expect("the header was written by us")
    }
}
