// SPDX-License-Identifier: GPL-2.0

//! Settings that are known to go together. What they are for, and where the numbers are from, is in
//! `Documentation/tools.rst`.

use wireguard_proto::awg::{Span, KINDS};

use crate::random::Random;
use crate::setting::Settings;
use crate::Result;

pub struct Preset {
    pub name: &'static str,
    /// Whom it is for.
    pub what: &'static str,
    /// Draws what both ends have alike,
    pub shared: fn(&mut Settings, &mut Random),
    /// and what each has by itself.
    pub own: fn(&mut Settings, &mut Random),
}

impl PartialEq for Preset {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl std::fmt::Debug for Preset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// The numbers that types are drawn from: none of WireGuard's, and none that a signed number cannot be.
const TYPES: Span<u32> = Span::new(5, i32::MAX as u32);

static PRESETS: [Preset; 4] = [
    Preset {
        name: "vanilla",
        what: "WireGuard, for ends that know nothing else",
        shared: |_, _| (),
        own: |_, _| (),
    },
    Preset {
        name: "compat",
        what: "AmneziaWG 3.1, the values that AmneziaVPN's servers have",
        shared: |settings, random| {
            settings.prefixes = [42, 108, 13, 12];
            settings.protection_key = Some(random.key());
            settings.random_trailers = true;
        },
        own: |settings, _| {
            settings.junk_count = 5;
            settings.junk_len = Span::new(10, 50);
            settings.content_padding = Span::new(10, 100);
            settings.rekey_after_time = Span::new(100, 120);
            settings.rekey_timeout = Span::new(3, 7);
            settings.reject_after_time = Span::new(150, 180);
            settings.keepalive_timeout = Span::new(5, 15);
            settings.max_handshake_attempts = Span::new(15, 20);
            settings.disable_cookies = true;
        },
    },
    Preset {
        name: "compat-2.0",
        what: "AmneziaWG 2.0, with types and lengths drawn anew",
        shared: |settings, random| {
            settings.prefixes = [
                random.short(15, 150),
                random.short(15, 150),
                random.short(8, 64),
                // With more, full packets are fragmented over IPv4 too where nobody lowers the MTU.
                random.short(8, 20),
            ];
            settings.headers = separate_ranges(random);
        },
        own: some_junk,
    },
    Preset {
        name: "compat-1.0",
        what: "AmneziaWG 1.0, with types and lengths drawn anew",
        shared: |settings, random| {
            settings.prefixes = [random.short(15, 150), random.short(15, 150), 0, 0];
            settings.headers = separate_ranges(random).map(|span| Span::single(span.lo));
        },
        own: some_junk,
    },
];

fn some_junk(settings: &mut Settings, random: &mut Random) {
    settings.junk_count = random.short(4, 12);
    settings.junk_len = Span::new(8, 80);
}

/// Ranges that have no number in common, in any order.
fn separate_ranges(random: &mut Random) -> [Span<u32>; KINDS] {
    let share = (TYPES.hi - TYPES.lo) / KINDS as u32;
    let mut at = TYPES.lo;
    let mut ranges = [(); KINDS].map(|()| {
        let middle = at + share / 2;
        let range = Span::new(
            random.number(at, middle),
            random.number(middle, at + share - 1),
        );
        at += share;
        range
    });
    for last in (1..KINDS).rev() {
        ranges.swap(last, random.number(0, last as u32) as usize);
    }
    ranges
}

impl Preset {
    pub fn find(name: &str) -> Result<&'static Self> {
        let found = PRESETS.iter().find(|preset| preset.name == name);
        found.ok_or_else(|| {
            let names: Vec<_> = PRESETS.iter().map(|preset| preset.name).collect();
            format!("there is no preset {name}: there are {}", names.join(", "))
        })
    }
}

/// A line for each.
pub fn list() -> String {
    let line = |preset: &Preset| format!("{:12} {}\n", preset.name, preset.what);
    PRESETS.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting::version;

    fn drawn(name: &str, seed: u64) -> Settings {
        let (preset, mut random) = (Preset::find(name).unwrap(), Random::new(Some(seed)));
        let mut settings = Settings::default();
        (preset.shared)(&mut settings, &mut random);
        (preset.own)(&mut settings, &mut random);
        settings
    }

    #[test]
    fn each_is_of_the_version_that_it_says() {
        let none = [const { None }; wireguard_proto::awg::SPECIALS];
        for (name, wanted) in [
            ("vanilla", "WireGuard"),
            ("compat-1.0", "AmneziaWG 1.0"),
            ("compat-2.0", "AmneziaWG 2.0"),
            ("compat", "AmneziaWG 3.1"),
        ] {
            assert_eq!(version(&drawn(name, 1), &none), wanted);
            assert!(list().contains(&format!("{name:12} {wanted}")));
        }
    }

    #[test]
    fn the_driver_takes_whatever_is_drawn() {
        for preset in &PRESETS {
            for seed in 0..200 {
                assert_eq!(
                    drawn(preset.name, seed).check(),
                    Ok(()),
                    "{preset:?} {seed}"
                );
            }
        }
    }

    #[test]
    fn types_are_none_of_wireguards_and_in_any_order() {
        let mut orders = std::collections::BTreeSet::new();
        for seed in 0..500 {
            let ranges = drawn("compat-2.0", seed).headers;
            assert!(ranges
                .iter()
                .all(|span| span.lo >= 5 && span.hi <= i32::MAX as u32));
            orders.insert(
                ranges.map(|span| ranges.iter().filter(|other| other.lo < span.lo).count()),
            );
        }
        assert_eq!(orders.len(), 24);
    }
}
