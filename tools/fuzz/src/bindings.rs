// SPDX-License-Identifier: GPL-2.0

//! Plays the module's `bindings`: what user space and the kernel agree on.
#![allow(non_camel_case_types, reason = "the names are those of C")]

pub(crate) use kernel::bindings::*;

pub(crate) const NLA_F_NESTED: u32 = 1 << 15;
pub(crate) const NLA_F_NET_BYTEORDER: u32 = 1 << 14;
pub(crate) const NLA_TYPE_MASK: u32 = 0xffff & !(NLA_F_NESTED | NLA_F_NET_BYTEORDER);
pub(crate) const NLA_ALIGNTO: u32 = 4;

/// Its alignment is 1, since here a message may begin anywhere.
#[repr(C, packed)]
pub(crate) struct nlattr {
    pub(crate) nla_len: u16,
    pub(crate) nla_type: u16,
}

pub(crate) const AF_INET: u32 = 2;
pub(crate) const AF_INET6: u32 = 10;

pub(crate) type __be32 = u32;
pub(crate) type sockaddr_in = [u32; 4];
pub(crate) type sockaddr_in6 = [u32; 7];

#[derive(Default)]
pub(crate) struct in6_addr {
    pub(crate) in6_u: in6_addr_union,
}

#[derive(Default)]
pub(crate) struct in6_addr_union {
    pub(crate) u6_addr8: [u8; 16],
}
