// SPDX-License-Identifier: GPL-2.0

//! What a request says of the looks that a device has: its own, and the profiles of single peers.
//!
//! One that is not there is made by the first request that names it, as WireGuard's; then, as with the
//! device's own, what is not mentioned stays. Elements count one after the other, so a profile that is
//! removed first is set whole.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    super::uapi::*,
    guise::{self, Find},
    request::{elements, PeerRequest},
    supplies::NO_MEMORY, //
};
use crate::{
    config::{Configuration, NewWardrobe},
    guise::Guise,
    kapi::net::genetlink::{Attr, Info, Table},
    wardrobe::{Draft, PROFILES}, //
};

type ProfileTable<'a> = Table<'a, { WGDEVICE_A_DISABLE_COOKIES as usize + 1 }>;

/// Prepares to look as a request says. [`None`] if nothing is to change.
pub(super) fn prepare(
    request: &Info<'_>,
    config: &Configuration<'_>,
) -> Result<Option<NewWardrobe>> {
    let find: Find<'_, '_> = &|ty| request.attr(ty);
    let (own, profiles) = (guise::mention(find), request.attr(WGDEVICE_A_PROFILES));
    let Some(attr) = own.or(profiles) else {
        return Ok(None);
    };
    let before = config.wardrobe();
    let mut draft = Draft::of(before.as_deref());
    if let Some(attr) = own {
        let made = make(request, find, attr, 0, draft.get(0))?;
        draft.put(0, Some(made));
    }
    for element in elements(profiles) {
        change(request, element, &mut draft)?;
    }
    if draft.is_in(before.as_deref()) {
        return Ok(None);
    }
    config
        .prepare_wardrobe(draft)
        .map(Some)
        .map_err(|error| request.refuse_at(attr, error, NO_MEMORY))
}

/// Makes the guise of a number that a request says, of what was there `before`.
fn make<'a>(
    request: &Info<'_>,
    find: Find<'_, 'a>,
    blamed: Attr<'a>,
    number: u8,
    before: Option<&Guise>,
) -> Result<Arc<Guise>> {
    let (settings, specials) = guise::read(request, find, before)?;
    Guise::new(number, settings, &specials)
        .and_then(|guise| Ok(Arc::new(guise, GFP_KERNEL)?))
        .map_err(|error| request.refuse_at(blamed, error, NO_MEMORY))
}

/// Does to a draft what one element of the list of profiles says.
fn change(request: &Info<'_>, element: Attr<'_>, draft: &mut Draft) -> Result {
    let refuse = |attr, why| request.refuse_at(attr, EINVAL, why);
    let table: ProfileTable<'_> = element
        .nested()
        .map_err(|_| refuse(element, c"a profile is a list of attributes"))?;
    let find: Find<'_, '_> = &|ty| table.get(ty);
    let attr =
        find(WGPROFILE_A_NUMBER).ok_or_else(|| refuse(element, c"a profile needs a number"))?;
    let number = attr.u8()?;
    if !(1..=PROFILES).contains(&number) {
        return Err(refuse(attr, c"the number of a profile is 1 to 7"));
    }
    let flags = find(WGPROFILE_A_FLAGS);
    let flags = flags.as_ref().map_or(Ok(0), Attr::u32)?;
    if flags & WGPROFILE_F_REMOVE_ME != 0 {
        if let Some(attr) = guise::mention(find) {
            return Err(refuse(attr, c"a profile that is removed has no settings"));
        }
        draft.put(number, None);
        return Ok(());
    }
    let made = make(request, find, element, number, draft.get(number))?;
    draft.put(number, Some(made));
    Ok(())
}

/// Refuses a peer with a profile that there will not be.
pub(super) fn check(
    request: &Info<'_>,
    peer: &PeerRequest<'_>,
    wardrobe: Option<&NewWardrobe>,
    config: &Configuration<'_>,
) -> Result {
    match &peer.profile {
        Some(profile) if !config.will_have_profile(wardrobe, profile.value) => {
            Err(request.refuse_at(profile.attr, ENOENT, c"there is no profile of this number"))
        }
        _ => Ok(()),
    }
}
