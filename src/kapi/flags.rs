// SPDX-License-Identifier: GPL-2.0

//! Flags that C takes as plain numbers.

/// Declares a type of flags that are combined by `|`.
///
/// Where it is declared, constants of it say what there is. Nobody else can make other ones: some
/// bits are C's own, and some promise what only C code can keep.
macro_rules! flag_set {
    ($(#[$attribute:meta])* $name:ident: $bits:ty) => {
        $(#[$attribute])*
        #[derive(Clone, Copy)]
        pub(crate) struct $name($bits);

        impl ::core::ops::BitOr for $name {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }
    };
}

pub(in crate::kapi) use flag_set;
