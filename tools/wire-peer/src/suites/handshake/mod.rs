// SPDX-License-Identifier: GPL-2.0

//! Handshakes in both roles, the sessions they leave behind, and what resets them.

pub(super) mod cookies;
mod initiator;
mod resets;
mod responder;
mod rotation;

use crate::bench::Bench;
use crate::ensure;
use crate::packet::Packet;
use crate::peer::{Peer, A_MOMENT, PATIENCE};
use crate::session::Session;
use crate::tap::Result;

pub fn run(bench: &mut Bench) {
    initiator::run(bench);
    responder::run(bench);
    rotation::run(bench);
    resets::run(bench);
    cookies::run(bench);
}

/// The payload of the next UDP datagram that the device's host sent us, in this session.
fn poked(peer: &Peer, session: &Session) -> Result<Vec<u8>> {
    loop {
        let packet = peer.await_packet(session, PATIENCE)?;
        if packet.is_empty() {
            continue;
        }
        let packet = Packet::parse(&packet).ok_or("not a packet")?;
        return Ok(packet.udp().ok_or("not UDP")?.payload);
    }
}

/// That nothing comes for a moment.
fn quiet(peer: &Peer) -> Result {
    match peer.wire.receive(A_MOMENT * 4)? {
        None => Ok(()),
        Some((datagram, _)) => Err(format!("a message of type {} came", datagram[0]).into()),
    }
}

/// Sends an echo request by one session; tells whether the reply comes, by another. A second request
/// follows it, whose reply must come.
fn carries(peer: &mut Peer, by: &mut Session, current: &mut Session) -> Result<bool> {
    let (request, number) = peer.echo();
    peer.send(&by.seal(&request))?;
    let replies = peer.ping(current)?;
    ensure!(replies.len() <= 2, "too many replies");
    Ok(replies.contains(&number))
}
