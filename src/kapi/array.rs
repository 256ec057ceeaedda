// SPDX-License-Identifier: GPL-2.0

//! Arrays whose length is chosen when they are made.
//!
//! A `KVec` grows, and what the `kernel` crate checks then the compiler cannot always see to hold: a
//! way into a panic stays in the code. An array is made whole instead.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)

use core::{
    alloc::Layout,
    ops::{Deref, DerefMut},
    ptr::{self, NonNull},
    slice, //
};

use kernel::{
    alloc::{
        allocator::KVmalloc,
        Allocator,
        Flags,
        NumaNode, //
    },
    prelude::*, //
};

/// An array on the heap.
///
/// # Invariants
///
/// - `elements` is memory of `KVmalloc` for `layout`, which this value owns.
/// - The first `len` elements in it are valid.
pub(crate) struct Array<T> {
    elements: NonNull<T>,
    len: usize,
    layout: Layout,
}

// SAFETY: The elements are owned, so they pass on with the array.
unsafe impl<T: Send> Send for Array<T> {}
// SAFETY: Through `&self` there are only shared references to elements.
unsafe impl<T: Sync> Sync for Array<T> {}

impl<T> Array<T> {
    /// Makes so many elements, one after the other; the first error is the array's. May sleep.
    pub(crate) fn try_repeat_with(len: usize, make: impl FnMut() -> Result<T>) -> Result<Self> {
        Self::try_repeat_with_flags(len, GFP_KERNEL, make)
    }

    /// The same, with memory that is asked for in another way.
    pub(crate) fn try_repeat_with_flags(
        len: usize,
        flags: Flags,
        mut make: impl FnMut() -> Result<T>,
    ) -> Result<Self> {
        let layout = Layout::array::<T>(len).map_err(|_| ENOMEM)?;
        let memory = KVmalloc::alloc(layout, flags, NumaNode::NO_NODE)?;
        // INVARIANT: The memory is ours, and has no elements yet.
        let mut array = Self {
            elements: memory.cast(),
            len: 0,
            layout,
        };
        for index in 0..len {
            let element = make()?;
            // SAFETY: The memory has room for `len` elements, and `index` is below that.
            unsafe { array.elements.add(index).write(element) };
            // INVARIANT: One more is valid. The sum is at most `len`.
            array.len = index.wrapping_add(1);
        }
        Ok(array)
    }

    /// Copies elements. May sleep.
    pub(crate) fn copy_of(elements: &[T]) -> Result<Self>
    where
        T: Copy,
    {
        let mut rest = elements.iter();
        Self::try_repeat_with(elements.len(), || rest.next().copied().ok_or(EINVAL))
    }

    /// Forgets all elements, without dropping them; the array is empty then.
    pub(crate) fn forget(&mut self) {
        // INVARIANT: That none of them is valid any more holds for any elements.
        self.len = 0;
    }
}

impl<T> Deref for Array<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: By the type invariants, borrowed with `self`.
        unsafe { slice::from_raw_parts(self.elements.as_ptr(), self.len) }
    }
}

impl<T> DerefMut for Array<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: By the type invariants, borrowed mutably with `self`.
        unsafe { slice::from_raw_parts_mut(self.elements.as_ptr(), self.len) }
    }
}

impl<T> Drop for Array<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, the elements are valid and the memory is ours; neither is
        // used again.
        unsafe {
            ptr::drop_in_place::<[T]>(&mut **self);
            KVmalloc::free(self.elements.cast(), self.layout);
        }
    }
}

#[kernel::macros::kunit_tests(array)]
mod tests {
    use super::*;
    use core::cell::Cell;

    struct Counted<'a>(&'a Cell<u32>);

    impl<'a> Counted<'a> {
        fn new(alive: &'a Cell<u32>) -> Self {
            alive.set(alive.get() + 1);
            Self(alive)
        }
    }

    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }

    #[test]
    fn elements_are_in_order_and_may_change() {
        let mut next = 0;
        let mut array = Array::try_repeat_with(1000, || {
            next += 1;
            Ok(next)
        })
        .unwrap();
        assert_eq!(array.len(), 1000);
        assert!(array.iter().copied().eq(1..=1000));
        array.reverse();
        assert_eq!(array.first().copied(), Some(1000));
    }

    #[test]
    fn a_copy_has_the_same_elements() {
        let array = Array::copy_of(b"wg0").unwrap();
        assert_eq!(&*array, b"wg0");
        assert!(Array::<u8>::copy_of(&[]).unwrap().is_empty());
    }

    #[test]
    fn there_may_be_none() {
        let array = Array::try_repeat_with(0, || Ok(1_u64)).unwrap();
        assert!(array.is_empty());
    }

    #[test]
    fn each_element_is_dropped_once() {
        let alive = Cell::new(0);
        let array = Array::try_repeat_with(70, || Ok(Counted::new(&alive))).unwrap();
        assert_eq!(alive.get(), 70);
        drop(array);
        assert_eq!(alive.get(), 0);
    }

    #[test]
    fn what_is_forgotten_is_not_dropped() {
        let alive = Cell::new(0);
        let mut array = Array::try_repeat_with(70, || Ok(Counted::new(&alive))).unwrap();
        array.forget();
        assert!(array.is_empty());
        drop(array);
        assert_eq!(alive.get(), 70);
    }

    #[test]
    fn an_error_in_the_middle_leaves_nothing() {
        let alive = Cell::new(0);
        let result = Array::try_repeat_with(70, || {
            if alive.get() == 33 {
                return Err(EBUSY);
            }
            Ok(Counted::new(&alive))
        });
        assert!(matches!(result, Err(error) if error == EBUSY));
        assert_eq!(alive.get(), 0);
    }

    #[test]
    fn a_size_beyond_all_memory_is_an_error() {
        assert!(Array::try_repeat_with(usize::MAX / 2, || Ok(1_u64)).is_err());
    }
}
