// SPDX-License-Identifier: GPL-2.0

//! Read-copy-update: reference-counted objects that lock-free readers may borrow.
//!
//! An [`RcuArc`] is a reference count on an object whose memory outlives its last reference by a
//! grace period. An [`RcuCell`] publishes one of them to readers, which borrow it for as long as
//! their critical section lasts and may turn the borrow into a reference of their own, unless the
//! count has already dropped to zero.
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)

use core::{
    convert::Infallible,
    marker::PhantomData,
    mem::MaybeUninit,
    ops::Deref,
    ptr::{self, NonNull}, //
};

use kernel::{
    alloc::Flags,
    prelude::*,
    sync::rcu,
    types::{NotThreadSafe, Opaque},
    workqueue::{HasWork, RawWorkItem, Work, WorkItem, WorkItemPointer}, //
};

use crate::{
    bindings,
    kapi::sync::atomic::{AtomicPtr, AtomicUsize, Ordering}, //
};

/// Evidence of an RCU read-side critical section.
///
/// # Invariants
///
/// The current CPU is in a read-side critical section for `'a`.
#[derive(Clone, Copy)]
pub(crate) struct Rcu<'a>(PhantomData<&'a ()>, NotThreadSafe);

impl Rcu<'_> {
    /// Asserts that the current context is in a read-side critical section.
    ///
    /// # Safety
    ///
    /// The critical section must last for the whole lifetime of the value.
    #[inline]
    pub(in crate::kapi) unsafe fn assume() -> Self {
        // INVARIANT: The caller promises it.
        Self(PhantomData, NotThreadSafe)
    }
}

impl<'a> From<&'a rcu::Guard> for Rcu<'a> {
    #[inline]
    fn from(_guard: &'a rcu::Guard) -> Self {
        // INVARIANT: The guard is borrowed for `'a`.
        Self(PhantomData, NotThreadSafe)
    }
}

/// How many objects wait for their grace period, or are being dropped after it.
static PENDING: AtomicUsize = AtomicUsize::new(0);

/// A `refcount_t`.
#[repr(transparent)]
struct Refcount(Opaque<bindings::refcount_t>);

impl Refcount {
    fn new(count: c_int) -> Self {
        // SAFETY: No requirements.
        Self(Opaque::new(unsafe { bindings::REFCOUNT_INIT(count) }))
    }

    #[inline]
    fn inc(&self) {
        // SAFETY: The pointer is to an initialised reference count.
        unsafe { bindings::refcount_inc(self.0.get()) };
    }

    #[inline]
    fn inc_not_zero(&self) -> bool {
        // SAFETY: The pointer is to an initialised reference count.
        unsafe { bindings::refcount_inc_not_zero(self.0.get()) }
    }

    #[inline]
    fn dec_and_test(&self) -> bool {
        // SAFETY: The pointer is to an initialised reference count.
        unsafe { bindings::refcount_dec_and_test(self.0.get()) }
    }
}

/// What an [`RcuArc`] points to.
#[repr(C)]
#[pin_data]
struct Inner<T> {
    refcount: Refcount,
    head: Opaque<bindings::callback_head>,
    #[pin]
    data: T,
}

/// A reference count on a `T` that is dropped a grace period after the last reference is.
///
/// `T` is dropped in a callback of RCU, where nothing may sleep.
///
/// # Invariants
///
/// The pointer is valid, and the value owns one count of its target's reference count.
pub(crate) struct RcuArc<T: 'static> {
    ptr: NonNull<Inner<T>>,
    _owns: PhantomData<Inner<T>>,
}

// SAFETY: References from any number of threads share the `T`, and the last of them passes it on to
// another context to be dropped.
unsafe impl<T: Send + Sync> Send for RcuArc<T> {}
// SAFETY: As above; a shared `RcuArc` can be cloned.
unsafe impl<T: Send + Sync> Sync for RcuArc<T> {}

// The value is a pointer: moving it does not move the `T`.
impl<T> Unpin for RcuArc<T> {}

impl<T: Send + Sync> RcuArc<T> {
    /// Allocates and initialises an object with one reference.
    pub(crate) fn pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<Self>
    where
        Error: From<E>,
    {
        Ok(RcuReservation::new(flags)?.try_fill(init)?)
    }

    /// Allocates an object with one reference.
    pub(crate) fn new(value: T, flags: Flags) -> Result<Self> {
        Ok(RcuReservation::new(flags)?.fill(value))
    }

    /// Borrows the object as lock-free readers do.
    #[inline]
    pub(crate) fn borrow(&self) -> RcuRef<'_, T> {
        // INVARIANT: `self` keeps the object alive while it is borrowed.
        RcuRef {
            ptr: self.ptr,
            _lives: PhantomData,
        }
    }

    /// Whether two references are to the same object.
    #[inline]
    pub(crate) fn ptr_eq(&self, other: &Self) -> bool {
        self.ptr == other.ptr
    }

    /// Gives the reference away as a pointer to the `T`; [`Self::from_raw`] is the counterpart.
    #[inline]
    pub(in crate::kapi) fn into_raw(self) -> *const T {
        let ptr = self.ptr.as_ptr();
        core::mem::forget(self);
        // SAFETY: By the type invariants, `ptr` is valid.
        unsafe { &raw const (*ptr).data }
    }

    /// Takes a reference back.
    ///
    /// # Safety
    ///
    /// `data` must come from [`Self::into_raw`], whose count is not used again.
    #[inline]
    pub(in crate::kapi) unsafe fn from_raw(data: *const T) -> Self {
        // SAFETY: By the caller's promise, `data` is the field of an `Inner`.
        let ptr = unsafe { kernel::container_of!(data, Inner<T>, data) };
        Self {
            // SAFETY: As above, so it isn't null.
            ptr: unsafe { NonNull::new_unchecked(ptr.cast_mut()) },
            _owns: PhantomData,
        }
    }
}

/// Memory for an object that is made later, when nothing may fail any more.
pub(crate) struct RcuReservation<T: 'static>(KBox<MaybeUninit<Inner<T>>>);

impl<T: Send + Sync> RcuReservation<T> {
    /// Allocates the memory.
    pub(crate) fn new(flags: Flags) -> Result<Self> {
        Ok(Self(KBox::new_uninit(flags)?))
    }

    /// Makes the object, with one reference.
    pub(crate) fn fill(self, init: impl PinInit<T, Infallible>) -> RcuArc<T> {
        match self.try_fill(init) {
            Ok(arc) => arc,
            Err(never) => match never {},
        }
    }

    fn try_fill<E>(self, init: impl PinInit<T, E>) -> Result<RcuArc<T>, E> {
        let inner = self.0.write_pin_init(try_pin_init!(Inner {
            refcount: Refcount::new(1),
            head: Opaque::uninit(),
            data <- init,
        }? E))?;
        // SAFETY: The target stays where it is until it is dropped in `reclaim`.
        let ptr = KBox::into_raw(unsafe { Pin::into_inner_unchecked(inner) });
        // INVARIANT: The reference count was made with one count, which is this value's.
        Ok(RcuArc {
            // SAFETY: A box is never null.
            ptr: unsafe { NonNull::new_unchecked(ptr) },
            _owns: PhantomData,
        })
    }
}

impl<T> RcuArc<T> {
    /// How many bytes are allocated for an object.
    pub(crate) const SIZE: usize = size_of::<Inner<T>>();

    /// Takes a reference to an object, unless its last one has been dropped: then the object may be
    /// half-way through being dropped itself.
    ///
    /// # Safety
    ///
    /// `data` must come from [`RcuRef::as_data`], and the object's memory must still be valid.
    #[inline]
    pub(in crate::kapi) unsafe fn try_from_data(data: *const T) -> Option<Self> {
        // SAFETY: By the caller's promise, `data` is the field of an `Inner`.
        let ptr = unsafe { kernel::container_of!(data, Inner<T>, data) };
        // SAFETY: As above, so it isn't null, and its memory is valid.
        unsafe { Self::try_new(NonNull::new_unchecked(ptr.cast_mut())) }
    }

    /// # Safety
    ///
    /// The memory of the target must be valid.
    #[inline]
    unsafe fn try_new(ptr: NonNull<Inner<T>>) -> Option<Self> {
        // SAFETY: By the caller's promise. Nothing but the count is touched.
        let refcount = unsafe { &(*ptr.as_ptr()).refcount };
        // INVARIANT: The count just added is the new reference's.
        refcount.inc_not_zero().then(|| Self {
            ptr,
            _owns: PhantomData,
        })
    }
}

impl<T> Deref for RcuArc<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: By the type invariants, the object is alive and only shared.
        unsafe { &(*self.ptr.as_ptr()).data }
    }
}

impl<T> Clone for RcuArc<T> {
    #[inline]
    fn clone(&self) -> Self {
        // SAFETY: By the type invariants, the object is alive.
        unsafe { (*self.ptr.as_ptr()).refcount.inc() };
        // INVARIANT: The count just added is the clone's.
        Self {
            ptr: self.ptr,
            _owns: PhantomData,
        }
    }
}

impl<T> Drop for RcuArc<T> {
    #[inline]
    fn drop(&mut self) {
        let inner = self.ptr.as_ptr();
        // SAFETY: By the type invariants, the object is alive, and the count given up is ours.
        if unsafe { (*inner).refcount.dec_and_test() } {
            // SAFETY: Nobody else has a reference any more or can get one, so the head is used
            // once; `reclaim` gets the pointer it expects.
            unsafe { call((*inner).head.get(), reclaim::<T>) };
        }
    }
}

/// Frees an object whose grace period is over.
///
/// # Safety
///
/// `head` must be the head of an `Inner<T>` whose reference count has dropped to zero at least a
/// grace period ago.
unsafe extern "C" fn reclaim<T>(head: *mut bindings::callback_head) {
    let head = Opaque::cast_from(head);
    // SAFETY: By the caller's promise.
    let inner = unsafe { kernel::container_of!(head, Inner<T>, head) }.cast_mut();
    // SAFETY: It came out of a box, and neither references nor readers are left.
    drop(unsafe { KBox::from_raw(inner) });
    called();
}

/// Has `reclaim` called after a grace period. [`drain`] waits for it.
///
/// # Safety
///
/// `head` must be valid and nobody else's until then. `reclaim` must be sound to call with it, in a
/// callback of RCU, and must call [`called`] once, at its end.
#[inline]
unsafe fn call(
    head: *mut bindings::callback_head,
    reclaim: unsafe extern "C" fn(*mut bindings::callback_head),
) {
    PENDING.fetch_add(1, Ordering::Relaxed);
    // SAFETY: By the caller's promise.
    unsafe { bindings::call_rcu_hurry(head, Some(reclaim)) };
}

/// Counts a callback of [`call`] out.
#[inline]
fn called() {
    PENDING.fetch_sub(1, Ordering::Release);
}

/// Frees memory that begins with `head` after a grace period, without a callback of ours: many are freed
/// at once, and [`drain`] need not wait for it.
///
/// # Safety
///
/// The memory must have come out of a `KBox`, and not be used afterwards but by readers that began
/// before. What is in it is not dropped.
#[inline]
pub(super) unsafe fn free(head: *mut bindings::callback_head) {
    // SAFETY: By the caller's promise; a `KBox` is what `kfree()` frees.
    unsafe { bindings::kfree_rcu(head) };
}

/// Waits until all that was given up before has been dropped, and what that gave up in turn, to a
/// depth of three.
///
/// To be called in process context.
pub(crate) fn barrier() {
    for _ in 0..3 {
        rcu::rcu_barrier();
    }
}

/// Waits until everything that was given up has been dropped, and what that gave up in turn.
///
/// To be called in process context, after the last user is gone: a module whose callbacks are still
/// to run must not be unloaded.
pub(crate) fn drain() {
    loop {
        rcu::rcu_barrier();
        if PENDING.load(Ordering::Acquire) == 0 {
            break;
        }
    }
    // The last callback may have counted itself out without having returned yet.
    rcu::rcu_barrier();
}

/// A borrow of an object that may lose its last reference meanwhile, but not its memory.
///
/// # Invariants
///
/// The object is not dropped before `'a` ends.
pub(crate) struct RcuRef<'a, T: 'static> {
    ptr: NonNull<Inner<T>>,
    _lives: PhantomData<&'a T>,
}

impl<T> Clone for RcuRef<'_, T> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for RcuRef<'_, T> {}

impl<'a, T: Send + Sync> RcuRef<'a, T> {
    /// Takes a reference, unless the last one has been dropped already.
    #[inline]
    pub(crate) fn try_get(self) -> Option<RcuArc<T>> {
        // SAFETY: By the type invariants, the memory is valid.
        unsafe { RcuArc::try_new(self.ptr) }
    }

    /// Borrows the object for as long as the critical section lasts.
    #[inline]
    pub(crate) fn get(self) -> &'a T {
        // SAFETY: By the type invariants.
        unsafe { &(*self.ptr.as_ptr()).data }
    }

    /// The object as a pointer for [`RcuArc::try_from_data`]: unlike one made of a reference, it is
    /// good for the reference count as well.
    #[inline]
    pub(in crate::kapi) fn as_data(self) -> *const T {
        // SAFETY: By the type invariants, the memory is valid.
        unsafe { &raw const (*self.ptr.as_ptr()).data }
    }

    /// Whether this is a borrow of the object that `other` refers to.
    #[inline]
    pub(crate) fn is(self, other: &RcuArc<T>) -> bool {
        self.ptr == other.ptr
    }

    /// Whether two borrows are of one object.
    #[inline]
    pub(crate) fn same(self, other: RcuRef<'_, T>) -> bool {
        self.ptr == other.ptr
    }
}

impl<T> Deref for RcuRef<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: By the type invariants.
        unsafe { &(*self.ptr.as_ptr()).data }
    }
}

/// A reference in something that lock-free readers find, which is let go of while some may still be there.
///
/// # Invariants
///
/// The pointer owns one count of its target's reference count, until [`Self::let_go`] has been called.
pub(super) struct RcuLink<T: 'static>(NonNull<Inner<T>>);

impl<T> RcuLink<T> {
    pub(super) fn new(target: RcuArc<T>) -> Self {
        let ptr = target.ptr;
        core::mem::forget(target);
        // INVARIANT: The count passes to this value.
        Self(ptr)
    }

    /// Borrows the object.
    ///
    /// # Safety
    ///
    /// The reference must not be let go of before `'a` ends, unless that is the end of a critical section
    /// which had begun before.
    #[inline]
    pub(super) unsafe fn borrow<'a>(&self) -> RcuRef<'a, T> {
        // INVARIANT: By the type invariants, the object has a reference for as long, or lost its last one
        // in the critical section: then it is dropped after that at the earliest.
        RcuRef {
            ptr: self.0,
            _lives: PhantomData,
        }
    }

    /// Takes the reference, which those who borrow the object do not notice.
    ///
    /// # Safety
    ///
    /// To be called once.
    pub(super) unsafe fn let_go(&self) -> RcuArc<T> {
        // INVARIANT: The count passes to the caller; by their promise it is still there.
        RcuArc {
            ptr: self.0,
            _owns: PhantomData,
        }
    }
}

/// A place that publishes an object to lock-free readers.
///
/// # Invariants
///
/// The pointer is null, or owns one count of its target's reference count.
pub(crate) struct RcuCell<T: 'static> {
    ptr: AtomicPtr<Inner<T>>,
    _owns: PhantomData<RcuArc<T>>,
}

// SAFETY: The cell gives out shared borrows and references, as an `RcuArc` does.
unsafe impl<T: Send + Sync> Send for RcuCell<T> {}
// SAFETY: As above.
unsafe impl<T: Send + Sync> Sync for RcuCell<T> {}

// As for `RcuArc`.
impl<T> Unpin for RcuCell<T> {}

impl<T: Send + Sync> RcuCell<T> {
    /// Creates a cell with nothing in it.
    pub(crate) const fn empty() -> Self {
        Self {
            ptr: AtomicPtr::new(ptr::null_mut()),
            _owns: PhantomData,
        }
    }

    /// Creates a cell.
    pub(crate) fn new(value: Option<RcuArc<T>>) -> Self {
        Self {
            ptr: AtomicPtr::new(into_ptr(value)),
            _owns: PhantomData,
        }
    }

    /// Borrows what is published now.
    #[inline]
    pub(crate) fn load<'a>(&self, _rcu: Rcu<'a>) -> Option<RcuRef<'a, T>> {
        // What C gets by an address dependency costs an acquire here: Rust has no name for the
        // former. It is free on x86.
        let ptr = NonNull::new(self.ptr.load(Ordering::Acquire))?;
        // INVARIANT: What the cell owned in the critical section is dropped after it at the
        // earliest: `RcuArc` waits for a grace period.
        Some(RcuRef {
            ptr,
            _lives: PhantomData,
        })
    }

    /// Takes a reference to what is published now.
    pub(crate) fn get(&self) -> Option<RcuArc<T>> {
        let guard = rcu::read_lock();
        self.load(Rcu::from(&guard))?.try_get()
    }

    /// Whether nothing is published.
    #[inline]
    pub(crate) fn is_none(&self) -> bool {
        self.ptr.load(Ordering::Relaxed).is_null()
    }

    /// Publishes another object and returns the one before.
    #[inline]
    pub(crate) fn replace(&self, value: Option<RcuArc<T>>) -> Option<RcuArc<T>> {
        let old = self.ptr.swap(into_ptr(value), Ordering::AcqRel);
        // INVARIANT: The cell's count on `old` passes to the caller.
        NonNull::new(old).map(|ptr| RcuArc {
            ptr,
            _owns: PhantomData,
        })
    }
}

impl<T> Drop for RcuCell<T> {
    fn drop(&mut self) {
        if let Some(ptr) = NonNull::new(*self.ptr.get_mut()) {
            // INVARIANT: The cell's count passes to the value dropped here.
            drop(RcuArc {
                ptr,
                _owns: PhantomData,
            });
        }
    }
}

/// The pointer of a cell that holds `value`.
#[inline]
fn into_ptr<T>(value: Option<RcuArc<T>>) -> *mut Inner<T> {
    let ptr = value
        .as_ref()
        .map_or(ptr::null_mut(), |arc| arc.ptr.as_ptr());
    core::mem::forget(value);
    ptr
}

// SAFETY: `__enqueue` uses the `Work` field of the object, which was set up by `Work::new` with the
// `run` below, since `T`'s pointer type is this one.
unsafe impl<T, const ID: u64> WorkItemPointer<ID> for RcuArc<T>
where
    T: Send + Sync + WorkItem<ID, Pointer = Self> + HasWork<T, ID>,
{
    unsafe extern "C" fn run(ptr: *mut bindings::work_struct) {
        let work = ptr.cast::<Work<T, ID>>();
        // SAFETY: `__enqueue` passed the `Work` field of an object it leaked a reference to.
        let data = unsafe { T::work_container_of(work) };
        // SAFETY: As above; the reference comes back here, once.
        T::run(unsafe { Self::from_raw(data) })
    }
}

// SAFETY: The work is valid during the call, since we hold a reference, and until it runs, since
// that reference is leaked if it was queued.
unsafe impl<T, const ID: u64> RawWorkItem<ID> for RcuArc<T>
where
    T: Send + Sync + WorkItem<ID, Pointer = Self> + HasWork<T, ID>,
{
    type EnqueueOutput = Result<(), Self>;

    unsafe fn __enqueue<F>(self, queue_work_on: F) -> Self::EnqueueOutput
    where
        F: FnOnce(*mut bindings::work_struct) -> bool,
    {
        let data = self.into_raw().cast_mut();
        // SAFETY: The object is alive, so its work can be pointed at.
        let work = unsafe { Work::raw_get(T::raw_get_work(data)) };
        if queue_work_on(work) {
            Ok(())
        } else {
            // SAFETY: The queue has not taken the reference.
            Err(unsafe { Self::from_raw(data) })
        }
    }
}
