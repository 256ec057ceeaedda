// SPDX-License-Identifier: GPL-2.0

//! What the core checks of attributes, as in `__nla_validate_parse()` and `validate_nla()` with
//! `NL_VALIDATE_STRICT`, for the kinds of policies that there are here.

use kernel::prelude::*;

use crate::bindings;

pub(crate) struct Policy(Kind);

enum Kind {
    Unspec,
    /// Of this length exactly.
    Scalar(usize),
    MaxU16(u16),
    Mask(u32),
    Binary {
        min: usize,
        max: usize,
    },
    NulString(usize),
    Nested,
    NestedArray(&'static [Policy]),
}

impl Policy {
    pub(crate) const REJECT: Self = Self(Kind::Unspec);
    pub(crate) const FLAG: Self = Self::len_between(0, 0);
    pub(crate) const NESTED: Self = Self(Kind::Nested);
    pub(crate) const NUL_STRING: Self = Self(Kind::NulString(usize::MAX - 1));
    pub(crate) const U8: Self = Self(Kind::Scalar(1));
    pub(crate) const U16: Self = Self(Kind::Scalar(2));
    pub(crate) const U32: Self = Self(Kind::Scalar(4));
    pub(crate) const U64: Self = Self(Kind::Scalar(8));

    pub(crate) const fn max_u16(max: i16) -> Self {
        Self(Kind::MaxU16(max as u16))
    }

    pub(crate) const fn mask_u32(mask: u32) -> Self {
        Self(Kind::Mask(mask))
    }

    pub(crate) const fn exact_len(len: i16) -> Self {
        Self::len_between(len, len)
    }

    pub(crate) const fn len_between(min: i16, max: i16) -> Self {
        Self(Kind::Binary {
            min: min as usize,
            max: max as usize,
        })
    }

    pub(crate) const fn min_len(len: i16) -> Self {
        Self(Kind::Binary {
            min: len as usize,
            max: u16::MAX as usize,
        })
    }

    pub(crate) const fn nul_string(max: u16) -> Self {
        Self(Kind::NulString(max as usize))
    }

    pub(crate) const fn nested_array(element: &'static [Policy]) -> Self {
        Self(Kind::NestedArray(element))
    }

    fn check(&self, payload: &[u8], is_nested: bool) -> Result {
        let len = payload.len();
        match self.0 {
            Kind::Scalar(right) if len != right => return Err(EINVAL),
            Kind::MaxU16(_) if len != 2 => return Err(EINVAL),
            Kind::Mask(_) if len != 4 => return Err(EINVAL),
            Kind::Unspec => return Err(EINVAL),
            _ if is_nested != matches!(self.0, Kind::Nested | Kind::NestedArray(_)) => {
                return Err(EINVAL)
            }
            _ => {}
        }
        match self.0 {
            Kind::Unspec | Kind::Scalar(_) => Ok(()),
            Kind::MaxU16(max) => {
                let value = u16::from_ne_bytes(payload.try_into().map_err(|_| EINVAL)?);
                (value <= max).then_some(()).ok_or(ERANGE)
            }
            Kind::Mask(mask) => {
                let value = u32::from_ne_bytes(payload.try_into().map_err(|_| EINVAL)?);
                (value & !mask == 0).then_some(()).ok_or(EINVAL)
            }
            Kind::Binary { min, max } => (min..=max).contains(&len).then_some(()).ok_or(ERANGE),
            Kind::NulString(max) => check_string(payload, max),
            Kind::Nested => (!(1..HEADER).contains(&len)).then_some(()).ok_or(ERANGE),
            Kind::NestedArray(policy) => check_array(payload, policy),
        }
    }
}

fn check_string(payload: &[u8], max: usize) -> Result {
    let searched = &payload[..payload.len().min(max + 1)];
    if !searched.contains(&0) {
        return Err(EINVAL);
    }
    let len = payload.len() - usize::from(payload.ends_with(&[0]));
    (len <= max).then_some(()).ok_or(ERANGE)
}

fn check_array(mut stream: &[u8], policy: &[Policy]) -> Result {
    if !stream.is_empty() && stream.len() < HEADER {
        return Err(ERANGE);
    }
    while let Some((_, payload, rest)) = next(stream) {
        stream = rest;
        match payload.len() {
            0 => {}
            1..HEADER => return Err(ERANGE),
            _ => validate(payload, policy)?,
        }
    }
    Ok(())
}

/// Checks a stream of attributes to its end.
pub(super) fn validate(mut stream: &[u8], policy: &[Policy]) -> Result {
    while let Some((ty, payload, rest)) = next(stream) {
        stream = rest;
        let (number, is_nested) = (
            ty & bindings::NLA_TYPE_MASK as u16,
            ty & bindings::NLA_F_NESTED as u16 != 0,
        );
        if number == 0 {
            return Err(EINVAL);
        }
        let policy = policy.get(usize::from(number)).ok_or(EINVAL)?;
        policy.check(payload, is_nested)?;
    }
    stream.is_empty().then_some(()).ok_or(EINVAL)
}

const HEADER: usize = 4;

/// `nla_ok()` and `nla_next()`: the first attribute's type and payload, and what comes behind it.
fn next(stream: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    if stream.len() < HEADER {
        return None;
    }
    let len = usize::from(u16::from_ne_bytes([stream[0], stream[1]]));
    let ty = u16::from_ne_bytes([stream[2], stream[3]]);
    if len < HEADER || len > stream.len() {
        return None;
    }
    let end = len.next_multiple_of(4).min(stream.len());
    Some((ty, &stream[HEADER..len], &stream[end..]))
}
