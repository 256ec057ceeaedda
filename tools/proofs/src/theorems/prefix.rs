// SPDX-License-Identifier: GPL-2.0

//! Prefixes are sets of addresses, and the arithmetic is right about these sets. For IPv4 and IPv6,
//! all addresses and lengths.

use super::{given, prove, reached};
use crate::proto::prefix::{Address, Prefix};

macro_rules! prefix_theorems {
    ($int:ident) => {
        pub mod $int {
            use super::*;

            const BITS: u8 = <$int>::BITS as u8;

            /// What the first `len` bits are, said otherwise than in the code: half as many ones at
            /// a time would be too long, so zeros are shifted in from the left.
            fn mask(len: u8) -> $int {
                if len >= BITS {
                    $int::MAX
                } else {
                    !($int::MAX >> len)
                }
            }

            fn any(address: $int, len: u8) -> Option<Prefix<$int>> {
                Prefix::new(address, len).ok()
            }

            pub mod theorems {
                use super::*;

                #[export_name = concat!(stringify!($int), "_masked_keeps_the_first_bits")]
                pub fn masked_keeps_the_first_bits(address: $int, len: u8) {
                    prove!(address.masked(len) == address & mask(len));
                    reached!();
                }

                #[export_name = concat!(stringify!($int), "_bits_count_from_the_left")]
                pub fn bits_count_from_the_left(address: $int, at: u8) {
                    let expected = at < BITS && (address << at) >> (BITS - 1) == 1;
                    prove!(address.bit(at) == expected);
                    reached!();
                }

                #[export_name = concat!(stringify!($int), "_common_bits_end_where_addresses_differ")]
                pub fn common_bits_end_where_addresses_differ(a: $int, b: $int, at: u8) {
                    let common = a.common_bits(b);
                    prove!(common <= BITS && common == b.common_bits(a));
                    prove!((common == BITS) == (a == b));
                    if at < common {
                        prove!(a.bit(at) == b.bit(at));
                    }
                    if common < BITS {
                        prove!(a.bit(common) != b.bit(common));
                        reached!();
                    }
                }

                #[export_name = concat!(stringify!($int), "_new_clears_the_rest")]
                pub fn new_clears_the_rest(address: $int, len: u8) {
                    let Ok(prefix) = Prefix::new(address, len) else {
                        prove!(len > BITS);
                        reached!();
                        return;
                    };
                    prove!(len <= BITS && prefix.len() == len);
                    prove!(prefix.address() == address & mask(len));
                    prove!(prefix.contains(address));
                    reached!();
                }

                #[export_name = concat!(stringify!($int), "_host_is_one_address")]
                pub fn host_is_one_address(address: $int, other: $int) {
                    let host = Prefix::<$int>::host(address);
                    prove!(host.len() == BITS && host.address() == address);
                    prove!(host.contains(other) == (address == other));
                    reached!();
                }

                #[export_name = concat!(stringify!($int), "_contains_those_with_its_bits")]
                pub fn contains_those_with_its_bits(address: $int, len: u8, other: $int) {
                    let Some(prefix) = any(address, len) else { return };
                    prove!(prefix.contains(other) == ((address ^ other) & mask(len) == 0));
                    reached!();
                }

                /// What is covered is a subset.
                #[export_name = concat!(stringify!($int), "_covers_only_subsets")]
                pub fn covers_only_subsets(a: $int, a_len: u8, b: $int, b_len: u8, member: $int) {
                    let (Some(a), Some(b)) = (any(a, a_len), any(b, b_len)) else {
                        return;
                    };
                    given!(a.covers(&b) && b.contains(member));
                    prove!(a.contains(member));
                    reached!();
                }

                /// What is not covered is no subset: the lowest address, or that in the upper half,
                /// is outside.
                #[export_name = concat!(stringify!($int), "_covers_all_subsets")]
                pub fn covers_all_subsets(a: $int, a_len: u8, b: $int, b_len: u8) {
                    let (Some(a), Some(b)) = (any(a, a_len), any(b, b_len)) else {
                        return;
                    };
                    given!(!a.covers(&b));
                    let low = b.address();
                    let high = low | (mask(b_len) ^ mask(b_len.saturating_add(1)));
                    prove!(b.contains(low) && b.contains(high));
                    prove!(!a.contains(low) || !a.contains(high));
                    reached!();
                }

                #[export_name = concat!(stringify!($int), "_covers_is_an_order")]
                pub fn covers_is_an_order(a: $int, a_len: u8, b: $int, b_len: u8, c: $int, c_len: u8) {
                    let (Some(a), Some(b), Some(c)) = (any(a, a_len), any(b, b_len), any(c, c_len))
                    else {
                        return;
                    };
                    prove!(a.covers(&a));
                    if a.covers(&b) && b.covers(&a) {
                        prove!(a == b);
                        reached!();
                    }
                    if a.covers(&b) && b.covers(&c) {
                        prove!(a.covers(&c));
                        reached!();
                    }
                }

                /// No two prefixes overlap but by one covering the other.
                #[export_name = concat!(stringify!($int), "_prefixes_are_nested_or_apart")]
                pub fn prefixes_are_nested_or_apart(a: $int, a_len: u8, b: $int, b_len: u8, in_both: $int) {
                    let (Some(a), Some(b)) = (any(a, a_len), any(b, b_len)) else {
                        return;
                    };
                    given!(a.contains(in_both) && b.contains(in_both));
                    prove!(a.covers(&b) || b.covers(&a));
                    reached!();
                }

                #[export_name = concat!(stringify!($int), "_common_covers_both")]
                pub fn common_covers_both(a: $int, a_len: u8, b: $int, b_len: u8) {
                    let (Some(a), Some(b)) = (any(a, a_len), any(b, b_len)) else {
                        return;
                    };
                    let common = a.common(&b);
                    prove!(common.covers(&a) && common.covers(&b));
                    prove!(common == b.common(&a));
                    prove!(any(common.address(), common.len()) == Some(common));
                    prove!((common == a) == a.covers(&b));
                    reached!();
                }

                #[export_name = concat!(stringify!($int), "_common_is_the_longest")]
                pub fn common_is_the_longest(a: $int, a_len: u8, b: $int, b_len: u8, c: $int, c_len: u8) {
                    let (Some(a), Some(b), Some(c)) = (any(a, a_len), any(b, b_len), any(c, c_len))
                    else {
                        return;
                    };
                    given!(c.covers(&a) && c.covers(&b));
                    prove!(c.covers(&a.common(&b)));
                    reached!();
                }

                /// What neither covers the other goes different ways from what they have in common.
                #[export_name = concat!(stringify!($int), "_branches_part")]
                pub fn branches_part(a: $int, a_len: u8, b: $int, b_len: u8) {
                    let (Some(a), Some(b)) = (any(a, a_len), any(b, b_len)) else {
                        return;
                    };
                    given!(!a.covers(&b) && !b.covers(&a));
                    let common = a.common(&b);
                    prove!(common.branch(a.address()) != common.branch(b.address()));
                    prove!(common.len() < a.len() && common.len() < b.len());
                    reached!();
                }

                /// A longer prefix inside has one branch: all that it contains goes there.
                #[export_name = concat!(stringify!($int), "_branch_is_of_the_whole_prefix")]
                pub fn branch_is_of_the_whole_prefix(a: $int, a_len: u8, b: $int, b_len: u8, member: $int) {
                    let (Some(a), Some(b)) = (any(a, a_len), any(b, b_len)) else {
                        return;
                    };
                    given!(a.covers(&b) && a != b && b.contains(member));
                    prove!(a.branch(member) == a.branch(b.address()));
                    reached!();
                }
            }
        }
    };
}

prefix_theorems!(u32);
prefix_theorems!(u128);
