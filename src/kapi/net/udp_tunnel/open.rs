// SPDX-License-Identifier: GPL-2.0

//! The sockets that are open, and their end, which may be that of their namespace.
//!
//! A socket of the kernel does not keep its namespace alive, and must not be there any more when
//! that is taken apart. Its owner should see to this, but is not trusted to.

use core::{
    iter,
    ptr::{self, NonNull},
    sync::atomic::{AtomicBool, AtomicPtr, Ordering}, //
};

use kernel::{
    error::{from_err_ptr, to_result},
    new_mutex,
    prelude::*,
    sync::{rcu, Arc, Mutex}, //
};

use crate::{
    bindings,
    kapi::{
        net::{
            netns::{Net, NetRef, NetnsExit, PernetRegistration, WeakNet},
            rtnl::RtnlHeld, //
        },
        sync::{
            bh::BhDisabled,
            rcu::Rcu,
            rcu_slot::RcuSlot, //
        }, //
    }, //
};

/// Lets sockets be opened, and closes what is left of them at the end of a namespace.
///
/// There can be one at a time. Dropping it closes all sockets that are still open.
pub(crate) struct Registration {
    // Dropped in this order: the exit hook looks for what is published, and what is open has trains.
    _exit: PernetRegistration<CloseSockets>,
    published: Published,
    _trains: Trains,
}

impl Registration {
    /// Registers the hook. [`EBUSY`] if there is one already.
    pub(crate) fn new() -> Result<Self> {
        let published = Published::new()?;
        let trains = Trains::new()?;
        let exit = PernetRegistration::new()?;
        // Not before: what was opened without the hook would outlive its namespace.
        published.0.state.lock().refuses = false;
        Ok(Self {
            _exit: exit,
            published,
            _trains: trains,
        })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // What is opened from now on would not be closed by the exit hook any more.
        self.published.0.state.lock().refuses = true;
    }
}

/// Lets sockets that are opened have trains of datagrams whole.
///
/// # Invariants
///
/// What that takes is registered, once.
struct Trains(());

impl Trains {
    fn new() -> Result<Self> {
        // SAFETY: There is no other, since something is published; dropping it is the counterpart.
        to_result(unsafe { bindings::trains_register() })?;
        // INVARIANT: Just registered.
        Ok(Self(()))
    }
}

impl Drop for Trains {
    fn drop(&mut self) {
        // SAFETY: By the type invariants. No socket is open any more, so nobody makes trains.
        unsafe {
            bindings::trains_unregister();
            bindings::train_memory_free();
        }
    }
}

/// Whether something is published, or about to be.
static TAKEN: AtomicBool = AtomicBool::new(false);

static SOCKETS: RcuSlot<Arc<OpenSockets>> = RcuSlot::new();

struct Published(Arc<OpenSockets>);

impl Published {
    fn new() -> Result<Self> {
        let sockets = Arc::pin_init(OpenSockets::new(), GFP_KERNEL)?;
        let published = KBox::new(sockets.clone(), GFP_KERNEL)?;
        if TAKEN.swap(true, Ordering::Acquire) {
            return Err(EBUSY);
        }
        drop(SOCKETS.replace(Some(published)));
        Ok(Self(sockets))
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        drop(SOCKETS.replace(None));
        TAKEN.store(false, Ordering::Release);
    }
}

struct CloseSockets;

impl NetnsExit for CloseSockets {
    fn exit(net: &NetRef, _rtnl: &RtnlHeld) {
        if let Some(sockets) = OpenSockets::current() {
            sockets.close_in(net);
        }
    }
}

/// All sockets that are open.
#[pin_data]
pub(super) struct OpenSockets {
    #[pin]
    state: Mutex<State>,
}

struct State {
    first: Option<KBox<OpenSocket>>,
    /// Whether no more sockets are to be opened.
    refuses: bool,
}

/// A socket that is open.
///
/// # Invariants
///
/// `sk` is an open socket of the namespace `net`, and only closed by [`Self::close`]; `shared` points
/// to it, or to nothing if it is about to be closed.
struct OpenSocket {
    sk: NonNull<bindings::sock>,
    net: WeakNet,
    shared: Arc<SharedSocket>,
    next: Option<KBox<OpenSocket>>,
}

// SAFETY: A socket can be closed by any thread.
unsafe impl Send for OpenSocket {}

impl OpenSocket {
    /// Closes the socket. Its hook may run until the end of the next grace period.
    fn close(self) {
        self.shared.0.store(ptr::null_mut(), Ordering::Relaxed);
        // SAFETY: By the type invariants, it is open until here.
        unsafe { bindings::udp_encap_close(self.sk.as_ptr()) };
    }
}

/// What the owner of a socket sees of it.
///
/// # Invariants
///
/// The pointer is null, or to an open socket, which is not closed before a grace period has passed
/// since it became null, unless the owner gives it up.
pub(super) struct SharedSocket(AtomicPtr<bindings::sock>);

impl SharedSocket {
    /// The socket. As long as `bh` lasts and the owner is borrowed, it stays open.
    ///
    /// [`ENONET`] if its namespace is going away.
    #[inline]
    pub(super) fn get(&self, _bh: BhDisabled<'_>) -> Result<NonNull<bindings::sock>> {
        NonNull::new(self.0.load(Ordering::Acquire)).ok_or(ENONET)
    }
}

impl OpenSockets {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            state <- new_mutex!(
                State {
                    first: None,
                    refuses: true,
                },
                "open_sockets"
            ),
        })
    }

    /// Where to put sockets, if there is a [`Registration`].
    pub(super) fn current() -> Option<Arc<Self>> {
        let guard = rcu::read_lock();
        SOCKETS.load(Rcu::from(&guard)).cloned()
    }

    /// Takes on a socket of `net`, which `open` opens: it returns a pointer to it or an error.
    pub(super) fn add(
        &self,
        net: &Net,
        open: impl FnOnce() -> *mut bindings::sock,
    ) -> Result<Arc<SharedSocket>> {
        let shared = Arc::new(SharedSocket(AtomicPtr::new(ptr::null_mut())), GFP_KERNEL)?;
        let slot = KBox::new_uninit(GFP_KERNEL)?;
        let mut state = self.state.lock();
        if state.refuses {
            return Err(ENODEV);
        }
        let sk = NonNull::new(from_err_ptr(open())?).ok_or(EINVAL)?;
        shared.0.store(sk.as_ptr(), Ordering::Release);
        // INVARIANT: It is open, and `net`, which is alive, will not end before the lock is released.
        let socket = OpenSocket {
            sk,
            net: net.downgrade(),
            shared: shared.clone(),
            next: state.first.take(),
        };
        state.first = Some(KBox::write(slot, socket));
        Ok(shared)
    }

    /// Closes a socket, unless its namespace has ended.
    ///
    /// The owner must not use it any more. If this returns true, its hook may run until the end of
    /// the next grace period; else it runs no more.
    pub(super) fn remove(&self, shared: &Arc<SharedSocket>) -> bool {
        let mut state = self.state.lock();
        let socket = unlink(&mut state.first, |socket| {
            Arc::ptr_eq(&socket.shared, shared)
        });
        socket
            .map(|socket| KBox::into_inner(socket).close())
            .is_some()
    }

    /// Closes the sockets that a namespace has left.
    fn close_in(&self, net: &NetRef) {
        let mut state = self.state.lock();
        let mut left = false;
        for socket in iter::successors(state.first.as_deref(), |socket| socket.next.as_deref()) {
            if socket.net.is(net) {
                socket.shared.0.store(ptr::null_mut(), Ordering::Release);
                left = true;
            }
        }
        if !left {
            return;
        }
        // First for those that send, then for the hooks.
        // SAFETY: No requirements but process context.
        unsafe { bindings::synchronize_net() };
        while let Some(socket) = unlink(&mut state.first, |socket| socket.net.is(net)) {
            KBox::into_inner(socket).close();
        }
        // SAFETY: As above.
        unsafe { bindings::synchronize_net() };
    }
}

/// Takes the first socket for which that holds out of a list.
fn unlink(
    mut link: &mut Option<KBox<OpenSocket>>,
    is_it: impl Fn(&OpenSocket) -> bool,
) -> Option<KBox<OpenSocket>> {
    while link.as_ref().is_some_and(|socket| !is_it(socket)) {
        link = &mut link.as_mut()?.next;
    }
    let mut socket = link.take()?;
    *link = socket.next.take();
    Some(socket)
}
