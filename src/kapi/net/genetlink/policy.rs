// SPDX-License-Identifier: GPL-2.0

//! Attribute policies: what the core checks before a handler sees a request.
//!
//! C header: [`include/net/netlink.h`](srctree/include/net/netlink.h)

use crate::bindings;

/// What the core accepts for one attribute type.
///
/// A policy table is a slice indexed by attribute type. Handlers of this abstraction are always
/// validated strictly: a type beyond the end of the table or without a policy of its own, trailing
/// bytes, a scalar of another size, and a missing or unexpected `NLA_F_NESTED` are all refused.
///
/// # Invariants
///
/// Pointers in the inner structure point to statics, and match its type.
#[repr(transparent)]
pub(crate) struct Policy(bindings::nla_policy);

// SAFETY: By the type invariants this is constant data.
unsafe impl Sync for Policy {}

impl Policy {
    /// The attribute is refused; also what belongs at index 0.
    pub(crate) const REJECT: Self = Self::new(bindings::NLA_UNSPEC, Check::None, 0);

    /// Nothing but that it is there.
    pub(crate) const FLAG: Self = Self::new(bindings::NLA_FLAG, Check::None, 0);

    /// Attributes that nothing is known of.
    pub(crate) const NESTED: Self = Self::new(bindings::NLA_NESTED, Check::None, 0);

    /// A terminated string of any length.
    pub(crate) const NUL_STRING: Self = Self::new(bindings::NLA_NUL_STRING, Check::None, 0);

    /// A `u8`.
    pub(crate) const U8: Self = Self::new(bindings::NLA_U8, Check::None, 0);

    /// A `u16`.
    pub(crate) const U16: Self = Self::new(bindings::NLA_U16, Check::None, 0);

    /// A `u32`.
    pub(crate) const U32: Self = Self::new(bindings::NLA_U32, Check::None, 0);

    /// A `u64`.
    pub(crate) const U64: Self = Self::new(bindings::NLA_U64, Check::None, 0);

    /// A `u16` that is no larger than `max`.
    pub(crate) const fn max_u16(max: i16) -> Self {
        Self::new(bindings::NLA_U16, Check::Range(0, max), 0)
    }

    /// A `u32` with no other bits than those of `mask`.
    pub(crate) const fn mask_u32(mask: u32) -> Self {
        Self::new(bindings::NLA_U32, Check::Mask(mask), 0)
    }

    /// Exactly `len` bytes.
    pub(crate) const fn exact_len(len: i16) -> Self {
        Self::len_between(len, len)
    }

    /// From `min` to `max` bytes.
    pub(crate) const fn len_between(min: i16, max: i16) -> Self {
        Self::new(bindings::NLA_BINARY, Check::Range(min, max), 0)
    }

    /// At least `len` bytes.
    pub(crate) const fn min_len(len: i16) -> Self {
        Self::new(bindings::NLA_BINARY, Check::Min(len), 0)
    }

    /// A terminated string of at most `max` bytes, not counting the terminator.
    pub(crate) const fn nul_string(max: u16) -> Self {
        Self::new(bindings::NLA_NUL_STRING, Check::None, max)
    }

    /// Elements of any type, each of which holds attributes that obey `element`.
    pub(crate) const fn nested_array(element: &'static [Policy]) -> Self {
        Self::new(
            bindings::NLA_NESTED_ARRAY,
            Check::Nested(element),
            max_type(element) as u16,
        )
    }

    const fn new(ty: u32, check: Check, len: u16) -> Self {
        let (validation, argument) = check.encode();
        // INVARIANT: The only pointer that `encode` makes is that of a static slice, and only
        // `nested_array`, whose type it matches, asks for it.
        Self(bindings::nla_policy {
            type_: ty as u8,
            validation_type: validation as u8,
            len,
            __bindgen_anon_1: argument,
        })
    }
}

/// The highest attribute type in a table.
#[allow(clippy::arithmetic_side_effects, reason = "tables are not empty")]
pub(super) const fn max_type(table: &[Policy]) -> usize {
    assert!(
        !table.is_empty() && table.len() <= u16::MAX as usize,
        "a policy table has an entry for type 0, and types are 16 bits"
    );
    table.len() - 1
}

/// What a policy checks beyond the type, and the argument that this takes.
#[derive(Clone, Copy)]
enum Check {
    None,
    Mask(u32),
    Min(i16),
    Range(i16, i16),
    Nested(&'static [Policy]),
}

impl Check {
    const fn encode(
        self,
    ) -> (
        bindings::nla_policy_validation,
        bindings::nla_policy__bindgen_ty_1,
    ) {
        use bindings::nla_policy__bindgen_ty_1 as Argument;

        // The union is zeroed first: its variants are shorter than it is.
        let mut argument: Argument = pin_init::zeroed();
        let validation = match self {
            Self::None => bindings::nla_policy_validation_NLA_VALIDATE_NONE,
            Self::Mask(mask) => {
                argument.mask = mask;
                bindings::nla_policy_validation_NLA_VALIDATE_MASK
            }
            Self::Min(min) => {
                argument.__bindgen_anon_1 = limits(min, 0);
                bindings::nla_policy_validation_NLA_VALIDATE_MIN
            }
            Self::Range(min, max) => {
                argument.__bindgen_anon_1 = limits(min, max);
                bindings::nla_policy_validation_NLA_VALIDATE_RANGE
            }
            Self::Nested(table) => {
                argument.nested_policy = table.as_ptr().cast();
                bindings::nla_policy_validation_NLA_VALIDATE_NONE
            }
        };
        (validation, argument)
    }
}

const fn limits(min: i16, max: i16) -> bindings::nla_policy__bindgen_ty_1__bindgen_ty_1 {
    bindings::nla_policy__bindgen_ty_1__bindgen_ty_1 { min, max }
}

#[kernel::macros::kunit_tests(genetlink_policy)]
mod tests {
    use super::*;

    static NESTED: [Policy; 2] = [Policy::REJECT, Policy::U8];

    static TABLE: [Policy; 14] = [
        Policy::U8,
        Policy::U16,
        Policy::U32,
        Policy::U64,
        Policy::mask_u32(0x8000_0007),
        Policy::exact_len(32),
        Policy::min_len(16),
        Policy::nul_string(15),
        Policy::max_u16(5000),
        Policy::FLAG,
        Policy::NUL_STRING,
        Policy::len_between(2, 22),
        Policy::NESTED,
        Policy::nested_array(&NESTED),
    ];

    fn words(policy: &Policy) -> (u8, u8, u16, usize) {
        let raw = &policy.0;
        // SAFETY: `encode` initialises the whole union, and so does a C initialiser of static
        // storage.
        let argument = unsafe { raw.__bindgen_anon_1.nested_policy };
        (raw.type_, raw.validation_type, raw.len, argument as usize)
    }

    #[test]
    fn policies_equal_those_of_the_c_macros() {
        // SAFETY: The function returns a table of as many entries as `TABLE` has.
        let expected = unsafe {
            core::slice::from_raw_parts(bindings::test_nla_policy().cast::<Policy>(), TABLE.len())
        };
        for (ours, theirs) in TABLE.iter().zip(expected).take(13) {
            assert_eq!(words(ours), words(theirs));
        }
        let (ours, theirs) = (words(&TABLE[13]), words(&expected[13]));
        assert_eq!((ours.0, ours.1, ours.2), (theirs.0, theirs.1, theirs.2));
        assert_eq!(ours.3, NESTED.as_ptr() as usize);
    }
}
