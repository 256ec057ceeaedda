// SPDX-License-Identifier: GPL-2.0

//! Multicast groups of a family: messages to whoever has asked for them.
//!
//! C header: [`include/net/genetlink.h`](srctree/include/net/genetlink.h)

use core::ffi::CStr;

use kernel::{
    error::to_result,
    prelude::*, //
};

use super::{
    msg::{
        Notice,
        Writer, //
    },
    name_in_place,
    Family, //
};
use crate::{
    bindings,
    kapi::net::netns::Net, //
};

/// A multicast group.
#[repr(transparent)]
pub(crate) struct Group(bindings::genl_multicast_group);

impl Group {
    /// Describes a group.
    pub(crate) const fn new(name: &CStr) -> Self {
        let mut group: bindings::genl_multicast_group = pin_init::zeroed();
        group.name = name_in_place(name);
        Self(group)
    }

    /// Demands of listeners `CAP_NET_ADMIN` over the network namespace that they listen in.
    pub(crate) const fn require_net_admin(mut self) -> Self {
        self.0.flags |= bindings::WG_CONST_GENL_MCAST_CAP_NET_ADMIN;
        self
    }
}

impl Family {
    /// Whether anybody in a network namespace listens to the group at place `group`.
    ///
    /// The family has to be registered, as for [`Self::announce`].
    pub(crate) fn has_listeners(&'static self, net: &Net, group: usize) -> bool {
        // SAFETY: The family is static, and a namespace that is held has its socket for generic
        // netlink. The shim compares the place with the number of groups.
        unsafe { bindings::genl_has_listeners(self.0.get(), net.as_ptr(), group as u32) }
    }

    /// Sends what `fill` writes to the listeners of the group at place `group` in a network
    /// namespace, as command `cmd`.
    ///
    /// The family has to be registered. If it is not, whoever has the number of its group then may get
    /// the message. May sleep.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there are no listeners, `ENOBUFS` if one of them has asked to be told of what it
    /// misses and has no room, `ENOMEM`, `EMSGSIZE`, and those of `fill`.
    pub(crate) fn announce(
        &'static self,
        net: &Net,
        group: usize,
        cmd: u8,
        fill: impl FnOnce(&mut Writer<'_>) -> Result,
    ) -> Result {
        let mut notice = Notice::begin(self, cmd)?;
        fill(&mut notice)?;
        self.multicast(net, group, notice)
    }

    /// Sends a message that is complete.
    // There is one of it, whatever is announced.
    #[inline(never)]
    fn multicast(&'static self, net: &Net, group: usize, notice: Notice) -> Result {
        let skb = notice.end();
        // SAFETY: As in `has_listeners`. The message is whole, and ours to give away.
        to_result(unsafe {
            bindings::genlmsg_multicast_netns(
                self.0.get(),
                net.as_ptr(),
                skb.as_ptr(),
                group as u32,
            )
        })
    }
}
