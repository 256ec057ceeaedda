// SPDX-License-Identifier: GPL-2.0

//! The profiles of a device, for who wants them.
//!
//! One whose special packets do not fit goes on in the next message, as one that has only its number and
//! more of them.

use kernel::prelude::*;

use super::{put_settings, put_specials};
use crate::{
    guise::Guise,
    kapi::net::genetlink::{Progress, Writer},
    netlink::uapi::*,
    wardrobe::Wardrobe, //
};

/// Where a dump goes on with profiles.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Next {
    /// At the first of this number or a higher one.
    number: u8,
    /// At this special packet, if all else of it was shown.
    special: Option<usize>,
}

impl Next {
    /// At the beginning.
    pub(super) const FIRST: Self = Self {
        number: 1,
        special: None,
    };
}

/// Writes profiles from `next` on until there is no more room, and moves `next` on.
pub(super) fn put(
    message: &mut Writer<'_>,
    wardrobe: &Wardrobe,
    next: &mut Next,
) -> Result<Progress> {
    let first = next.number;
    let mut profiles = wardrobe
        .profiles()
        .skip_while(|guise| guise.number() < first)
        .peekable();
    if profiles.peek().is_none() {
        return Ok(Progress::Done);
    }
    let Ok(mut list) = message.nest(WGDEVICE_A_PROFILES) else {
        return Ok(Progress::More);
    };
    let mut is_empty = true;
    let mut progress = Progress::Done;
    for guise in profiles {
        let number = guise.number();
        // One that was removed amid its special packets is not the one found.
        let from = next.special.filter(|_| number == first);
        let Ok(rest) = put_profile(&mut list, guise, from) else {
            progress = Progress::More;
            break;
        };
        is_empty = false;
        *next = match rest {
            Some(_) => Next {
                number,
                special: rest,
            },
            None => Next {
                number: number.saturating_add(1),
                special: None,
            },
        };
        if rest.is_some() {
            progress = Progress::More;
            break;
        }
    }
    if is_empty {
        drop(list);
    } else {
        list.end()?;
    }
    Ok(progress)
}

/// Writes a profile, or with `from` only its special packets from there on.
///
/// Returns where to go on within the profile, unless it is complete. On error nothing is written.
fn put_profile(list: &mut Writer<'_>, guise: &Guise, from: Option<usize>) -> Result<Option<usize>> {
    let mut nest = list.nest(ELEMENT)?;
    nest.put_u8(WGPROFILE_A_NUMBER, guise.number())?;
    if from.is_none() {
        put_settings(&mut nest, guise.profile().settings())?;
    }
    let mut next = from.unwrap_or(0);
    let progress = put_specials(&mut nest, guise, &mut next);
    if progress == Progress::More && from == Some(next) {
        return Err(EMSGSIZE);
    }
    nest.end()?;
    Ok((progress == Progress::More).then_some(next))
}
