// SPDX-License-Identifier: GPL-2.0

//! Makes handshake messages, and sessions of what they agree on.
//!
//! All that is done under the lock of the peer's handshake, and under it is also noticed that the
//! peer has been removed: who removes it takes that lock afterwards, and clears up what was made
//! before.

use kernel::prelude::*;

use crate::{
    crypto::Key,
    kapi::{
        random,
        sync::rcu::RcuArc, //
    },
    noise::{Exchange, Noise},
    peer::Peer,
    proto::{
        messages::{Initiation, Response},
        transport::Lifetime, //
    },
    session::Session,
    time::{boot_now, wall_now},
    timers::Draws,
    trace, //
};

/// Begins a handshake, or once more for want of an answer, with a message that has its MACs, and of a type
/// other than WireGuard's if one is given.
///
/// # Errors
///
/// `ESHUTDOWN` if the peer has been removed, `ENOKEY` if there is no private key, or none that goes
/// with the peer's; `ENOMEM`, which another time may be otherwise.
pub(crate) fn create_initiation(
    peer: &RcuArc<Peer>,
    kind: Option<u32>,
    is_again: bool,
) -> Result<Initiation> {
    let mut noise = peer.noise.lock();
    // Under the lock, so that a change of the private key comes before, or finds what is made of it:
    // it looks for peers that are awake. So does who removes the peer.
    if !Peer::wake(peer.borrow()) {
        return Err(ESHUTDOWN);
    }
    let identity = peer.device.identity.get().ok_or(ENOKEY)?;
    let Exchange {
        remote,
        handshake,
        cookie,
        begun,
        ..
    } = noise.begin(&identity, &peer.public_key, None)?;
    if !remote.can_handshake() {
        return Err(ENOKEY);
    }
    let (keys, old) = (identity.keys(), handshake.phase());
    let table = &peer.device.index_table;
    let index = table.insert_handshake(peer.clone())?;
    let created = handshake.create_initiation(keys, remote, ephemeral(), index, wall_now());
    match created {
        Ok(mut created) => {
            trace::handshake(peer, old, handshake.phase(), Some(index));
            if let Some(replaced) = created.replaced {
                let _ = table.remove_handshake(replaced, peer);
            }
            if let Some(kind) = kind {
                created.message.set_type(kind);
            }
            let now = boot_now();
            cookie.add_macs(&mut created.message, now);
            if !is_again {
                *begun = None;
            }
            begun.get_or_insert(now);
            Ok(created.message)
        }
        Err(_) => {
            let _ = table.remove_handshake(index, peer);
            Err(ENOKEY)
        }
    }
}

/// Answers the initiation that was accepted last, without MACs, and begins the session.
pub(crate) fn create_response(peer: &RcuArc<Peer>) -> Result<Response> {
    let mut noise = peer.noise.lock();
    if peer.is_closed() {
        return Err(ESHUTDOWN);
    }
    let Exchange {
        remote, handshake, ..
    } = noise.exchange().ok_or(EINVAL)?;
    let table = &peer.device.index_table;
    let index = table.insert_handshake(peer.clone())?;
    let old = handshake.phase();
    let created = handshake.create_response(remote, ephemeral(), index);
    trace::handshake(peer, old, handshake.phase(), Some(index));
    let Ok(created) = created else {
        let _ = table.remove_handshake(index, peer);
        return Err(EINVAL);
    };
    if let Some(replaced) = created.replaced {
        let _ = table.remove_handshake(replaced, peer);
    }
    begin_session(peer, &mut noise)?;
    Ok(created.message)
}

/// Turns a finished handshake into a session, which takes its index over.
pub(crate) fn begin_session(peer: &RcuArc<Peer>, noise: &mut Noise) -> Result {
    let exchange = noise.exchange().ok_or(EINVAL)?;
    let old = exchange.handshake.phase();
    let keys = exchange.handshake.begin_session().map_err(|_| EINVAL)?;
    let index = keys.local_index;
    trace::handshake(peer, old, exchange.handshake.phase(), Some(index));
    let table = &peer.device.index_table;
    let session = peer
        .lanes(noise)
        .and_then(|lanes| {
            let now = boot_now();
            let lifetime = Lifetime::begin(now, &Draws(peer));
            Session::new(peer.clone(), lanes, keys, now, lifetime)
        })
        .and_then(|session| {
            table.replace(index, peer, session.clone())?;
            Ok(session)
        });
    match session {
        Ok(session) => peer.sessions.install(table, session),
        Err(error) => {
            let _ = table.remove_handshake(index, peer);
            Err(error)
        }
    }
}

/// A fresh ephemeral private key.
fn ephemeral() -> Key {
    Key::fill_with(|key| random::fill(key))
}
