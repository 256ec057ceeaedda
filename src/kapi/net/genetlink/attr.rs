// SPDX-License-Identifier: GPL-2.0

//! Attributes of a request, read as bytes.
//!
//! Everything here is bounds-checked by itself: it holds for any bytes, whether or not the core
//! has validated them against a policy.
//!
//! C header: [`include/net/netlink.h`](srctree/include/net/netlink.h)

use core::ffi::CStr;

use kernel::prelude::*;

use crate::{
    bindings,
    kapi::{
        crypto,
        string, //
    }, //
};

const HEADER: usize = size_of::<bindings::nlattr>();
const ALIGN: usize = bindings::NLA_ALIGNTO as usize;
const TYPE_MASK: u16 = bindings::NLA_TYPE_MASK as u16;
const NESTED: u16 = bindings::NLA_F_NESTED as u16;

/// One attribute.
///
/// # Invariants
///
/// `header` is the header at the start of `bytes`, and its length that of `bytes`.
#[derive(Clone, Copy)]
pub(crate) struct Attr<'a> {
    header: Header,
    bytes: &'a [u8],
}

#[derive(Clone, Copy)]
struct Header {
    len: usize,
    ty: u16,
}

impl Header {
    /// Reads the header at the start of `stream`, if it leads a whole attribute.
    fn read(stream: &[u8]) -> Option<Self> {
        let &[len0, len1, ty0, ty1] = stream.first_chunk::<HEADER>()?;
        let len = usize::from(u16::from_ne_bytes([len0, len1]));
        let ty = u16::from_ne_bytes([ty0, ty1]);
        (len >= HEADER && len <= stream.len()).then_some(Self { len, ty })
    }

    /// The length with the padding that is behind, if it isn't the last.
    fn padded_len(self) -> usize {
        // A length is one of 16 bits, so the sum doesn't saturate.
        self.len.saturating_add(ALIGN - 1) & !(ALIGN - 1)
    }
}

impl<'a> Attr<'a> {
    /// Splits the first attribute, and the padding behind it, off a stream.
    fn split(stream: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let header = Header::read(stream)?;
        let bytes = stream.get(..header.len)?;
        let rest = stream.get(header.padded_len()..);
        // INVARIANT: `Header::read` has read it from the start of `stream`.
        Some((Self { header, bytes }, rest.unwrap_or_default()))
    }

    /// Wraps an attribute that the core has found.
    ///
    /// # Safety
    ///
    /// `attr` must point to an attribute whose bytes, as many as its header says and that is no
    /// fewer than the header's own, stay readable and unchanged for `'a`.
    pub(super) unsafe fn from_raw(attr: *const bindings::nlattr) -> Option<Self> {
        // SAFETY: By the function's contract the header is readable.
        let len = usize::from(unsafe { (*attr).nla_len });
        // SAFETY: By the function's contract so are `len` bytes.
        let bytes = unsafe { core::slice::from_raw_parts(attr.cast::<u8>(), len) };
        Self::split(bytes).map(|(attr, _)| attr)
    }

    pub(super) fn as_ptr(&self) -> *const bindings::nlattr {
        self.bytes.as_ptr().cast()
    }

    /// The attribute's type, without flags.
    pub(crate) fn ty(&self) -> u16 {
        self.header.ty & TYPE_MASK
    }

    /// The attribute's payload, of any length.
    pub(crate) fn payload(&self) -> &'a [u8] {
        self.bytes.get(HEADER..).unwrap_or_default()
    }

    /// The payload as exactly `N` bytes; `EINVAL` if it has another length.
    pub(crate) fn array<const N: usize>(&self) -> Result<&'a [u8; N]> {
        self.payload().try_into().map_err(|_| EINVAL)
    }

    /// The payload as a `u8`; `EINVAL` if it has another length.
    pub(crate) fn u8(&self) -> Result<u8> {
        self.array().copied().map(u8::from_ne_bytes)
    }

    /// The payload as a `u16` of the host's byte order; `EINVAL` if it has another length.
    pub(crate) fn u16(&self) -> Result<u16> {
        self.array().copied().map(u16::from_ne_bytes)
    }

    /// The payload as a `u32` of the host's byte order; `EINVAL` if it has another length.
    pub(crate) fn u32(&self) -> Result<u32> {
        self.array().copied().map(u32::from_ne_bytes)
    }

    /// The payload up to its first NUL; `EINVAL` if it has none.
    pub(crate) fn string(&self) -> Result<&'a CStr> {
        string::first(self.payload()).ok_or(EINVAL)
    }

    /// The elements of a nested array, in order.
    ///
    /// As the core does for arrays, this stops without an error at bytes that are no attribute.
    pub(crate) fn elements(&self) -> Elements<'a> {
        Elements {
            rest: self.payload(),
        }
    }

    /// Sorts the attributes within this one by type.
    ///
    /// # Errors
    ///
    /// `EINVAL` if this attribute lacks `NLA_F_NESTED`, if a type is 0 or not below `N`, or if
    /// bytes are left over.
    pub(crate) fn nested<const N: usize>(&self) -> Result<Table<'a, N>> {
        if self.header.ty & NESTED == 0 {
            return Err(EINVAL);
        }
        Table::parse(self.payload())
    }
}

/// An iterator over the attributes of a stream; there are none by default.
#[derive(Clone, Default)]
pub(crate) struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Elements<'a> {
    type Item = Attr<'a>;

    fn next(&mut self) -> Option<Attr<'a>> {
        let (attr, rest) = Attr::split(self.rest)?;
        self.rest = rest;
        Some(attr)
    }
}

/// Attributes by type, the last one of each.
///
/// Requests hold many: what is kept for each type is small, and the attribute is read once more.
pub(crate) struct Table<'a, const N: usize> {
    stream: &'a [u8],
    /// By type, where in the stream the attribute begins, plus one; zero if there is none.
    places: [u16; N],
}

impl<'a, const N: usize> Table<'a, N> {
    fn parse(stream: &'a [u8]) -> Result<Self> {
        let mut places = [0; N];
        let mut elements = Elements { rest: stream };
        loop {
            let place = stream.len().wrapping_sub(elements.rest.len());
            let Some(attr) = elements.next() else {
                break;
            };
            let slot = places.get_mut(usize::from(attr.ty())).ok_or(EINVAL)?;
            if attr.ty() == 0 {
                return Err(EINVAL);
            }
            *slot = u16::try_from(place.wrapping_add(1)).map_err(|_| EINVAL)?;
        }
        if !elements.rest.is_empty() {
            return Err(EINVAL);
        }
        Ok(Self { stream, places })
    }

    /// The last attribute of a type.
    pub(crate) fn get(&self, ty: u16) -> Option<Attr<'a>> {
        let place = self.places.get(usize::from(ty))?.checked_sub(1)?;
        let (attr, _) = Attr::split(self.stream.get(usize::from(place)..)?)?;
        Some(attr)
    }
}

/// One level of the way from the root of a request to an attribute.
#[derive(Clone, Copy)]
pub(crate) enum Step {
    /// The attributes of this type.
    Type(u16),
    /// The elements of a nested array, whatever their types.
    Element,
}

impl Step {
    fn matches(self, header: Header) -> bool {
        match self {
            Self::Type(ty) => header.ty & TYPE_MASK == ty,
            Self::Element => true,
        }
    }
}

/// Overwrites the payload of every attribute that `path` leads to.
pub(super) fn wipe(mut stream: &mut [u8], path: &[Step]) {
    let Some((&step, path)) = path.split_first() else {
        crypto::wipe(stream);
        return;
    };
    while let Some(header) = Header::read(stream) {
        // The last one may lack its padding.
        let end = header.padded_len().min(stream.len());
        let Some((attr, rest)) = stream.split_at_mut_checked(end) else {
            return;
        };
        if step.matches(header) {
            wipe(attr.get_mut(HEADER..header.len).unwrap_or_default(), path);
        }
        stream = rest;
    }
}
