// SPDX-License-Identifier: GPL-2.0

//! What a request says of how messages are to look: AmneziaWG's attributes.
//!
//! What it does not mention stays as it is. Whatever one of AmneziaWG's versions sends is understood:
//! the tool goes by the version of the family, but there are old tools. Checked is what comes of
//! it all together, so that settings may change places in one request.

use kernel::prelude::*;

use super::{super::uapi::*, request::range};
use crate::{
    crypto::Key,
    guise::{Guise, Settings, SpecialTexts},
    kapi::{
        net::genetlink::{Attr, Info},
        string, //
    },
    proto::awg::{settings::HeaderPair, Refusal, Setting, Span, Special, SPECIALS},
};

/// Finds what a request says of one guise: the attribute of a type.
pub(super) type Find<'f, 'a> = &'f dyn Fn(u16) -> Option<Attr<'a>>;

/// An attribute that says something of a guise, if there is one.
pub(super) fn mention<'a>(find: Find<'_, 'a>) -> Option<Attr<'a>> {
    let mut types = WGDEVICE_A_JC..=WGDEVICE_A_DISABLE_COOKIES;
    types.find_map(find)
}

/// Reads how messages are to look that have looked like `before`.
pub(super) fn read<'t, 'a: 't>(
    request: &Info<'_>,
    find: Find<'_, 'a>,
    before: Option<&'t Guise>,
) -> Result<(Settings, SpecialTexts<'t>)> {
    let mut settings = before.map_or_else(Settings::default, |guise| {
        guise.profile().settings().duplicate()
    });
    read_settings(request, find, &mut settings)?;
    settings
        .check()
        .map_err(|refusal| refuse(request, find, refusal))?;
    Ok((settings, read_specials(request, find, before)?))
}

fn read_settings(request: &Info<'_>, find: Find<'_, '_>, settings: &mut Settings) -> Result {
    let [s1, s2, s3, s4] = &mut settings.prefixes;
    for (setting, place) in [
        (Setting::Jc, &mut settings.junk_count),
        (Setting::Jmin, &mut settings.junk_len.lo),
        (Setting::Jmax, &mut settings.junk_len.hi),
        (Setting::S1, s1),
        (Setting::S2, s2),
        (Setting::S3, s3),
        (Setting::S4, s4),
    ] {
        if let Some(attr) = find(attribute(setting)) {
            *place = attr.u16()?;
        }
    }
    let [h1, h2, h3, h4] = &mut settings.headers;
    for (setting, name, place) in [
        (Setting::H1, c"H1", h1),
        (Setting::H2, c"H2", h2),
        (Setting::H3, c"H3", h3),
        (Setting::H4, c"H4", h4),
    ] {
        if let Some(attr) = find(attribute(setting)) {
            const WHY: &CStr = c"must be a number of 32 bits or a range, as in 5-9";
            *place = header(attr.payload())
                .ok_or_else(|| request.refuse_named(attr, EINVAL, name, WHY))?;
        }
    }
    for (setting, place) in [
        (
            Setting::ContentPaddingAddition,
            &mut settings.content_padding,
        ),
        (Setting::RekeyAfterTime, &mut settings.rekey_after_time),
        (Setting::RekeyTimeout, &mut settings.rekey_timeout),
        (Setting::RejectAfterTime, &mut settings.reject_after_time),
        (Setting::KeepaliveTimeout, &mut settings.keepalive_timeout),
        (
            Setting::MaxHandshakeAttempts,
            &mut settings.max_handshake_attempts,
        ),
    ] {
        if let Some(attr) = find(attribute(setting)) {
            *place = range(attr.u32()?);
        }
    }
    for (ty, name, place) in [
        (
            WGDEVICE_A_RANDOM_TRAILERS,
            c"RandomTrailers",
            &mut settings.random_trailers,
        ),
        (
            WGDEVICE_A_DISABLE_COOKIES,
            c"DisableCookies",
            &mut settings.disable_cookies,
        ),
    ] {
        if let Some(attr) = find(ty) {
            *place = match attr.u8()? {
                0 => false,
                1 => true,
                _ => return Err(request.refuse_named(attr, EINVAL, name, c"must be 0 or 1")),
            };
        }
    }
    if let Some(attr) = find(WGDEVICE_A_HEADER_PROTECTION_KEY) {
        let bytes: &[u8; 32] = attr.array()?;
        let key = Key::fill_with(|key| key.copy_from_slice(bytes));
        settings.protection_key = (!key.is_zero()).then_some(key);
    }
    Ok(())
}

/// The texts of special packets; one that makes no packet unsets it.
fn read_specials<'t, 'a: 't>(
    request: &Info<'_>,
    find: Find<'_, 'a>,
    before: Option<&'t Guise>,
) -> Result<SpecialTexts<'t>> {
    let mut texts: SpecialTexts<'t> = [None; SPECIALS];
    let mut texts_before = before.map(Guise::special_texts);
    for (text, (ty, name)) in texts.iter_mut().zip([
        (WGDEVICE_A_I1, c"I1"),
        (WGDEVICE_A_I2, c"I2"),
        (WGDEVICE_A_I3, c"I3"),
        (WGDEVICE_A_I4, c"I4"),
        (WGDEVICE_A_I5, c"I5"),
    ]) {
        let text_before = texts_before.as_mut().and_then(Iterator::next).flatten();
        *text = match find(ty) {
            None => text_before,
            Some(attr) => {
                let text = attr.string()?;
                let special = Special::parse(string::bytes(text))
                    .map_err(|error| request.refuse_named(attr, EINVAL, name, error.text()))?;
                (!special.is_empty()).then_some(text)
            }
        };
    }
    Ok(texts)
}

/// Refuses a request, and points at what it says of the settings that are to blame.
fn refuse(request: &Info<'_>, find: Find<'_, '_>, refusal: Refusal) -> Error {
    let suspect = suspects(refusal).into_iter().find_map(find);
    match suspect {
        Some(attr) => request.refuse_at(attr, EINVAL, refusal.text()),
        None => request.refuse(EINVAL, refusal.text()),
    }
}

/// What may be to blame: one of two that do not go together may be as it was before.
fn suspects(refusal: Refusal) -> [u16; 2] {
    let other = match refusal {
        Refusal::PrefixTooShort(_) => {
            return [
                attribute(refusal.setting()),
                WGDEVICE_A_HEADER_PROTECTION_KEY,
            ]
        }
        Refusal::HeadersOverlap(pair) => match pair {
            HeaderPair::H1H2 | HeaderPair::H1H3 | HeaderPair::H1H4 => Setting::H1,
            HeaderPair::H2H3 | HeaderPair::H2H4 => Setting::H2,
            HeaderPair::H3H4 => Setting::H3,
        },
        Refusal::Inverted(Setting::Jmin) => Setting::Jmax,
        Refusal::EndsUnrenewed => Setting::RekeyAfterTime,
        _ => refusal.setting(),
    };
    [attribute(refusal.setting()), attribute(other)]
}

/// The attribute of a setting.
fn attribute(setting: Setting) -> u16 {
    match setting {
        Setting::Jc => WGDEVICE_A_JC,
        Setting::Jmin => WGDEVICE_A_JMIN,
        Setting::Jmax => WGDEVICE_A_JMAX,
        Setting::S1 => WGDEVICE_A_S1,
        Setting::S2 => WGDEVICE_A_S2,
        Setting::S3 => WGDEVICE_A_S3,
        Setting::S4 => WGDEVICE_A_S4,
        Setting::H1 => WGDEVICE_A_H1,
        Setting::H2 => WGDEVICE_A_H2,
        Setting::H3 => WGDEVICE_A_H3,
        Setting::H4 => WGDEVICE_A_H4,
        Setting::HeaderProtectionKey => WGDEVICE_A_HEADER_PROTECTION_KEY,
        Setting::ContentPaddingAddition => WGDEVICE_A_CONTENT_PADDING_ADDITION,
        Setting::RekeyAfterTime => WGDEVICE_A_REKEY_AFTER_TIME,
        Setting::RekeyTimeout => WGDEVICE_A_REKEY_TIMEOUT,
        Setting::RejectAfterTime => WGDEVICE_A_REJECT_AFTER_TIME,
        Setting::KeepaliveTimeout => WGDEVICE_A_KEEPALIVE_TIMEOUT,
        Setting::MaxHandshakeAttempts => WGDEVICE_A_MAX_HANDSHAKE_ATTEMPTS,
    }
}

/// A range of 32-bit numbers: both ends in 64 bits, as text, or one number.
///
/// Text is looked for first. Seven characters would be a range that ends before it begins; and few
/// numbers are three characters, which nobody may mean.
fn header(payload: &[u8]) -> Option<Span<u32>> {
    if let Some(span) = header_text(payload) {
        return Some(span);
    }
    if let Ok(&bytes) = payload.try_into() {
        let bits = u64::from_ne_bytes(bytes);
        return Some(Span::new(bits as u32, (bits >> 32) as u32));
    }
    let bytes = payload.try_into().ok()?;
    Some(Span::single(u32::from_ne_bytes(bytes)))
}

/// The text of one number or of two with a dash between them, and a NUL.
fn header_text(payload: &[u8]) -> Option<Span<u32>> {
    let (&0, text) = payload.split_last()? else {
        return None;
    };
    let mut parts = text.splitn(2, |&byte| byte == b'-');
    let lo = number(parts.next()?)?;
    let hi = parts.next().map_or(Some(lo), number)?;
    Some(Span::new(lo, hi))
}

/// The number that some digits are.
fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u32, |number, &digit| {
        let digit = digit.checked_sub(b'0').filter(|&digit| digit < 10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}
