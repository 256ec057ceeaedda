// SPDX-License-Identifier: GPL-2.0

//! The command line.

use std::ops::RangeInclusive;

use crate::presets::Preset;

const USAGE: &str = "usage: wgobf presets | generate PRESET [--seed N] [--mtu N] [--no-keys] \
                     [FILE FILE] | check [--mtu N] FILE… | apply DEV FILE | show [--secrets] DEV \
                     | judge [--seconds N] PCAP…|DEV";

/// What Ethernet carries.
const PATH_MTU: u16 = 1500;
/// What an IPv6 path carries at least, and what a datagram of UDP can have at most.
const PATH_MTUS: RangeInclusive<u64> = 1280..=65_535;
const SECONDS: u32 = 30;

/// What to do.
#[derive(Debug, PartialEq)]
pub enum Options {
    Presets,
    Generate(Generate),
    Check { path_mtu: u16, files: Vec<String> },
    Apply { device: String, file: String },
    Show { device: String, secrets: bool },
    Judge { seconds: u32, what: Vec<String> },
}

/// What to generate.
#[derive(Debug, PartialEq)]
pub struct Generate {
    pub preset: &'static Preset,
    pub seed: Option<u64>,
    pub path_mtu: u16,
    pub has_keys: bool,
    /// Where to write both ends to, if not to the standard output.
    pub files: Option<[String; 2]>,
}

impl Options {
    /// The error is what to tell the user, in one line.
    pub fn parse(words: impl Iterator<Item = String>) -> crate::Result<Self> {
        let mut words: Vec<String> = words.collect();
        if words.is_empty() {
            return Err(USAGE.into());
        }
        let command = words.remove(0);
        let mut words = Words(words);
        let this = match command.as_str() {
            "presets" => Self::Presets,
            "generate" => Self::Generate(Generate {
                seed: words.number("--seed", 0..=u64::MAX)?,
                path_mtu: words.path_mtu()?,
                has_keys: !words.flag("--no-keys"),
                preset: Preset::find(&words.next("PRESET")?)?,
                files: match words.rest() {
                    rest if rest.is_empty() => None,
                    rest => Some(
                        rest.try_into()
                            .map_err(|_| "two ends are two files: name none or both")?,
                    ),
                },
            }),
            "check" => Self::Check {
                path_mtu: words.path_mtu()?,
                files: words.some("FILE")?,
            },
            "apply" => Self::Apply {
                device: words.next("DEV")?,
                file: words.next("FILE")?,
            },
            "show" => Self::Show {
                secrets: words.flag("--secrets"),
                device: words.next("DEV")?,
            },
            "judge" => Self::Judge {
                seconds: words
                    .number("--seconds", 1..=86_400)?
                    .map_or(SECONDS, |seconds| seconds as u32),
                what: words.some("PCAP or DEV")?,
            },
            _ => return Err(USAGE.into()),
        };
        match words.0.first() {
            Some(word) => Err(format!("{word} is not understood here; {USAGE}")),
            None => Ok(this),
        }
    }
}

/// Words of the command line that are still to be understood.
struct Words(Vec<String>);

impl Words {
    /// Takes an option away, if it is there.
    fn flag(&mut self, name: &str) -> bool {
        let place = self.0.iter().position(|word| word == name);
        place.map(|place| self.0.remove(place)).is_some()
    }

    /// Takes an option with a number away, if it is there.
    fn number(&mut self, name: &str, allowed: RangeInclusive<u64>) -> crate::Result<Option<u64>> {
        let Some(place) = self.0.iter().position(|word| word == name) else {
            return Ok(None);
        };
        let value = self.0.get(place + 1).cloned().unwrap_or_default();
        self.0.drain(place..(place + 2).min(self.0.len()));
        let number = value.parse().ok().filter(|number| allowed.contains(number));
        number.map(Some).ok_or_else(|| {
            let (least, most) = (allowed.start(), allowed.end());
            format!("{name} wants a number from {least} to {most}, not {value:?}")
        })
    }

    fn path_mtu(&mut self) -> crate::Result<u16> {
        let number = self.number("--mtu", PATH_MTUS)?;
        Ok(number.map_or(PATH_MTU, |number| number as u16))
    }

    fn next(&mut self, what: &str) -> crate::Result<String> {
        if self.0.is_empty() {
            return Err(format!("{what} is missing; {USAGE}"));
        }
        Ok(self.0.remove(0))
    }

    /// All that are left. Options that are not known are none of them.
    fn rest(&mut self) -> Vec<String> {
        let (rest, unknown) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|word| !word.starts_with("--"));
        self.0 = unknown;
        rest
    }

    fn some(&mut self, what: &str) -> crate::Result<Vec<String>> {
        match self.rest() {
            rest if rest.is_empty() => Err(format!("{what} is missing; {USAGE}")),
            rest => Ok(rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> crate::Result<Options> {
        Options::parse(line.split_whitespace().map(String::from))
    }

    #[test]
    fn commands_are_understood() {
        let generate = Options::Generate(Generate {
            preset: Preset::find("compat").unwrap(),
            seed: Some(7),
            path_mtu: 1400,
            has_keys: false,
            files: Some(["a".into(), "b".into()]),
        });
        assert_eq!(
            parse("generate compat --seed 7 a b --mtu 1400 --no-keys"),
            Ok(generate)
        );
        let check = Options::Check {
            path_mtu: PATH_MTU,
            files: vec!["a".into()],
        };
        assert_eq!(parse("check a"), Ok(check));
        let show = |secrets| Options::Show {
            device: "awg0".into(),
            secrets,
        };
        assert_eq!(parse("show awg0"), Ok(show(false)));
        assert_eq!(parse("show --secrets awg0"), Ok(show(true)));
        let judge = Options::Judge {
            seconds: 5,
            what: vec!["a.pcap".into(), "b.pcap".into()],
        };
        assert_eq!(parse("judge a.pcap --seconds 5 b.pcap"), Ok(judge));
    }

    #[test]
    fn others_are_refused() {
        for (line, said) in [
            ("", "usage: "),
            ("frobnicate", "usage: "),
            ("generate", "PRESET is missing; usage: "),
            (
                "generate plain",
                "there is no preset plain: there are vanilla, ",
            ),
            (
                "generate compat a",
                "two ends are two files: name none or both",
            ),
            (
                "generate compat --seed",
                "--seed wants a number from 0 to 18446744073709551615, not \"\"",
            ),
            (
                "check --mtu 1000 a",
                "--mtu wants a number from 1280 to 65535, not \"1000\"",
            ),
            ("check", "FILE is missing; usage: "),
            ("check --quiet a", "--quiet is not understood here; usage: "),
            ("apply awg0", "FILE is missing; usage: "),
            ("apply awg0 a b", "b is not understood here; usage: "),
        ] {
            let told = parse(line).unwrap_err();
            assert!(told.starts_with(said), "{line}: {told}");
        }
    }
}
