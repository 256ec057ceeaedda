// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Ranges that numbers are drawn from.

/// From `lo` to `hi`, both included. Settings that were checked have none that ends before it begins;
/// of such a one all that is said is `lo`.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Span<T> {
    /// The least.
    pub lo: T,
    /// The greatest.
    pub hi: T,
}

impl<T: Copy> Span<T> {
    /// From `lo` to `hi`.
    #[must_use]
    pub const fn new(lo: T, hi: T) -> Self {
        Self { lo, hi }
    }

    /// One number.
    #[must_use]
    pub const fn single(value: T) -> Self {
        Self {
            lo: value,
            hi: value,
        }
    }
}

macro_rules! impl_span {
    ($int:ident) => {
        impl Span<$int> {
            /// Whether it ends before it begins.
            #[must_use]
            pub const fn is_inverted(self) -> bool {
                self.lo > self.hi
            }

            /// Whether it is zero alone, which is how settings say "not set".
            #[must_use]
            pub const fn is_zero(self) -> bool {
                self.lo == 0 && self.hi == 0
            }

            /// Whether `value` is in it.
            #[inline]
            #[must_use]
            pub const fn contains(self, value: $int) -> bool {
                self.lo <= value && value <= self.hi
            }

            /// Whether both have a number in common.
            #[must_use]
            pub const fn overlaps(self, other: Self) -> bool {
                self.lo <= other.hi && other.lo <= self.hi
            }

            /// Maps 32 random bits evenly to the range.
            #[inline]
            #[must_use]
            pub const fn pick(self, random: u32) -> $int {
                // At most 2^32 numbers: the product fits 64 bits, and its upper half is below that.
                let count = (self.hi.saturating_sub(self.lo) as u64).wrapping_add(1);
                self.lo
                    .saturating_add(((random as u64).wrapping_mul(count) >> 32) as $int)
            }
        }
    };
}

impl_span!(u16);
impl_span!(u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_reach_both_ends_and_no_further() {
        for span in [
            Span::<u32>::new(0, u32::MAX),
            Span::new(7, 7),
            Span::new(5, 1 << 31),
            Span::new(u32::MAX - 1, u32::MAX),
        ] {
            assert_eq!(span.pick(0), span.lo);
            assert_eq!(span.pick(u32::MAX), span.hi);
        }
        assert_eq!(Span::<u16>::new(0, u16::MAX).pick(u32::MAX), u16::MAX);
        assert_eq!(Span::<u32>::new(0, u32::MAX).pick(0x1234_5678), 0x1234_5678);
    }

    #[test]
    fn picks_are_even() {
        // Each third of the random numbers is one number of three.
        let span = Span::<u16>::new(10, 12);
        let third = u32::MAX / 3;
        assert_eq!((span.pick(third), span.pick(third + 1)), (10, 11));
        assert_eq!((span.pick(2 * third), span.pick(2 * third + 2)), (11, 12));
        let mut counts = [0; 3];
        for n in 0..3_000 {
            counts[usize::from(span.pick(n * (u32::MAX / 3_000)) - 10)] += 1;
        }
        assert!(counts.iter().all(|count| (999..=1001).contains(count)));
    }

    #[test]
    fn of_an_inverted_one_the_beginning_counts() {
        let span = Span::<u16>::new(9, 3);
        assert!(span.is_inverted() && !span.contains(5));
        assert_eq!(span.pick(u32::MAX), 9);
    }

    #[test]
    fn overlaps_at_the_ends() {
        let span = Span::<u32>::new(10, 20);
        for (lo, hi, overlaps) in [
            (0, 9, false),
            (0, 10, true),
            (12, 13, true),
            (20, 20, true),
            (21, 30, false),
            (0, 99, true),
        ] {
            let other = Span::new(lo, hi);
            assert_eq!(span.overlaps(other), overlaps);
            assert_eq!(other.overlaps(span), overlaps);
        }
    }

    #[test]
    fn only_zero_alone_is_zero() {
        assert!(Span::<u16>::default().is_zero());
        assert!(!Span::<u16>::new(0, 1).is_zero() && !Span::<u16>::single(1).is_zero());
    }
}
