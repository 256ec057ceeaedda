// SPDX-License-Identifier: GPL-2.0

//! What all actors act on: few namespaces, devices, keys and ports, so that they often meet.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use nix::errno::Errno;
use nix::sched::{setns, unshare, CloneFlags};
use nix::sys::socket::{setsockopt, sockopt};
use wire_peer::keys::Key;
use wireguard_proto::identity::StaticIdentity;
use wireguard_proto::messages::PublicKey;
use wireguard_proto::rustcrypto::RustCrypto;

use crate::module::Module;
use crate::operations::links;
use crate::rng::Rng;
use wire_peer::netlink::Socket;

/// What an operation returns: most are refused now and then.
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// So many namespaces. The sockets of most devices are in the first one, and meet on its loopback interface.
pub const SLOTS: usize = 4;
/// So many devices, and as many names for them; number `n` mostly lives in namespace number `n`.
pub const DEVICES: usize = 4;
/// Identities of devices, and behind them those of the peers that we play.
pub const IDENTITIES: usize = DEVICES + 2;
/// Where programs at the end of a tunnel listen.
pub const SERVICE: u16 = 5201;

/// So many dumps are left in the middle, to be gone on with later.
const PARKED: usize = 4;
const RECORDED: usize = 128;
const CONNECTIONS: usize = 32;

/// Connections end at once.
pub const RESET: libc::linger = libc::linger {
    l_onoff: 1,
    l_linger: 0,
};

pub struct World {
    home: File,
    slots: Vec<Mutex<Option<Arc<Namespace>>>>,
    pub keys: Vec<[u8; 32]>,
    pub publics: Vec<PublicKey>,
    module: RwLock<Module>,
    /// Seconds of the next timestamp in a played peer's initiation.
    clock: AtomicI64,
    /// What must not happen and did.
    failure: Mutex<Option<String>>,
    parked: Mutex<Vec<Socket>>,
    recorded: Mutex<VecDeque<Vec<u8>>>,
}

/// A network namespace that lives until nobody holds it any more, with somebody who answers.
pub struct Namespace {
    file: File,
    listener: TcpListener,
    connections: Mutex<Vec<TcpStream>>,
}

impl World {
    pub fn new(module: Module) -> Outcome<Self> {
        let keys: Vec<_> = (0..IDENTITIES).map(|_| wire_peer::keys::random()).collect();
        let publics = keys.iter().map(|key| {
            let identity = StaticIdentity::<RustCrypto>::from_private(Key::from_bytes(*key));
            Ok(*identity.ok_or("a random key is zero")?.public())
        });
        let publics = publics.collect::<Outcome<_>>()?;
        let world = Self {
            home: own_namespace()?,
            slots: (0..SLOTS).map(|_| Mutex::new(None)).collect(),
            keys,
            publics,
            module: RwLock::new(module),
            clock: AtomicI64::new(1_800_000_000),
            failure: Mutex::default(),
            parked: Mutex::default(),
            recorded: Mutex::default(),
        };
        for slot in 0..SLOTS {
            world.renew(slot)?;
        }
        Ok(world)
    }

    /// Runs `f` in a namespace.
    pub fn within<T>(&self, slot: usize, f: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        let namespace = self.namespace(slot)?;
        setns(&namespace.file, CloneFlags::CLONE_NEWNET)?;
        let result = f();
        setns(&self.home, CloneFlags::CLONE_NEWNET)?;
        result
    }

    pub fn namespace(&self, slot: usize) -> Outcome<Arc<Namespace>> {
        let namespace = lock(&self.slots[slot]).clone();
        Ok(namespace.ok_or(Errno::ENOENT)?)
    }

    /// A namespace of its own descriptor, for netlink.
    pub fn descriptor(&self, slot: usize) -> Outcome<File> {
        Ok(self.namespace(slot)?.file.try_clone()?)
    }

    /// Gives a namespace up; nobody finds it any more.
    pub fn abandon(&self, slot: usize) -> Option<Arc<Namespace>> {
        lock(&self.slots[slot]).take()
    }

    /// Makes a new namespace in the place of what was there.
    pub fn renew(&self, slot: usize) -> Outcome {
        let made = Namespace::new();
        setns(&self.home, CloneFlags::CLONE_NEWNET)?;
        let old = lock(&self.slots[slot]).replace(Arc::new(made?));
        drop(old);
        Ok(())
    }

    // --- the module

    /// To be unloaded and loaded: nobody calls into it meanwhile but by what it has registered.
    pub fn module(&self) -> RwLockWriteGuard<'_, Module> {
        self.module.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn module_stays(&self) -> RwLockReadGuard<'_, Module> {
        self.module.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A time that is later than all before it.
    pub fn tick(&self) -> i64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    // --- what must not happen

    pub fn fail(&self, why: String) {
        lock(&self.failure).get_or_insert(why);
    }

    pub fn failure(&self) -> Option<String> {
        lock(&self.failure).clone()
    }

    // --- dumps in the middle

    /// Leaves a dump as it is. The oldest one is given up for it.
    pub fn park(&self, dump: Socket) {
        let mut parked = lock(&self.parked);
        let too_many = parked.len() >= PARKED;
        let old = too_many.then(|| parked.remove(0));
        parked.push(dump);
        drop(parked);
        drop(old);
    }

    pub fn unpark(&self) -> Option<Socket> {
        lock(&self.parked).pop()
    }

    // --- datagrams that were seen

    pub fn record(&self, datagram: &[u8]) {
        let mut recorded = lock(&self.recorded);
        recorded.push_back(datagram.to_vec());
        if recorded.len() > RECORDED {
            recorded.pop_front();
        }
    }

    pub fn recorded(&self, rng: &mut Rng) -> Option<Vec<u8>> {
        let choice = rng.below(RECORDED);
        let recorded = lock(&self.recorded);
        let index = choice.checked_rem(recorded.len())?;
        recorded.get(index).cloned()
    }

    // --- who answers

    /// Accepts, reads and sends back whatever can be at once.
    pub fn serve(&self) {
        for slot in 0..SLOTS {
            if let Ok(namespace) = self.namespace(slot) {
                namespace.serve();
            }
        }
    }

    /// Gives everything up.
    pub fn end(&self) {
        lock(&self.parked).clear();
        for slot in 0..SLOTS {
            drop(self.abandon(slot));
        }
    }
}

impl Namespace {
    /// Makes one and stays in it.
    fn new() -> Outcome<Self> {
        unshare(CloneFlags::CLONE_NEWNET)?;
        links::bring_up_loopback()?;
        let listener = TcpListener::bind(("::", SERVICE))?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            file: own_namespace()?,
            listener,
            connections: Mutex::default(),
        })
    }

    fn serve(&self) {
        let mut connections = lock(&self.connections);
        while let Ok((connection, _)) = self.listener.accept() {
            // A connection that lingers would keep the namespace.
            let reset = setsockopt(&connection, sockopt::Linger, &RESET);
            if reset.is_ok() && connection.set_nonblocking(true).is_ok() {
                connections.push(connection);
            }
        }
        connections.retain_mut(is_served);
        let surplus = connections.len().saturating_sub(CONNECTIONS);
        connections.drain(..surplus);
    }
}

/// Whether a connection goes on.
fn is_served(connection: &mut TcpStream) -> bool {
    let mut buffer = [0; 1 << 14];
    match connection.read(&mut buffer) {
        Ok(0) => false,
        Ok(len) => {
            let _ = connection.write(&buffer[..len]);
            true
        }
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    }
}

fn own_namespace() -> std::io::Result<File> {
    File::open("/proc/thread-self/ns/net")
}

/// What an actor leaves behind that fails is still what it was.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
