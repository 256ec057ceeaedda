// SPDX-License-Identifier: GPL-2.0

//! Files for both ends of a tunnel.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;

use crate::check::{advice, tunnel_mtu};
use crate::end::End;
use crate::options::Generate;
use crate::random::Random;
use crate::setting::{version, Settings, SETTINGS};
use crate::values::base64;
use crate::Result;

/// What is drawn is drawn again until nothing is to be said against it, so often at most.
const DRAWS: u32 = 1000;

pub fn run(wanted: &Generate) -> Result {
    let texts = texts(wanted)?;
    match &wanted.files {
        None => print!("{}", texts.join("\n")),
        Some(files) => {
            for (file, text) in files.iter().zip(texts) {
                write_new(file, &text)?;
            }
        }
    }
    Ok(())
}

/// A file that others cannot read: there are keys in it.
fn write_new(file: &str, text: &str) -> Result {
    let mut options = OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(file);
    opened
        .and_then(|mut opened| opened.write_all(text.as_bytes()))
        .map_err(|error| {
            format!("{file} cannot be written: {error}: name one that is not there yet")
        })
}

/// The files of both ends.
fn texts(wanted: &Generate) -> Result<[String; 2]> {
    let mut random = Random::new(wanted.seed);
    let mut ends = draw(wanted, &mut random)?;
    if wanted.has_keys {
        for end in &mut ends {
            end.private_key = Some(random.key());
        }
    }
    let [first, second] = &ends;
    Ok([
        text(wanted, "first", first, second),
        text(wanted, "second", second, first),
    ])
}

fn draw(wanted: &Generate, random: &mut Random) -> Result<[End; 2]> {
    let mut why = String::new();
    for _ in 0..DRAWS {
        let mut shared = Settings::default();
        (wanted.preset.shared)(&mut shared, random);
        let ends = [(); 2].map(|()| {
            let mut settings = shared.duplicate();
            (wanted.preset.own)(&mut settings, random);
            End::with(settings)
        });
        let said = ends
            .iter()
            .flat_map(|end| advice(end, wanted.path_mtu))
            .next();
        match said {
            None => return Ok(ends),
            Some(finding) => why = finding.text,
        }
    }
    Err(format!("{} does not do here: {why}", wanted.preset.name))
}

fn text(wanted: &Generate, which: &str, end: &End, other: &End) -> String {
    let settings = &end.settings;
    let mtu = tunnel_mtu(wanted.path_mtu, settings);
    let mut text = format!(
        "# The {which} end of a tunnel that looks like {} (wgobf generate {}).\n",
        version(settings, &end.specials),
        wanted.preset.name
    );
    // A String takes whatever is written.
    let mut line = |line: std::fmt::Arguments<'_>| _ = writeln!(text, "{line}");
    if wanted.seed.is_some() {
        line(format_args!(
            "# Made from a seed: who knows it knows the keys. For tests only."
        ));
    }
    line(format_args!(
        "# Where the path carries {} bytes the tunnel carries {mtu}: MTU = {mtu} for awg-quick, \
         or ip link set DEV mtu {mtu}.",
        wanted.path_mtu
    ));
    line(format_args!("[Interface]"));
    if let Some(key) = &end.private_key {
        line(format_args!("PrivateKey = {}", base64(key.as_bytes())));
    }
    for (is_shared, said) in [
        (true, "# The same at both ends:"),
        (false, "# Up to each end:"),
    ] {
        let set: Vec<_> = SETTINGS
            .iter()
            .filter(|setting| {
                setting.unless_shared.is_some() == is_shared && !setting.is_default(settings)
            })
            .collect();
        if !set.is_empty() {
            line(format_args!("{said}"));
        }
        for setting in set {
            line(format_args!(
                "{} = {}",
                setting.name,
                setting.text(settings)
            ));
        }
    }
    if let Some(key) = other.public_key() {
        line(format_args!("\n[Peer]\nPublicKey = {}", base64(&key.0)));
        line(format_args!(
            "# Add AllowedIPs = …, here or at the other end Endpoint = HOST:PORT, and there \
             ListenPort = PORT above."
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::mismatches;
    use crate::presets::Preset;

    fn wanted(preset: &str, seed: u64) -> Generate {
        Generate {
            preset: Preset::find(preset).unwrap(),
            seed: Some(seed),
            path_mtu: 1500,
            has_keys: true,
            files: None,
        }
    }

    #[test]
    fn nothing_is_to_be_said_of_what_is_generated() {
        for preset in ["vanilla", "compat", "compat-1.0", "compat-2.0"] {
            for seed in 0..50 {
                let [one, other] = texts(&wanted(preset, seed)).unwrap().map(|text| {
                    let (end, findings) = End::read(&text);
                    assert_eq!(findings, [], "{text}");
                    assert_eq!(advice(&end, 1500), [], "{text}");
                    end
                });
                assert_eq!(mismatches(&one, &other, "other"), []);
                assert_eq!(one.peers[0].public_key, other.public_key());
                assert_eq!(other.peers[0].public_key, one.public_key());
                assert_ne!(one.public_key(), other.public_key());
            }
        }
    }

    #[test]
    fn compat_has_the_official_values() {
        let [text, _] = texts(&wanted("compat", 1)).unwrap();
        let (end, _) = End::read(&text);
        let set: Vec<_> = SETTINGS
            .iter()
            .filter(|setting| !setting.is_secret() && !setting.is_default(&end.settings))
            .map(|setting| format!("{} {}", setting.name, setting.text(&end.settings)))
            .collect();
        assert_eq!(
            set.join(", "),
            "S1 42, S2 108, S3 13, S4 12, RandomTrailers on, Jc 5, Jmin 10, Jmax 50, \
             ContentPaddingAddition 10-100, RekeyAfterTime 100-120, RekeyTimeout 3-7, \
             RejectAfterTime 150-180, KeepaliveTimeout 5-15, MaxHandshakeAttempts 15-20, \
             DisableCookies on"
        );
        assert!(end.settings.key().is_some());
        assert!(text.contains("the tunnel carries 1408: MTU = 1408 for awg-quick"));
    }

    #[test]
    fn a_seed_gives_the_same_and_says_that_it_is_no_secret() {
        let of = |seed| texts(&wanted("compat", seed)).unwrap();
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        assert!(of(1)[1].contains("\n# Made from a seed: "));
        let fresh = || {
            texts(&Generate {
                seed: None,
                ..wanted("compat", 0)
            })
        };
        let text = fresh().unwrap();
        assert_ne!(fresh().unwrap(), text);
        assert!(!text[0].contains("seed"));
    }

    #[test]
    fn without_keys_there_are_only_settings() {
        let without = Generate {
            has_keys: false,
            ..wanted("compat-1.0", 1)
        };
        for text in texts(&without).unwrap() {
            assert!(
                !text.contains("PrivateKey") && !text.contains("[Peer]"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_narrow_path_makes_a_narrow_tunnel() {
        let narrow = Generate {
            path_mtu: 1280,
            ..wanted("compat", 1)
        };
        assert!(texts(&narrow).unwrap()[0].contains("carries 1280 bytes the tunnel carries 1188"));
    }
}
