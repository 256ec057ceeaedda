// SPDX-License-Identifier: GPL-2.0

//! Sockets of the link layer, for which there is no safe wrapper.

#![allow(unsafe_code, reason = "the system's calls are not safe by themselves")]

use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{socket, AddressFamily, SockFlag, SockType};

/// `struct virtio_net_hdr`.
pub const OFFLOAD_LEN: usize = 10;

/// Sends packets right into a device: nothing looks at them before the driver does.
pub struct Link(OwnedFd);

impl Link {
    /// With `offload`, each packet begins with a header that says which of the sender's work is still to be done.
    pub fn open(offload: bool) -> nix::Result<Self> {
        let fd = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            None,
        )?;
        let value = libc::c_int::from(offload);
        // SAFETY: The option's value is an integer that lives for longer than the call.
        let result = unsafe {
            libc::setsockopt(
                fd.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_VNET_HDR,
                (&raw const value).cast(),
                size_of_val(&value) as libc::socklen_t,
            )
        };
        Errno::result(result)?;
        Ok(Self(fd))
    }

    pub fn send(&self, packet: &[u8], interface: u32, protocol: u16) -> nix::Result<()> {
        let to = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as u16,
            sll_protocol: protocol.to_be(),
            sll_ifindex: interface as i32,
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        // SAFETY: Both pointers are to what lives for longer than the call, and go with their lengths.
        let result = unsafe {
            libc::sendto(
                self.0.as_raw_fd(),
                packet.as_ptr().cast(),
                packet.len(),
                0,
                (&raw const to).cast(),
                size_of_val(&to) as libc::socklen_t,
            )
        };
        Errno::result(result).map(drop)
    }
}
