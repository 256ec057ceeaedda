// SPDX-License-Identifier: GPL-2.0

//! What works by the letter and does not do what was meant, and what two ends of a tunnel disagree about.

use wireguard_proto::awg::special::Special;
use wireguard_proto::constants::{
    COOKIE_REPLY_LEN, INITIATION_LEN, KEEPALIVE_LEN, MAX_OVERHEAD, PADDING_MULTIPLE, RESPONSE_LEN,
};

use crate::end::End;
use crate::file::Finding;
use crate::setting::{Settings, SETTINGS, SPECIAL_NAMES};

/// Of UDP and IP, before a datagram.
const UDP4: u16 = 28;
const UDP6: u16 = 48;
/// What a tunnel adds to a packet, over IPv6.
const OVERHEAD: u16 = MAX_OVERHEAD as u16;

/// If fewer data packets than one of so many are lost, nobody notices.
const UNNOTICED: u64 = 1 << 20;

/// What a client's first datagram of QUIC has at least.
const QUIC_INITIAL: usize = 1200;

/// The widest packet that fits in a path, over IPv6.
pub fn tunnel_mtu(path_mtu: u16, settings: &Settings) -> u16 {
    let [.., s4] = settings.prefixes;
    path_mtu.saturating_sub(OVERHEAD).saturating_sub(s4)
}

/// What is unwise.
pub fn advice(end: &End, path_mtu: u16) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(kinds_taken_for_others(end));
    findings.extend(equal_lengths(end));
    findings.extend(wide_tunnel(end, path_mtu));
    findings.extend(long_datagrams(end, path_mtu));
    findings.extend(junk_that_is_none(end));
    findings.extend(untrue_quic(end));
    findings
}

/// The handshake messages, by what they are called: their lengths, and their places in S and H.
const HANDSHAKES: [(&str, usize, usize); 3] = [
    ("an initiation", INITIATION_LEN, 0),
    ("a response", RESPONSE_LEN, 1),
    ("a cookie reply", COOKIE_REPLY_LEN, 2),
];

/// Other implementations go by the length of a datagram first, and then by the number at the place where a handshake message
/// of that length has its type. In data there is anything at that place, unless it is that of their own type.
fn kinds_taken_for_others(end: &End) -> Vec<Finding> {
    let settings = &end.settings;
    let [.., s4] = settings.prefixes;
    let unlike_data = HANDSHAKES
        .into_iter()
        .filter(|(_, _, at)| settings.prefixes[*at] != s4);
    let findings = unlike_data.filter_map(|(what, len, at)| {
        let (s, h) = (settings.prefixes[at], settings.headers[at]);
        let width = u64::from(h.hi.saturating_sub(h.lo)) + 1;
        let one_of = (1_u64 << 32) / width;
        let is_length_of_data = !settings.content_padding.is_zero()
            || (usize::from(s) + len) % PADDING_MULTIPLE
                == (usize::from(s4) + KEEPALIVE_LEN) % PADDING_MULTIPLE;
        let data = match settings.random_trailers {
            true => "longer data packets",
            false if is_length_of_data => "data packets of that length",
            false => return None,
        };
        if one_of >= UNNOTICED {
            return None;
        }
        let n = at + 1;
        let text = format!(
            "S{n} is not S4 and H{n} is wide: implementations that go by length lose 1 of \
             {one_of} {data}, which they take for {what}: set S{n} = S4 = {s4}, or H{n} to one \
             number"
        );
        Some(Finding::unwise(
            end.line(&format!("S{n}")).or(end.line(&format!("H{n}"))),
            text,
        ))
    });
    findings.collect()
}

/// Some want to know initiations and responses by their lengths.
fn equal_lengths(end: &End) -> Option<Finding> {
    let [s1, s2, ..] = end.settings.prefixes.map(usize::from);
    (s1 + INITIATION_LEN == s2 + RESPONSE_LEN).then(|| {
        let text = "S1 + 56 is S2: initiations are as long as responses, which AmneziaWG 1.0 \
                    refuses: change S1 or S2";
        Finding::unwise(end.line("S2"), text)
    })
}

/// Full packets must fit in the path. Who brings up the interface without awg-quick and without a word of the MTU leaves it to
/// the driver, which knows S4.
fn wide_tunnel(end: &End, path_mtu: u16) -> Option<Finding> {
    let [.., s4] = end.settings.prefixes;
    let wanted = tunnel_mtu(path_mtu, &end.settings);
    let by_default = path_mtu.saturating_sub(OVERHEAD);
    let (line, said, mtu) = match end.mtu {
        Some(mtu) => (end.line("MTU"), format!("MTU = {mtu}"), mtu),
        None if end.keys_of_quick().is_empty() => return None,
        None => (
            end.line("S4"),
            format!("without MTU awg-quick takes {by_default}"),
            by_default,
        ),
    };
    if mtu <= wanted {
        return None;
    }
    let over = match mtu.saturating_sub(wanted) > UDP6 - UDP4 {
        true => "IPv4 and IPv6",
        false => "IPv6",
    };
    let text = format!(
        "{said}: with S4 = {s4} full packets are fragmented over {over} on a path of {path_mtu} \
         bytes: set MTU = {wanted}"
    );
    Some(Finding::unwise(line, text))
}

/// Whatever else is sent must fit as well.
fn long_datagrams(end: &End, path_mtu: u16) -> Vec<Finding> {
    let most = path_mtu.saturating_sub(UDP6);
    let mut findings = Vec::new();
    let mut look = |key: &str, len: usize, fits: String| {
        if len > usize::from(most) {
            let text = format!(
                "{key} makes datagrams of {len} bytes, which are fragmented on a path of \
                 {path_mtu} bytes: {fits}"
            );
            findings.push(Finding::unwise(end.line(key), text));
        }
    };
    for (_, len, at) in HANDSHAKES {
        let key = format!("S{}", at + 1);
        let fits = format!("set at most {}", usize::from(most).saturating_sub(len));
        look(&key, usize::from(end.settings.prefixes[at]) + len, fits);
    }
    if end.settings.junk() != 0 {
        look(
            "Jmax",
            end.settings.junk_len.hi.into(),
            format!("set at most {most}"),
        );
    }
    for (key, special) in specials(end) {
        look(key, special.len(), format!("make it {most} at most"));
    }
    findings
}

fn junk_that_is_none(end: &End) -> Option<Finding> {
    match (end.settings.junk_count, end.settings.junk_len.hi) {
        (1.., 0) => Some(Finding::unwise(
            end.line("Jc"),
            "Jc without Jmax: no junk is sent: set Jmin and Jmax",
        )),
        (0, 1..) => Some(Finding::unwise(
            end.line("Jmax"),
            "Jmax without Jc: no junk is sent: set Jc",
        )),
        _ => None,
    }
}

/// Packets that begin as those of QUIC and are none give away more than they hide.
fn untrue_quic(end: &End) -> Vec<Finding> {
    let untrue =
        specials(end).filter(|(_, special)| special.len() < QUIC_INITIAL && claims_quic(special));
    untrue
        .map(|(key, special)| {
            let text = format!(
                "{key} begins as an Initial of QUIC does, and has {} bytes: genuine ones are \
                 never shorter than {QUIC_INITIAL}: lengthen it, with <r N> for instance",
                special.len()
            );
            Finding::unwise(end.line(key), text)
        })
        .collect()
}

/// Whether a packet always begins with the version of QUIC where an Initial has it, and may be one by its first byte.
fn claims_quic(special: &Special<'_>) -> bool {
    // What is always the same is so with the one chance and with the other.
    let written = |chance: u8, number: u32| {
        let mut bytes = vec![0; special.len()];
        special.write(&mut bytes, |random| random.fill(chance), number, number);
        bytes
    };
    let (one, other) = (written(0, 0), written(0xff, u32::MAX));
    let (Some([first, version @ ..]), Some([_, other_version @ ..])) =
        (one.first_chunk::<5>(), other.first_chunk::<5>())
    else {
        return false;
    };
    // Of the first byte only some bits say anything, and those that are drawn may be right by chance.
    let first_is = |initial: u8| one[0] != other[0] || first & 0xf0 == initial;
    version == other_version
        && match u32::from_be_bytes(*version) {
            1 => first_is(0xc0),
            0x6b33_43cf => first_is(0xd0),
            _ => false,
        }
}

/// The special packets that there are, by their keys. What was read is one.
fn specials(end: &End) -> impl Iterator<Item = (&'static str, Special<'_>)> {
    let texts = SPECIAL_NAMES.into_iter().zip(&end.specials);
    texts.filter_map(|(key, text)| Some((key, Special::parse(text.as_ref()?.as_bytes()).ok()?)))
}

/// What an end says otherwise than another one, where they have to agree.
pub fn mismatches(end: &End, other: &End, other_file: &str) -> Vec<Finding> {
    if are_strangers(end, other) {
        return Vec::new();
    }
    let shared = SETTINGS
        .iter()
        .filter_map(|setting| Some((setting, setting.unless_shared?)));
    shared
        .filter(|(setting, _)| !setting.agrees(&end.settings, &other.settings))
        .map(|(setting, consequence)| {
            let name = setting.name;
            let what = match setting.is_secret() {
                true => format!("{name} is not that of {other_file}"),
                false => {
                    let (here, there) =
                        (setting.text(&end.settings), setting.text(&other.settings));
                    format!("{name} is {here} here and {there} in {other_file}")
                }
            };
            let text = format!("{what}: {consequence}: set the same at both ends");
            Finding::refused(end.line(name), text)
        })
        .collect()
}

/// Whether each has a key, there are peers, and none of them is the other.
fn are_strangers(end: &End, other: &End) -> bool {
    let (Some(key), Some(other_key)) = (end.public_key(), other.public_key()) else {
        return false;
    };
    let has = |end: &End, wanted| end.peers.iter().any(|peer| peer.public_key == Some(wanted));
    let has_peers = !end.peers.is_empty() || !other.peers.is_empty();
    has_peers && !has(end, other_key) && !has(other, key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::Weight;
    use crate::values::base64;

    const KEY: [u8; 32] = [7; 32];

    fn end(lines: &str) -> End {
        let (end, findings) = End::read(&format!("[Interface]\n{lines}"));
        assert_eq!(findings, [], "{lines}");
        end
    }

    fn told_on(path_mtu: u16, lines: &str) -> Vec<String> {
        let findings = advice(&end(lines), path_mtu);
        assert!(findings
            .iter()
            .all(|finding| finding.weight == Weight::Unwise));
        findings
            .iter()
            .map(|finding| finding.told_of("f"))
            .collect()
    }

    fn told(lines: &str) -> Vec<String> {
        told_on(1500, lines)
    }

    #[test]
    fn nothing_is_said_of_wireguard() {
        assert_eq!(told(""), [""; 0]);
        assert_eq!(told("MTU = 1420"), [""; 0]);
    }

    #[test]
    fn trailers_with_wide_types_and_unequal_prefixes_lose_data() {
        let wide = "H1 = 1000000000-1999999999\nH2 = 5-9\nH3 = 3\nH4 = 4\nRandomTrailers = on\n";
        assert_eq!(
            told(&format!("{wide}S1 = 20\nS2 = 20\nS3 = 20\nS4 = 16")),
            [
                "f:7: warning: S1 is not S4 and H1 is wide: implementations that go by length \
                 lose 1 of 4 longer data packets, which they take for an initiation: set S1 = S4 \
                 = 16, or H1 to one number"
            ]
        );
        // Where the type of data is at the place of the others' nothing is mistaken; nor is it by one number of so many.
        assert_eq!(
            told(&format!("{wide}S1 = 16\nS2 = 20\nS3 = 20\nS4 = 16")),
            [""; 0]
        );
        assert_eq!(
            told("RandomTrailers = on\nS1 = 42\nS2 = 108\nS3 = 13\nS4 = 12"),
            [""; 0]
        );
    }

    #[test]
    fn without_trailers_only_what_is_just_as_long_is_mistaken() {
        let wide = "H1 = 5-2147483647\nH2 = 2147483648\nH3 = 2147483649\nH4 = 2147483650\n";
        // 148 + 12 is a length that data have, 148 + 13 is none.
        let said = told(&format!("{wide}S1 = 12"));
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].contains("lose 1 of 2 data packets of that length"),
            "{said:?}"
        );
        assert_eq!(told(&format!("{wide}S1 = 13")), [""; 0]);
        // Padded by chance, they have any length.
        assert_eq!(
            told(&format!("{wide}S1 = 13\nContentPaddingAddition = 1-9")).len(),
            1
        );
    }

    #[test]
    fn initiations_and_responses_differ_in_length() {
        let said = "f:3: warning: S1 + 56 is S2: initiations are as long as responses, which \
                    AmneziaWG 1.0 refuses: change S1 or S2";
        assert_eq!(told("S1 = 20\nS2 = 76"), [said]);
        assert_eq!(told("S1 = 20\nS2 = 75"), [""; 0]);
    }

    #[test]
    fn full_packets_fit_in_the_path() {
        for (lines, said) in [
            (
                "S4 = 12\nMTU = 1420",
                "f:3: warning: MTU = 1420: with S4 = 12 full packets are fragmented over IPv6 on \
                 a path of 1500 bytes: set MTU = 1408",
            ),
            (
                "S4 = 21\nMTU = 1420",
                "f:3: warning: MTU = 1420: with S4 = 21 full packets are fragmented over IPv4 \
                 and IPv6 on a path of 1500 bytes: set MTU = 1399",
            ),
            (
                "S4 = 12\nAddress = 10.0.0.1/24",
                "f:2: warning: without MTU awg-quick takes 1420: with S4 = 12 full packets are \
                 fragmented over IPv6 on a path of 1500 bytes: set MTU = 1408",
            ),
        ] {
            assert_eq!(told(lines), [said]);
        }
        assert_eq!(told("S4 = 12\nMTU = 1408"), [""; 0]);
        assert_eq!(told("S4 = 12"), [""; 0]);
        assert_eq!(told("Address = 10.0.0.1/24"), [""; 0]);
        assert_eq!(told_on(1400, "MTU = 1420").len(), 1);
    }

    #[test]
    fn other_datagrams_fit_too() {
        assert_eq!(
            told("S1 = 1304\nJc = 1\nJmax = 1452\nI1 = <r 1400>"),
            [""; 0]
        );
        assert_eq!(
            told_on(1400, "S1 = 1205\nJc = 1\nJmax = 1353\nI1 = <r 1353>"),
            [
                "f:2: warning: S1 makes datagrams of 1353 bytes, which are fragmented on a path \
                 of 1400 bytes: set at most 1204",
                "f:4: warning: Jmax makes datagrams of 1353 bytes, which are fragmented on a \
                 path of 1400 bytes: set at most 1352",
                "f:5: warning: I1 makes datagrams of 1353 bytes, which are fragmented on a path \
                 of 1400 bytes: make it 1352 at most",
            ]
        );
    }

    #[test]
    fn junk_has_a_number_and_a_length() {
        assert_eq!(
            told("Jc = 4"),
            ["f:2: warning: Jc without Jmax: no junk is sent: set Jmin and Jmax"]
        );
        assert_eq!(
            told("Jmax = 4"),
            ["f:2: warning: Jmax without Jc: no junk is sent: set Jc"]
        );
    }

    #[test]
    fn a_short_initial_of_quic_is_none() {
        for short in [
            "<b 0xc300000001><r 1194>",
            "<b c3><b 0x00000001>",
            "<r 1><b 0x00000001><r 100>",
            "<b 0xd06b3343cf><r 100>",
        ] {
            let said = told(&format!("I2 = {short}"));
            assert_eq!(said.len(), 1, "{short}: {said:?}");
            assert!(
                said[0].starts_with("f:2: warning: I2 begins as an Initial of QUIC does, and has "),
                "{said:?}"
            );
        }
        for other in [
            "<b 0xc300000001><r 1195>",
            "<b 0xc300000002><r 100>",
            "<b 0xe300000001><r 100>",
            "<b 0x4300000001><r 100>",
            "<b 0xc300><r 100>",
            "<r 100>",
            "<t>",
        ] {
            assert_eq!(told(&format!("I2 = {other}")), [""; 0], "{other}");
        }
    }

    #[test]
    fn ends_that_disagree_are_told_what_comes_of_it() {
        let (one, other) = (base64(&KEY), base64(&[8; 32]));
        let here = end(&format!(
            "S1 = 12\nS2 = 12\nS3 = 12\nS4 = 12\nH3 = 5-9\nHeaderProtectionKey = {one}\nJc = 4\n\
             Jmax = 9"
        ));
        let there = end(&format!(
            "S1 = 12\nS2 = 12\nS3 = 12\nS4 = 13\nHeaderProtectionKey = {other}\nRandomTrailers = \
             on"
        ));
        let findings = mismatches(&here, &there, "b.conf");
        assert!(findings
            .iter()
            .all(|finding| finding.weight == Weight::Refused));
        let said: Vec<_> = findings
            .iter()
            .map(|finding| finding.told_of("a"))
            .collect();
        assert_eq!(
            said,
            [
                "a:5: error: S4 is 12 here and 13 in b.conf: handshakes are completed and all \
                 data are lost: set the same at both ends",
                "a:6: error: H3 is 5-9 here and 3 in b.conf: handshakes under load fail: set the \
                 same at both ends",
                "a:7: error: HeaderProtectionKey is not that of b.conf: no handshake is \
                 completed: set the same at both ends",
                "a: error: RandomTrailers is off here and on in b.conf: no handshake is \
                 completed: set the same at both ends",
            ]
        );
        assert_eq!(mismatches(&here, &here, "a"), []);
        // No key is a key of zeros.
        let zeros = end(&format!("HeaderProtectionKey = {}", base64(&[0; 32])));
        assert_eq!(mismatches(&zeros, &end(""), "b"), []);
    }

    #[test]
    fn strangers_need_not_agree() {
        let with = |number: u8, s1, peer: Option<&End>| {
            let peer = peer.and_then(End::public_key);
            let peer = peer.map_or(String::new(), |key| {
                format!("[Peer]\nPublicKey = {}", base64(&key.0))
            });
            end(&format!(
                "PrivateKey = {}\nS1 = {s1}\n{peer}",
                base64(&[number; 32])
            ))
        };
        let (one, nobody) = (with(1, 1, None), with(9, 9, None));
        let friend = with(2, 2, Some(&one));
        let stranger = with(3, 2, Some(&nobody));
        assert_eq!(mismatches(&friend, &one, "b").len(), 1);
        assert_eq!(mismatches(&one, &friend, "b").len(), 1);
        assert_eq!(mismatches(&stranger, &one, "b"), []);
        assert_eq!(mismatches(&one, &nobody, "b").len(), 1);
    }
}
