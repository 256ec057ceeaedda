// SPDX-License-Identifier: GPL-2.0

//! What handshakes with a peer are made with.
//!
//! A peer that has been idle for long keeps its preshared key and what protects it from replays. All
//! else is there from the first message of a handshake until the keys are forgotten, and so is what
//! it costs: neither a new peer nor another private key is worth a Diffie-Hellman before somebody
//! has something to say.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use crate::{
    crypto::{KernelCrypto, Key},
    drops::Reason,
    identity::Identity,
    kapi::sync::rcu::RcuArc,
    proto::{
        cookie::CookieMaker,
        handshake::{AuthenticatedInitiation, Handshake, History, Phase, Reject},
        identity::RemoteStatic,
        messages::{Index, PublicKey},
        time::BootTime, //
    },
    session::Lanes,
};

/// What handshakes with a peer are made with.
pub(crate) struct Noise {
    /// None is as good as all zero.
    preshared_key: Option<KBox<Key>>,
    /// As it was when `exchange` was given up.
    history: History,
    exchange: Option<KBox<Exchange>>,
    /// What sessions share, for the next one to have as well.
    lanes: Option<Arc<Lanes>>,
}

/// What is there while handshakes and sessions are.
pub(crate) struct Exchange {
    /// Who we are to the peer: the secret in `remote` was computed with it. [`None`] until it is.
    pub(crate) identity: Option<RcuArc<Identity>>,
    pub(crate) remote: RemoteStatic<KernelCrypto>,
    pub(crate) handshake: Handshake<KernelCrypto>,
    pub(crate) cookie: CookieMaker<KernelCrypto>,
    /// When we sent the first initiation that has not been answered yet.
    pub(crate) begun: Option<BootTime>,
}

impl Noise {
    /// Of a peer that has never been heard of.
    pub(crate) fn new(preshared_key: Option<KBox<Key>>) -> Self {
        Self {
            preshared_key,
            history: History::default(),
            exchange: None,
            lanes: None,
        }
    }

    /// What the sessions there are share.
    pub(crate) fn lanes(&self) -> Option<&Arc<Lanes>> {
        self.lanes.as_ref()
    }

    /// Makes what sessions will share from now on. May sleep.
    pub(crate) fn open_lanes(&mut self) -> Result<Arc<Lanes>> {
        let lanes = Arc::pin_init(Lanes::new(), GFP_KERNEL)?;
        Ok(self.lanes.insert(lanes).clone())
    }

    /// What there is of handshakes and sessions.
    pub(crate) fn exchange(&mut self) -> Option<&mut Exchange> {
        self.exchange.as_deref_mut()
    }

    /// A copy of what is known of the peer, if we were `identity` to it before.
    pub(crate) fn remote(&self, identity: &RcuArc<Identity>) -> Option<RemoteStatic<KernelCrypto>> {
        self.exchange
            .as_ref()
            .filter(|exchange| exchange.is_with(identity))
            .map(|exchange| exchange.remote.duplicate())
    }

    /// What a handshake takes, where we are `identity` to the peer of that key. May sleep.
    ///
    /// Costs a Diffie-Hellman the first time, unless `remote` is known already.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn begin(
        &mut self,
        identity: &RcuArc<Identity>,
        public_key: &PublicKey,
        remote: Option<RemoteStatic<KernelCrypto>>,
    ) -> Result<&mut Exchange> {
        let (history, preshared_key) = (self.history, self.preshared_key.as_deref());
        let exchange = match &mut self.exchange {
            Some(exchange) => exchange,
            vacant => vacant.insert(KBox::new(Exchange::new(history, public_key), GFP_KERNEL)?),
        };
        if !exchange.is_with(identity) {
            exchange.remote =
                remote.unwrap_or_else(|| RemoteStatic::new(*public_key, Some(identity.keys())));
            let preshared_key = preshared_key.map_or_else(Key::zeroed, Key::duplicate);
            exchange.remote.set_preshared_key(preshared_key);
            exchange.identity = Some(identity.clone());
        }
        Ok(exchange)
    }

    /// Takes an initiation in that was found authentic by what `remote` says.
    ///
    /// # Errors
    ///
    /// Why it is dropped: as a replay, or one of too many, and then no memory is spent on it; or for want
    /// of memory.
    pub(crate) fn accept_initiation(
        &mut self,
        identity: &RcuArc<Identity>,
        remote: RemoteStatic<KernelCrypto>,
        initiation: AuthenticatedInitiation<KernelCrypto>,
        now: BootTime,
    ) -> Result<(), Reason> {
        if self.exchange.is_none() {
            self.history.judge(&initiation, now).map_err(reason_for)?;
        }
        let public_key = *remote.public();
        self.begin(identity, &public_key, Some(remote))
            .map_err(|_| Reason::HsNoMemory)?
            .handshake
            .accept_initiation(initiation, now)
            .map_err(reason_for)
    }

    /// How far the handshake is.
    pub(crate) fn phase(&self) -> Phase {
        let exchange = self.exchange.as_ref();
        exchange.map_or(Phase::Zeroed, |exchange| exchange.handshake.phase())
    }

    /// Erases the handshake, and returns the index that it no longer uses.
    pub(crate) fn clear_handshake(&mut self) -> Option<Index> {
        self.exchange()?.handshake.clear()
    }

    /// Forgets what was computed with a private key that the device no longer has.
    pub(crate) fn forget_identity(&mut self) {
        if let Some(exchange) = self.exchange() {
            exchange.identity = None;
            exchange.remote.refresh(None);
        }
    }

    /// Whether all that has been given up.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.exchange.is_none() && self.lanes.is_none()
    }

    /// Gives all up that a later handshake can do without. The handshake must have been erased.
    pub(crate) fn rest(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            self.history = exchange.handshake.history();
        }
        self.lanes = None;
    }

    /// Shows the key that is mixed into handshakes.
    pub(crate) fn with_preshared_key<R>(&self, f: impl FnOnce(&Key) -> R) -> R {
        match &self.preshared_key {
            Some(key) => f(key),
            None => f(&Key::zeroed()),
        }
    }

    /// Sets the key that is mixed into future handshakes; zero for none.
    ///
    /// Takes a place for it from `room` if there was none.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if there is no room, with nothing changed.
    pub(crate) fn set_preshared_key(
        &mut self,
        key: &Key,
        room: impl FnOnce() -> Option<KBox<Key>>,
    ) -> Result {
        if key.is_zero() {
            self.preshared_key = None;
        } else {
            let place = match &mut self.preshared_key {
                Some(place) => place,
                vacant => vacant.insert(room().ok_or(ENOMEM)?),
            };
            place.as_mut_bytes().copy_from_slice(key.as_bytes());
        }
        if let Some(exchange) = self.exchange() {
            exchange.remote.set_preshared_key(key.duplicate());
        }
        Ok(())
    }
}

/// Why an authentic initiation is dropped.
fn reason_for(reject: Reject) -> Reason {
    match reject {
        Reject::Replay => Reason::HsReplayed,
        Reject::Flood => Reason::HsFlood,
    }
}

impl Exchange {
    fn new(history: History, public_key: &PublicKey) -> Self {
        Self {
            identity: None,
            remote: RemoteStatic::new(*public_key, None),
            handshake: Handshake::resume(history),
            cookie: CookieMaker::new(public_key),
            begun: None,
        }
    }

    fn is_with(&self, identity: &RcuArc<Identity>) -> bool {
        self.identity
            .as_ref()
            .is_some_and(|known| known.ptr_eq(identity))
    }
}
