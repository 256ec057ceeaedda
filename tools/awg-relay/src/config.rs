// SPDX-License-Identifier: GPL-2.0

//! The file of settings: what AmneziaWG has in its files, and where the two ends are. Keys are written as
//! they are there, in any case.
//!
//! ```text
//! [Interface]
//! PublicKey = …                  of the WireGuard end beside us
//! Device = 127.0.0.1:51820       where that listens
//! Inside = 127.0.0.1:7000        where it believes its peer to be: there we listen for it
//! Listen = 0.0.0.0:51821         where we listen for the other end
//! Jc = 4                         and all that follows from there: Jmin, Jmax, S1 to S4, H1 to H4, I1 to I5,
//!                                HeaderProtectionKey, RandomTrailers, DisableCookies
//! [Peer]
//! PublicKey = …                  of the other end
//! Endpoint = 192.0.2.1:51820     where that is; left out, we wait for it
//! ```

use std::{collections::BTreeMap, net::SocketAddr, ops::RangeInclusive, str::FromStr};

use base64::{engine::general_purpose::STANDARD, Engine};

use crate::{
    format::{Format, MASK_NONCE},
    message::Kind,
    special::{Before, Special, LONGEST},
};

/// What is up to an end itself.
const OF_ENDS: [&str; 10] = [
    "privatekey",
    "address",
    "mtu",
    "contentpaddingaddition",
    "rekeyaftertime",
    "rekeytimeout",
    "rejectaftertime",
    "keepalivetimeout",
    "maxhandshakeattempts",
    "persistentkeepalive",
];

#[derive(Clone, Debug)]
pub struct Config {
    pub public_key: [u8; 32],
    pub device: SocketAddr,
    pub inside: SocketAddr,
    pub listen: SocketAddr,
    pub peer_public_key: [u8; 32],
    pub endpoint: Option<SocketAddr>,
    pub format: Format,
    pub before: Before,
    pub disable_cookies: bool,
}

impl Config {
    /// An error says in one line what to do.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut interface = Section::read("Interface", text)?;
        let mut peer = Section::read("Peer", text)?;
        let this = Self {
            public_key: interface.needed("PublicKey", key)?,
            device: interface.needed("Device", address)?,
            inside: interface.needed("Inside", address)?,
            listen: interface.needed("Listen", address)?,
            peer_public_key: peer.needed("PublicKey", key)?,
            endpoint: peer.optional("Endpoint", address)?,
            format: format(&mut interface)?,
            before: before(&mut interface)?,
            disable_cookies: interface
                .optional("DisableCookies", switch)?
                .unwrap_or(false),
        };
        interface.ends()?;
        peer.ends()?;
        Ok(this)
    }
}

fn format(from: &mut Section<'_>) -> Result<Format, String> {
    let mut format = Format::default();
    for kind in Kind::ALL {
        let number = kind.plain_type();
        if let Some(prefix) = from.optional(&format!("S{number}"), length)? {
            format.prefixes[kind as usize] = prefix;
        }
        if let Some(range) = from.optional(&format!("H{number}"), range)? {
            format.headers[kind as usize] = range;
        }
    }
    // All zero is none, as in AmneziaWG.
    let key = from.optional("HeaderProtectionKey", key)?;
    format.protection = key.filter(|key| *key != [0; 32]);
    format.trailers = from.optional("RandomTrailers", switch)?.unwrap_or(false);
    check(&format)?;
    Ok(format)
}

/// What cannot work together.
fn check(format: &Format) -> Result<(), String> {
    for kind in Kind::ALL {
        let number = kind.plain_type();
        if format.prefix(kind) + kind.size() > LONGEST {
            return Err(format!(
                "S{number} leaves no room for the message: take a few bytes"
            ));
        }
        if format.protection.is_some() && format.prefix(kind) < MASK_NONCE {
            return Err(format!(
                "S{number} is too short for HeaderProtectionKey: set at least {MASK_NONCE}"
            ));
        }
        for later in Kind::ALL.into_iter().skip(number as usize) {
            let (one, other) = (
                &format.headers[kind as usize],
                &format.headers[later as usize],
            );
            if one.start() <= other.end() && other.start() <= one.end() {
                let later = later.plain_type();
                return Err(format!("H{number} and H{later} overlap: take ranges apart"));
            }
        }
    }
    Ok(())
}

fn before(from: &mut Section<'_>) -> Result<Before, String> {
    let mut special = Vec::new();
    for number in 1..=5 {
        special.extend(
            from.optional(&format!("I{number}"), Special::parse)?
                .flatten(),
        );
    }
    let least = from.optional("Jmin", length)?.unwrap_or(0);
    let most = from.optional("Jmax", length)?.unwrap_or(0);
    if least > most {
        return Err(format!(
            "Jmin = {least} is more than Jmax = {most}: exchange them"
        ));
    }
    Ok(Before {
        special,
        junk: from.optional("Jc", length)?.unwrap_or(0),
        junk_length: least..=most,
    })
}

/// What is set in one section, less what was asked for.
struct Section<'a> {
    name: &'a str,
    /// By names in lower case: the number of the line, and the value.
    set: BTreeMap<String, (usize, &'a str)>,
}

impl<'a> Section<'a> {
    fn read(name: &'a str, text: &'a str) -> Result<Self, String> {
        let mut set = BTreeMap::new();
        let mut is_in = None;
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or("").trim();
            if let Some(section) = line.strip_prefix('[') {
                is_in = Some(section_of(number, section)?.eq_ignore_ascii_case(name));
            } else if is_in.is_none() && !line.is_empty() {
                return Err(format!(
                    "line {number}: {line:?} is in no section: write [Interface] before it"
                ));
            } else if is_in == Some(true) && !line.is_empty() {
                let (key, value) = line.split_once('=').ok_or_else(|| {
                    format!("line {number}: {line:?} sets nothing: write KEY = VALUE")
                })?;
                let key = key.trim();
                if set
                    .insert(key.to_lowercase(), (number, value.trim()))
                    .is_some()
                {
                    return Err(format!(
                        "line {number}: {key} is set a second time: leave one"
                    ));
                }
            }
        }
        Ok(Self { name, set })
    }

    fn optional<T>(
        &mut self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        let Some((number, value)) = self.set.remove(&name.to_lowercase()) else {
            return Ok(None);
        };
        let wrong = |error| format!("line {number}: {name}: {error}");
        parse(value).map(Some).map_err(wrong)
    }

    fn needed<T>(
        &mut self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, String> {
        let found = self.optional(name, parse)?;
        found.ok_or_else(|| format!("there is no {name} in [{}]: add it", self.name))
    }

    /// Nothing else may be set.
    fn ends(self) -> Result<(), String> {
        let Some((name, (number, _))) = self.set.first_key_value() else {
            return Ok(());
        };
        Err(if OF_ENDS.contains(&name.as_str()) {
            format!("line {number}: {name} is up to the end beside the relay: set it there")
        } else {
            format!(
                "line {number}: {name} is nothing to set in [{}]: remove it",
                self.name
            )
        })
    }
}

fn section_of(number: usize, text: &str) -> Result<&str, String> {
    match text.strip_suffix(']') {
        Some(name) if ["interface", "peer"].contains(&name.to_lowercase().as_str()) => Ok(name),
        _ => Err(format!(
            "line {number}: [{text} is no section: there are [Interface] and [Peer]"
        )),
    }
}

fn key(text: &str) -> Result<[u8; 32], String> {
    let bytes = STANDARD.decode(text).ok();
    let key = bytes.and_then(|bytes| bytes.try_into().ok());
    key.ok_or_else(|| format!("{text:?} is no key: write it as wg does"))
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("{text:?} is no address and port: write 192.0.2.1:51820 or [2001:db8::1]:51820")
    })
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is no number that it can be: write a smaller one"))
}

/// A number of 16 bits.
fn length(text: &str) -> Result<usize, String> {
    number::<u16>(text).map(usize::from)
}

/// A number, or two with a hyphen.
fn range(text: &str) -> Result<RangeInclusive<u32>, String> {
    let (least, most) = text.split_once('-').unwrap_or((text, text));
    let (least, most) = (number(least.trim())?, number(most.trim())?);
    if least > most {
        return Err(format!(
            "{text:?} ends before it begins: exchange the numbers"
        ));
    }
    Ok(least..=most)
}

fn switch(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "on" | "1" => Ok(true),
        "off" | "0" => Ok(false),
        _ => Err(format!("{text:?} is neither: write on or off")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn with(interface: &str) -> String {
        format!(
            "[Interface]\nPublicKey = {KEY}\nDevice = 127.0.0.1:1\nInside = 127.0.0.1:2\nListen = [::]:3\n{interface}\n\
             [Peer]\nPublicKey = {KEY}\nEndpoint = 192.0.2.1:4\n"
        )
    }

    fn parse(interface: &str) -> Config {
        Config::parse(&with(interface)).unwrap()
    }

    #[test]
    fn no_settings_are_wireguard() {
        let config = parse("");
        assert_eq!(config.format, Format::default());
        assert_eq!(config.before, Before::default());
        assert_eq!(config.public_key[..3], [0, 1, 2]);
        assert_eq!(config.endpoint, Some("192.0.2.1:4".parse().unwrap()));
        assert!(!config.disable_cookies);
    }

    #[test]
    fn all_settings_are_read() {
        let config = parse(&format!(
            "jc = 4 # some\nJMIN=8\nJmax = 80\nS1 = 15\nS2 = 16\nS3 = 17\nS4 = 18\nH1 = 10-20\nH2 = 21 - 30\nH3 = 5\n\
             H4 = 4000000000-4294967295\nI1 = <b 0x01> and <r 2>\nI3 = <t>\nI4 = nothing\nHeaderProtectionKey = {KEY}\n\
             RandomTrailers = On\nDisableCookies = 1"
        ));
        let special = ["<b 0x01><r 2>", "<t>"].map(|text| Special::parse(text).unwrap().unwrap());
        let before = Before {
            special: special.into(),
            junk: 4,
            junk_length: 8..=80,
        };
        assert_eq!(config.before, before);
        let format = Format {
            prefixes: [15, 16, 17, 18],
            headers: [10..=20, 21..=30, 5..=5, 4_000_000_000..=u32::MAX],
            protection: Some(config.public_key),
            trailers: true,
        };
        assert_eq!(config.format, format);
        assert!(config.disable_cookies);
    }

    #[test]
    fn a_key_of_zeros_is_none() {
        let zeros = STANDARD.encode([0; 32]);
        assert_eq!(
            parse(&format!("HeaderProtectionKey = {zeros}"))
                .format
                .protection,
            None
        );
    }

    #[test]
    fn errors_say_what_to_do() {
        for (interface, said) in [
            (
                "Jc = many",
                "line 6: Jc: \"many\" is no number that it can be: write a smaller one",
            ),
            (
                "S4 = 65536",
                "line 6: S4: \"65536\" is no number that it can be: write a smaller one",
            ),
            (
                "S1 = 65400",
                "S1 leaves no room for the message: take a few bytes",
            ),
            (
                "Jmin = 9\nJmax = 8",
                "Jmin = 9 is more than Jmax = 8: exchange them",
            ),
            ("Jmin = 9", "Jmin = 9 is more than Jmax = 0: exchange them"),
            (
                "H1 = 9-8",
                "line 6: H1: \"9-8\" ends before it begins: exchange the numbers",
            ),
            ("H1 = 4", "H1 and H4 overlap: take ranges apart"),
            (
                "H2 = 10-20\nH3 = 20-30",
                "H2 and H3 overlap: take ranges apart",
            ),
            ("Jc", "line 6: \"Jc\" sets nothing: write KEY = VALUE"),
            (
                "Jc = 1\njc = 2",
                "line 7: jc is set a second time: leave one",
            ),
            (
                "Jd = 1",
                "line 6: jd is nothing to set in [Interface]: remove it",
            ),
            (
                "RekeyAfterTime = 5",
                "line 6: rekeyaftertime is up to the end beside the relay: set it there",
            ),
            (
                "[Pear]",
                "line 6: [Pear] is no section: there are [Interface] and [Peer]",
            ),
            (
                "RandomTrailers = yes",
                "line 6: RandomTrailers: \"yes\" is neither: write on or off",
            ),
            (
                "HeaderProtectionKey = x",
                "line 6: HeaderProtectionKey: \"x\" is no key: write it as wg does",
            ),
            (
                "I2 = <q>",
                "line 6: I2: <q> is no tag: there are b, r, rc, rd, t and c",
            ),
        ] {
            assert_eq!(
                Config::parse(&with(interface)).unwrap_err(),
                said,
                "{interface}"
            );
        }
        let short = format!("S1 = 12\nS2 = 12\nS3 = 11\nS4 = 12\nHeaderProtectionKey = {KEY}");
        let said = "S3 is too short for HeaderProtectionKey: set at least 12";
        assert_eq!(Config::parse(&with(&short)).unwrap_err(), said);
    }

    #[test]
    fn what_is_missing_is_said() {
        assert_eq!(
            Config::parse("").unwrap_err(),
            "there is no PublicKey in [Interface]: add it"
        );
        let said = "line 1: \"Jc = 1\" is in no section: write [Interface] before it";
        assert_eq!(Config::parse("Jc = 1").unwrap_err(), said);
        let nowhere = with("").replace("[::]:3", "here");
        let said = "line 5: Listen: \"here\" is no address and port: write 192.0.2.1:51820 or [2001:db8::1]:51820";
        assert_eq!(Config::parse(&nowhere).unwrap_err(), said);
    }
}
