// SPDX-License-Identifier: GPL-2.0

//! Dumps of devices: read to the end, left in the middle, and gone on with after who knows what.

use super::configuration::{addressed, request, GET_DEVICE, WANTED};
use super::requests::any_device;
use super::Context;
use crate::world::Outcome;
use wire_peer::netlink::{Part, Socket, ACK, DUMP, REQUEST};

fn dump(context: &mut Context<'_>) -> Outcome<Socket> {
    let flags = match context.rng.percent(95) {
        true => REQUEST | DUMP,
        false => REQUEST | ACK,
    };
    let mut message = request(flags, GET_DEVICE);
    any_device(context, &mut message);
    if context.is_disguised() && context.rng.percent(30) {
        message.u32(WANTED, u32::MAX);
    }
    let family = context.family();
    context.world.within(context.slot, || {
        let socket = Socket::generic()?;
        socket.send(addressed(&socket, family, message)?)?;
        Ok(socket)
    })
}

pub fn get(context: &mut Context<'_>) -> Outcome {
    let socket = dump(context)?;
    socket.read_all(context.rng.pick(&[4096, 1 << 14, 1 << 16]))?;
    Ok(())
}

/// Begins a dump and leaves it in the middle, to be gone on with or never.
pub fn abandon(context: &mut Context<'_>) -> Outcome {
    let socket = dump(context)?;
    let size = context.rng.pick(&[16, 600, 4096]);
    for _ in 0..context.rng.below(3) {
        socket.read(&mut vec![0; size])?;
    }
    if context.rng.percent(80) {
        context.world.park(socket);
    }
    Ok(())
}

/// Goes on with a dump that somebody left: the device may have changed, or be gone.
pub fn resume(context: &mut Context<'_>) -> Outcome {
    let Some(socket) = context.world.unpark() else {
        return Err("nobody has left a dump".into());
    };
    let mut buffer = vec![0; 1 << 14];
    for _ in 0..1 + context.rng.below(20) {
        if let Part::End = socket.read(&mut buffer)? {
            return Ok(());
        }
    }
    context.world.park(socket);
    Ok(())
}
