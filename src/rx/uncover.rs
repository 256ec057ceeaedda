// SPDX-License-Identifier: GPL-2.0

//! Data messages that a guise is over: their headers, and how to get rid of what it has added.

use kernel::prelude::*;

use crate::{
    crypto::KernelCrypto,
    kapi::net::skbuff::SkBuff,
    proto::{
        awg::Profile,
        messages::DataHeader, //
    }, //
};

/// Makes a data message what WireGuard would have sent, but for its type, which is not looked at again.
pub(crate) fn uncover(skb: &mut SkBuff, prefix: u32, header: DataHeader) -> Result {
    skb.pull(prefix)?;
    let header = header.to_bytes();
    if skb.linear().first_chunk() != Some(&header) {
        skb.overwrite(&header)?;
    }
    Ok(())
}

/// The header of the data message that is `len` bytes of a packet, if it may be one.
pub(crate) fn header_at(
    profile: &Profile<KernelCrypto>,
    skb: &SkBuff,
    start: u32,
    len: u32,
) -> Option<DataHeader> {
    let header = skb.bytes_at(start.checked_add(profile.overhead() as u32)?)?;
    profile.data_header_behind(|| skb.bytes_at(start), &header, len as usize)
}

/// Whether what was in a message is a keepalive that was padded: no version of IP begins with a zero.
pub(crate) fn is_keepalive(skb: &SkBuff) -> bool {
    skb.bytes_at(0) == Some([0u8])
}
