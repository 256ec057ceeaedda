// SPDX-License-Identifier: GPL-2.0

//! The settings that make a tunnel AmneziaWG's: their names in files, their numbers in netlink, and where they are
//! in what the driver's own code checks.

use wireguard_proto::awg::{Span, SPECIALS};
use wireguard_proto::rustcrypto::RustCrypto;

use crate::values;
use crate::Result;

pub type Settings = wireguard_proto::awg::settings::Settings<RustCrypto>;
pub type Key = wireguard_proto::noise::Key<RustCrypto>;

/// One of them.
pub struct Setting {
    /// In files.
    pub name: &'static str,
    /// In the family `amneziawg`, version 3.
    pub attribute: u16,
    /// For people.
    pub what: &'static str,
    /// What goes wrong if the ends of a tunnel differ in it; nothing for those that are up to each end.
    pub unless_shared: Option<&'static str>,
    place: fn(&mut Settings) -> Place<'_>,
}

/// Where a value is, by its kind.
enum Place<'a> {
    Number(&'a mut u16),
    Header(&'a mut Span<u32>),
    Range(&'a mut Span<u16>),
    Switch(&'a mut bool),
    Secret(&'a mut Option<Key>),
}

const NO_HANDSHAKE: Option<&str> = Some("no handshake is completed");
const NO_COOKIE: Option<&str> = Some("handshakes under load fail");
const NO_DATA: Option<&str> = Some("handshakes are completed and all data are lost");

macro_rules! setting {
    ($name:ident $attribute:literal $kind:ident($($place:tt)+) $unless_shared:expr, $what:literal) => {
        Setting {
            name: stringify!($name),
            attribute: $attribute,
            what: $what,
            unless_shared: $unless_shared,
            place: |settings| Place::$kind(&mut settings.$($place)+),
        }
    };
}

/// All but I1 to I5, in the order in which files have them.
pub const SETTINGS: [Setting; 20] = [
    setting!(S1 12 Number(prefixes[0]) NO_HANDSHAKE, "random bytes before an initiation"),
    setting!(S2 13 Number(prefixes[1]) NO_HANDSHAKE, "random bytes before a response"),
    setting!(S3 19 Number(prefixes[2]) NO_COOKIE, "random bytes before a cookie reply"),
    setting!(S4 20 Number(prefixes[3]) NO_DATA, "random bytes before data"),
    setting!(H1 14 Header(headers[0]) NO_HANDSHAKE, "type of an initiation"),
    setting!(H2 15 Header(headers[1]) NO_HANDSHAKE, "type of a response"),
    setting!(H3 16 Header(headers[2]) NO_COOKIE, "type of a cookie reply"),
    setting!(H4 17 Header(headers[3]) NO_DATA, "type of data"),
    setting!(HeaderProtectionKey 26 Secret(protection_key) NO_HANDSHAKE, "masks headers"),
    setting!(RandomTrailers 33 Switch(random_trailers) NO_HANDSHAKE,
        "random bytes behind handshake messages"),
    setting!(Jc 9 Number(junk_count) None, "packets of junk before an initiation"),
    setting!(Jmin 10 Number(junk_len.lo) None, "bytes of each, at least"),
    setting!(Jmax 11 Number(junk_len.hi) None, "bytes of each, at most"),
    setting!(ContentPaddingAddition 27 Range(content_padding) None,
        "zeros behind a packet, encrypted"),
    setting!(RekeyAfterTime 28 Range(rekey_after_time) None,
        "age in seconds at which a session is renewed"),
    setting!(RekeyTimeout 29 Range(rekey_timeout) None,
        "seconds until an initiation is repeated"),
    setting!(RejectAfterTime 30 Range(reject_after_time) None,
        "age in seconds at which a session ends"),
    setting!(KeepaliveTimeout 31 Range(keepalive_timeout) None,
        "seconds until data are answered by a keepalive"),
    setting!(MaxHandshakeAttempts 32 Range(max_handshake_attempts) None,
        "how often an initiation is repeated"),
    setting!(DisableCookies 34 Switch(disable_cookies) None,
        "no answer to handshakes under load"),
];

/// I1 to I5, and the attribute of I1.
pub const SPECIAL_NAMES: [&str; SPECIALS] = ["I1", "I2", "I3", "I4", "I5"];
pub const FIRST_SPECIAL: u16 = 21;

impl Setting {
    /// By its name, in any case.
    pub fn find(name: &str) -> Option<&'static Self> {
        const ALL: &[Setting] = &SETTINGS;
        ALL.iter()
            .find(|setting| setting.name.eq_ignore_ascii_case(name))
    }

    /// Reads what a file says. The error follows the name.
    pub fn parse(&self, settings: &mut Settings, text: &str) -> Result {
        match (self.place)(settings) {
            Place::Number(place) => *place = values::number(text, u16::MAX)?,
            Place::Header(place) => *place = values::header(text)?,
            Place::Range(place) => *place = values::range(text)?,
            Place::Switch(place) => *place = values::switch(text)?,
            Place::Secret(place) => *place = Some(values::key(text)?).filter(|key| !key.is_zero()),
        }
        Ok(())
    }

    /// What a file says to have it so.
    pub fn text(&self, settings: &Settings) -> String {
        match (self.place)(&mut settings.duplicate()) {
            Place::Number(place) => place.to_string(),
            Place::Header(place) => span_text(place.lo, place.hi),
            Place::Range(place) => span_text(place.lo, place.hi),
            Place::Switch(place) => String::from(if *place { "on" } else { "off" }),
            Place::Secret(place) => values::base64(key_or_zeros(place).as_bytes()),
        }
    }

    /// Whether it must not be shown.
    pub fn is_secret(&self) -> bool {
        matches!((self.place)(&mut Settings::default()), Place::Secret(_))
    }

    /// Whether both have the same.
    pub fn agrees(&self, one: &Settings, other: &Settings) -> bool {
        match (
            (self.place)(&mut one.duplicate()),
            (self.place)(&mut other.duplicate()),
        ) {
            (Place::Secret(one), Place::Secret(other)) => {
                key_or_zeros(one).ct_eq(&key_or_zeros(other))
            }
            _ => self.text(one) == self.text(other),
        }
    }

    pub fn is_default(&self, settings: &Settings) -> bool {
        self.agrees(settings, &Settings::default())
    }

    /// Leaves of a range that ends before it begins the beginning.
    pub fn straighten(&self, settings: &mut Settings) {
        match (self.place)(settings) {
            Place::Header(place) => place.hi = place.lo.max(place.hi),
            Place::Range(place) => place.hi = place.lo.max(place.hi),
            _ => {}
        }
    }

    /// As netlink has it.
    pub fn encode(&self, settings: &Settings) -> Vec<u8> {
        match (self.place)(&mut settings.duplicate()) {
            Place::Number(place) => place.to_ne_bytes().into(),
            Place::Header(place) => ((u64::from(place.hi) << 32) | u64::from(place.lo))
                .to_ne_bytes()
                .into(),
            Place::Range(place) => encode_range(*place).to_ne_bytes().into(),
            Place::Switch(place) => vec![u8::from(*place)],
            Place::Secret(place) => key_or_zeros(place).as_bytes().to_vec(),
        }
    }

    /// Reads what netlink has; [`None`] if it is something else.
    pub fn decode(&self, settings: &mut Settings, bytes: &[u8]) -> Option<()> {
        match (self.place)(settings) {
            Place::Number(place) => *place = u16::from_ne_bytes(bytes.try_into().ok()?),
            Place::Header(place) => {
                let bits = u64::from_ne_bytes(bytes.try_into().ok()?);
                *place = Span::new(bits as u32, (bits >> 32) as u32);
            }
            Place::Range(place) => *place = decode_range(bytes)?,
            Place::Switch(place) => *place = *bytes.first()? != 0,
            Place::Secret(place) => {
                let bytes: &[u8; 32] = bytes.try_into().ok()?;
                *place = Some(Key::fill_with(|key| *key = *bytes)).filter(|key| !key.is_zero());
            }
        }
        Some(())
    }
}

/// A range of 32 bits, with the end in the upper half.
pub fn encode_range(span: Span<u16>) -> u32 {
    (u32::from(span.hi) << 16) | u32::from(span.lo)
}

pub fn decode_range(bytes: &[u8]) -> Option<Span<u16>> {
    let bits = u32::from_ne_bytes(bytes.try_into().ok()?);
    Some(Span::new(bits as u16, (bits >> 16) as u16))
}

/// No key is as good as one of zeros.
fn key_or_zeros(key: &Option<Key>) -> Key {
    key.as_ref().map_or_else(Key::zeroed, Key::duplicate)
}

pub fn span_text<T: PartialEq + std::fmt::Display>(lo: T, hi: T) -> String {
    match lo == hi {
        true => lo.to_string(),
        false => format!("{lo}-{hi}"),
    }
}

/// The first version of AmneziaWG that has all that is set, or WireGuard.
pub fn version(settings: &Settings, specials: &[Option<String>; SPECIALS]) -> &'static str {
    let sets = |names: &[&str]| {
        names
            .iter()
            .filter_map(|name| Setting::find(name))
            .any(|setting| !setting.is_default(settings))
    };
    let has_ranges = settings.headers.iter().any(|span| span.lo != span.hi);
    if sets(&["RandomTrailers", "DisableCookies"]) {
        "AmneziaWG 3.1"
    } else if sets(&[
        "HeaderProtectionKey",
        "ContentPaddingAddition",
        "RekeyAfterTime",
        "RekeyTimeout",
        "RejectAfterTime",
        "KeepaliveTimeout",
        "MaxHandshakeAttempts",
    ]) {
        "AmneziaWG 3.0"
    } else if sets(&["S3", "S4"]) || has_ranges || specials.iter().any(Option::is_some) {
        "AmneziaWG 2.0"
    } else if settings.is_plain() {
        "WireGuard"
    } else {
        "AmneziaWG 1.0"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By names, what may be set in each.
    fn texts() -> [(&'static str, String); 20] {
        SETTINGS.map(|setting| {
            let text = match (setting.place)(&mut Settings::default()) {
                Place::Number(_) => "300".into(),
                Place::Header(_) => "70000-4294967295".into(),
                Place::Range(_) => "7-65535".into(),
                Place::Switch(_) => "on".into(),
                Place::Secret(_) => values::base64(&[9; 32]),
            };
            (setting.name, text)
        })
    }

    #[test]
    fn each_is_read_and_written_in_its_own_place() {
        for (name, text) in texts() {
            let setting = Setting::find(&name.to_uppercase()).unwrap();
            let mut settings = Settings::default();
            assert!(setting.is_default(&settings), "{name}");
            setting.parse(&mut settings, &text).unwrap();
            assert_eq!(setting.text(&settings), text, "{name}");
            let changed = SETTINGS.iter().filter(|other| !other.is_default(&settings));
            assert!(changed.map(|other| other.name).eq([name]));
        }
    }

    #[test]
    fn each_passes_through_netlink() {
        for (name, text) in texts() {
            let setting = Setting::find(name).unwrap();
            let (mut there, mut back) = (Settings::default(), Settings::default());
            setting.parse(&mut there, &text).unwrap();
            let bytes = setting.encode(&there);
            assert_eq!(setting.decode(&mut back, &bytes), Some(()), "{name}");
            assert!(setting.agrees(&there, &back), "{name}");
            assert_eq!(setting.decode(&mut back, &[]), None, "{name}");
        }
    }

    #[test]
    fn ranges_have_their_ends_in_the_upper_half() {
        let mut settings = Settings::default();
        settings.headers[0] = Span::new(2, 3);
        settings.content_padding = Span::new(4, 5);
        let encode = |name| Setting::find(name).unwrap().encode(&settings);
        assert_eq!(encode("H1"), 0x3_0000_0002_u64.to_ne_bytes());
        assert_eq!(encode("ContentPaddingAddition"), 0x5_0004_u32.to_ne_bytes());
    }

    #[test]
    fn attributes_and_names_differ() {
        for (at, setting) in SETTINGS.iter().enumerate() {
            let specials = FIRST_SPECIAL..FIRST_SPECIAL + SPECIALS as u16;
            assert!(!specials.contains(&setting.attribute));
            for other in &SETTINGS[at + 1..] {
                assert!(other.attribute != setting.attribute && other.name != setting.name);
            }
        }
    }

    #[test]
    fn versions_are_those_that_brought_a_setting() {
        let of = |lines: &[(&str, &str)]| {
            let (mut settings, mut specials) = (Settings::default(), [const { None }; SPECIALS]);
            for (name, text) in lines {
                match Setting::find(name) {
                    Some(setting) => setting.parse(&mut settings, text).unwrap(),
                    None => specials[0] = Some(String::from(*text)),
                }
            }
            version(&settings, &specials)
        };
        assert_eq!(of(&[]), "WireGuard");
        assert_eq!(of(&[("Jc", "4"), ("Jmax", "9")]), "AmneziaWG 1.0");
        assert_eq!(of(&[("H1", "9")]), "AmneziaWG 1.0");
        assert_eq!(of(&[("H1", "9-10")]), "AmneziaWG 2.0");
        assert_eq!(of(&[("I1", "<t>")]), "AmneziaWG 2.0");
        assert_eq!(of(&[("S4", "9"), ("RekeyTimeout", "3")]), "AmneziaWG 3.0");
        assert_eq!(of(&[("DisableCookies", "on")]), "AmneziaWG 3.1");
    }
}
