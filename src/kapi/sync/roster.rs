// SPDX-License-Identifier: GPL-2.0

//! Lists of those among many objects that something will have to be done to.
//!
//! A [`Roster`] refers to its members, few among what may be a million objects. Each object has a place
//! for that in itself: to be enrolled takes no memory, does not sleep and cannot fail. Whoever walks
//! along the roster holds no lock meanwhile, so members may come, and leave, and be worked on.

use core::{
    cell::UnsafeCell,
    mem,
    ptr, //
};

use kernel::{
    prelude::*,
    sync::Arc, //
};

use crate::kapi::sync::{
    atomic::{AtomicPtr, Ordering},
    new_spinlock_bh,
    rcu::{RcuArc, RcuRef},
    SpinLockBh, //
};

/// An object that may be on the roster of what it belongs to.
pub(crate) trait Member: Send + Sync + Sized + 'static {
    /// What it belongs to.
    type Home: HasRoster<Self>;

    /// Where in the object its membership is.
    const OFFSET: usize;

    /// Where in the object its reference to what it belongs to is.
    const HOME_OFFSET: usize;

    /// The membership, which is a member of the object itself.
    fn membership(&self) -> &Membership<Self>;

    /// What it belongs to; the reference is a member of the object itself.
    fn home(&self) -> &Arc<Self::Home>;
}

/// What has a roster.
pub(crate) trait HasRoster<T: Member>: Send + Sync + Sized + 'static {
    /// Where in it the roster is.
    const OFFSET: usize;

    /// The roster, which is a member of it.
    fn roster(&self) -> &Roster<T>;
}

/// Where an object stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It is not on the roster.
    Away,
    /// It is on the roster.
    Enrolled,
    /// It is on the roster, and will not be soon, unless it is enrolled anew.
    Leaving,
    /// It is not on the roster and never will be again.
    Closed,
}

/// The bits of a pointer to an object that a [`Standing`] takes the place of.
const STANDING: usize = 0b11;

impl Standing {
    const fn of(addr: usize) -> Self {
        match addr & STANDING {
            0 => Self::Away,
            1 => Self::Enrolled,
            2 => Self::Leaving,
            _ => Self::Closed,
        }
    }
}

/// An object's place on a roster.
///
/// # Invariants
///
/// An object that stands on a roster has been found to be an [`Entry`]. Then `next` and `prev`, but for
/// the standing in it, are null or point to the objects behind and before it in the same list. All that
/// is written under the lock of the roster, and but for the standing it is read under that, too.
pub(crate) struct Membership<T> {
    next: UnsafeCell<*const T>,
    prev: AtomicPtr<T>,
}

// SAFETY: It is of use only under the roster's lock, and for references that may be anybody's.
unsafe impl<T: Send + Sync> Send for Membership<T> {}
// SAFETY: As above; what is read without the lock is atomic.
unsafe impl<T: Send + Sync> Sync for Membership<T> {}

impl<T> Membership<T> {
    /// Of an object that is not on the roster yet.
    pub(crate) fn new() -> Self {
        // INVARIANT: It stands on none.
        Self {
            next: UnsafeCell::new(ptr::null()),
            prev: AtomicPtr::new(ptr::null_mut()),
        }
    }

    #[inline]
    fn standing(&self) -> Standing {
        Standing::of(self.prev.load(Ordering::Relaxed).addr())
    }

    fn prev(&self) -> *const T {
        let prev = self.prev.load(Ordering::Relaxed);
        prev.map_addr(|addr| addr & !STANDING)
    }

    fn set(&self, prev: *const T, standing: Standing) {
        let prev = prev.cast_mut();
        self.prev.store(
            prev.map_addr(|addr| addr | standing as usize),
            Ordering::Relaxed,
        );
    }
}

/// Those that have been enrolled and have not left.
#[pin_data]
pub(crate) struct Roster<T: Member> {
    #[pin]
    lists: SpinLockBh<Lists<T>>,
}

/// The members, each of them on one of two lists.
///
/// # Invariants
///
/// Both are null or begin a list of [`Membership`]s that ends with null. To each object on them the
/// value owns a reference, and each stands on the roster that the value is part of.
struct Lists<T: Member> {
    members: *const T,
    /// Those that the walk under way has yet to come to.
    pending: *const T,
}

// SAFETY: The references may be used and dropped by any thread.
unsafe impl<T: Member> Send for Lists<T> {}

/// An object, and the roster it belongs to.
///
/// # Invariants
///
/// At [`Member::OFFSET`] in the object is a [`Membership`], at [`Member::HOME_OFFSET`] a reference to its
/// home, and in that at [`HasRoster::OFFSET`] the roster. As nobody has any of them exclusively, they stay
/// there, and an object's roster is always the same.
struct Entry<'a, T: Member> {
    host: RcuRef<'a, T>,
    roster: &'a Roster<T>,
}

impl<'a, T: Member> Entry<'a, T> {
    const ROSTER_OFFSET: usize = <T::Home as HasRoster<T>>::OFFSET;

    /// [`None`] if an object is not what it says it is.
    fn of(host: RcuRef<'a, T>) -> Option<Self> {
        const {
            assert!(align_of::<T>() > STANDING, "a standing fits into a pointer");
            assert!(is_within::<Membership<T>, T>(T::OFFSET));
            assert!(is_within::<Arc<T::Home>, T>(T::HOME_OFFSET));
            assert!(is_within::<Roster<T>, T::Home>(Self::ROSTER_OFFSET));
        }
        let object = host.as_data().addr();
        let membership = ptr::from_ref(host.get().membership()).addr();
        let home = host.get().home();
        let roster = home.roster();
        let distances = [
            membership.wrapping_sub(object),
            ptr::from_ref(home).addr().wrapping_sub(object),
            ptr::from_ref(roster)
                .addr()
                .wrapping_sub(ptr::from_ref::<T::Home>(home).addr()),
        ];
        // INVARIANT: Just looked at.
        (distances == [T::OFFSET, T::HOME_OFFSET, Self::ROSTER_OFFSET])
            .then_some(Self { host, roster })
    }

    fn membership(&self) -> &Membership<T> {
        // SAFETY: By the type invariants, it is there, for as long as the object.
        unsafe { &*membership_of(self.host.as_data()) }
    }
}

/// Whether an `M` is within a `T` if it is at that offset.
const fn is_within<M, T>(offset: usize) -> bool {
    match size_of::<T>().checked_sub(size_of::<M>()) {
        Some(last) => offset <= last,
        None => false,
    }
}

/// Where the membership of an object is that is an [`Entry`].
#[inline]
fn membership_of<T: Member>(object: *const T) -> *const Membership<T> {
    object.wrapping_byte_add(T::OFFSET).cast()
}

impl<T: Member> Roster<T> {
    /// Nobody.
    pub(crate) fn new() -> impl PinInit<Self> {
        // INVARIANT: Both lists are empty.
        let lists = Lists {
            members: ptr::null(),
            pending: ptr::null(),
        };
        pin_init!(Self {
            lists <- new_spinlock_bh!(lists, "roster"),
        })
    }

    /// Puts an object on the roster of its home, unless it is there. Returns whether it is there now:
    /// it is not if it has been closed, or has no references left.
    ///
    /// Of two threads that do something to an object under a lock of its own, after this has returned
    /// the one, and on a walk the other, one sees what the other has done before, or finds the object.
    #[inline]
    pub(crate) fn enrol(host: RcuRef<'_, T>) -> bool {
        host.get().membership().standing() == Standing::Enrolled || Self::enrol_anew(host)
    }

    #[cold]
    fn enrol_anew(host: RcuRef<'_, T>) -> bool {
        let Some((entry, this)) = Entry::of(host).zip(host.try_get()) else {
            return false;
        };
        let membership = entry.membership();
        let mut lists = entry.roster.lists.lock();
        match membership.standing() {
            Standing::Closed => return false,
            Standing::Enrolled => {}
            Standing::Leaving => membership.set(membership.prev(), Standing::Enrolled),
            // SAFETY: It is an entry of this roster, and on no list.
            Standing::Away => unsafe { lists.push(this, Standing::Enrolled) },
        }
        true
    }

    /// Takes an object off the roster of its home if it is idle, unless it is enrolled anew meanwhile.
    ///
    /// Idle is what has nothing that it would have to be enrolled for. It stays there while that is being
    /// found out, so a walk doesn't miss it if it is not. To be called by one at a time for each object.
    pub(crate) fn leave_if(host: &RcuArc<T>, is_idle: impl FnOnce() -> bool) {
        let Some(entry) = Entry::of(host.borrow()) else {
            return;
        };
        let membership = entry.membership();
        {
            let _lists = entry.roster.lists.lock();
            if membership.standing() != Standing::Enrolled {
                return;
            }
            membership.set(membership.prev(), Standing::Leaving);
        }
        if !is_idle() {
            Self::enrol(host.borrow());
            return;
        }
        let mut lists = entry.roster.lists.lock();
        let left = if membership.standing() == Standing::Leaving {
            // SAFETY: It is an entry of this roster, and on one of its lists.
            Some(unsafe { lists.unlink(host.borrow().as_data()) })
        } else {
            None
        };
        drop(lists);
        drop(left);
    }

    /// Takes an object off the roster of its home for good. Returns whether it may have been there: if
    /// not, whoever enrols it is told that it is closed.
    pub(crate) fn close(host: &RcuArc<T>) -> bool {
        let Some(entry) = Entry::of(host.borrow()) else {
            return true;
        };
        let membership = entry.membership();
        let mut lists = entry.roster.lists.lock();
        let left = match membership.standing() {
            Standing::Away | Standing::Closed => None,
            Standing::Enrolled | Standing::Leaving => {
                // SAFETY: It is an entry of this roster, and on one of its lists.
                Some(unsafe { lists.unlink(host.borrow().as_data()) })
            }
        };
        membership.set(ptr::null(), Standing::Closed);
        drop(lists);
        left.is_some()
    }

    /// Comes to each member once that is there now and has not left by then.
    ///
    /// One walk at a time: what another begins is what the first one had yet to come to, too.
    pub(crate) fn walk(&self) -> Walk<'_, T> {
        let mut lists = self.lists.lock();
        lists.rejoin();
        let Lists { members, pending } = &mut *lists;
        mem::swap(members, pending);
        Walk(self)
    }
}

impl<T: Member> Lists<T> {
    /// Puts an object in front.
    ///
    /// # Safety
    ///
    /// It must be an entry of the roster that this is part of, and on no list.
    unsafe fn push(&mut self, this: RcuArc<T>, standing: Standing) {
        let first = self.members;
        let object = this.into_raw();
        // SAFETY: By the caller's promise, and the type invariants.
        unsafe {
            let membership = &*membership_of(object);
            *membership.next.get() = first;
            membership.set(ptr::null(), standing);
            if !first.is_null() {
                let behind = &*membership_of(first);
                behind.set(object, behind.standing());
            }
        }
        self.members = object;
    }

    /// Takes an object off the list that it is on, and its reference back.
    ///
    /// # Safety
    ///
    /// It must be an entry of the roster that this is part of, and on one of its lists.
    unsafe fn unlink(&mut self, object: *const T) -> RcuArc<T> {
        // SAFETY: By the caller's promise, and the type invariants: neighbours are alive and entries.
        unsafe {
            let membership = &*membership_of(object);
            let (prev, next) = (membership.prev(), *membership.next.get());
            if !next.is_null() {
                let behind = &*membership_of(next);
                behind.set(prev, behind.standing());
            }
            if !prev.is_null() {
                *(*membership_of(prev)).next.get() = next;
            } else if self.members == object {
                self.members = next;
            } else {
                self.pending = next;
            }
            *membership.next.get() = ptr::null();
            membership.set(ptr::null(), Standing::Away);
            // The reference that `push` has given away.
            RcuArc::from_raw(object)
        }
    }

    /// Takes the walk one step on.
    fn step(&mut self) -> Option<RcuArc<T>> {
        let object = self.pending;
        if object.is_null() {
            return None;
        }
        // SAFETY: It is on the list that begins with it, so an entry; and on none in between.
        unsafe {
            let standing = (*membership_of(object)).standing();
            let this = self.unlink(object);
            self.push(this.clone(), standing);
            Some(this)
        }
    }

    /// Has a walk come to nobody any more.
    fn rejoin(&mut self) {
        while self.step().is_some() {}
    }
}

impl<T: Member> Drop for Lists<T> {
    fn drop(&mut self) {
        self.rejoin();
        while !self.members.is_null() {
            // SAFETY: It is on the list that begins with it.
            drop(unsafe { self.unlink(self.members) });
        }
    }
}

/// A walk along a roster.
pub(crate) struct Walk<'a, T: Member>(&'a Roster<T>);

impl<T: Member> Iterator for Walk<'_, T> {
    type Item = RcuArc<T>;

    fn next(&mut self) -> Option<RcuArc<T>> {
        self.0.lists.lock().step()
    }
}

impl<T: Member> Drop for Walk<'_, T> {
    fn drop(&mut self) {
        self.0.lists.lock().rejoin();
    }
}
