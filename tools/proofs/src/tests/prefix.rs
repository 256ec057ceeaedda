// SPDX-License-Identifier: GPL-2.0

//! Prefixes as what they are: sets. The generic code, on addresses of eight bits that are written
//! here without a shift, for all pairs. This looks at the arithmetic from another side than the
//! theorems do: there a mask is as good as a set.

use crate::proto::prefix::{Address, Prefix};

/// An address by its bits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Bits([bool; 8]);

impl Address for Bits {
    const BITS: u8 = 8;

    fn masked(self, len: u8) -> Self {
        Self(std::array::from_fn(|at| at < len as usize && self.0[at]))
    }

    fn common_bits(self, other: Self) -> u8 {
        let same = |(a, b): &(bool, bool)| a == b;
        self.0.into_iter().zip(other.0).take_while(same).count() as u8
    }

    fn bit(self, at: u8) -> bool {
        self.0.get(at as usize).copied().unwrap_or(false)
    }
}

fn address(number: usize) -> Bits {
    Bits(std::array::from_fn(|at| (number >> (7 - at)) & 1 == 1))
}

/// A set of addresses, a bit for each.
type Set = [u128; 2];

fn members(set: &Set) -> impl Iterator<Item = usize> + '_ {
    (0..256).filter(|n| (set[n / 128] >> (n % 128)) & 1 == 1)
}

fn is_subset(small: &Set, large: &Set) -> bool {
    small[0] & !large[0] == 0 && small[1] & !large[1] == 0
}

fn count(set: &Set) -> u32 {
    set[0].count_ones() + set[1].count_ones()
}

/// All prefixes, and which addresses are in them: those that `contains` says.
fn all() -> Vec<(Prefix<Bits>, Set)> {
    let mut prefixes = Vec::new();
    for len in 0..=8 {
        for number in (0..256).step_by(1 << (8 - len)) {
            let prefix = Prefix::new(address(number), len).unwrap();
            let mut set = [0; 2];
            for n in (0..256).filter(|n| prefix.contains(address(*n))) {
                set[n / 128] |= 1 << (n % 128);
            }
            prefixes.push((prefix, set));
        }
    }
    prefixes
}

#[test]
fn a_prefix_is_a_run_of_addresses() {
    for (prefix, set) in all() {
        let members: Vec<_> = members(&set).collect();
        assert_eq!(members.len(), 256 >> prefix.len());
        assert_eq!(address(members[0]), prefix.address());
        assert!(members.windows(2).all(|pair| pair[1] == pair[0] + 1));
    }
}

#[test]
fn covering_is_inclusion_for_all_pairs() {
    for (a, a_set) in all() {
        for (b, b_set) in all() {
            assert_eq!(a.covers(&b), is_subset(&b_set, &a_set), "{a:?} {b:?}");
        }
    }
}

/// Of all prefixes that include both, the common one is the smallest.
#[test]
fn common_is_the_smallest_for_all_pairs() {
    let all = all();
    for (a, a_set) in &all {
        for (b, b_set) in &all {
            let smallest = all
                .iter()
                .filter(|(_, set)| is_subset(a_set, set) && is_subset(b_set, set))
                .min_by_key(|(_, set)| count(set));
            assert_eq!(Some(a.common(b)), smallest.map(|(prefix, _)| *prefix));
        }
    }
}

#[test]
fn a_branch_is_a_half() {
    for (prefix, set) in all().into_iter().filter(|(prefix, _)| prefix.len() < 8) {
        let members: Vec<_> = members(&set).collect();
        let upper = members.iter().skip(members.len() / 2);
        let branches = members.iter().filter(|n| prefix.branch(address(**n)));
        assert!(branches.eq(upper), "{prefix:?}");
    }
}
