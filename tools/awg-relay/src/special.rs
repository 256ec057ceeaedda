// SPDX-License-Identifier: GPL-2.0

//! What is sent before initiations, so that they do not come first: I1 to I5, which look like something else, and
//! junk.

use std::ops::RangeInclusive;

use rand::{seq::IndexedRandom, Rng, RngExt};

/// What a UDP datagram over IPv4 can hold.
pub const LONGEST: usize = 65_507;

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &[u8] = b"0123456789";

/// One of I1 to I5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Special(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Bytes(Vec<u8>),
    Random(usize),
    Letters(usize),
    Digits(usize),
    Time,
    Counter,
}

impl Special {
    /// Of tags in angle brackets. What is between them says nothing; nothing at all is no packet.
    pub fn parse(text: &str) -> Result<Option<Self>, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((_, tagged)) = rest.split_once('<') {
            let (tag, behind) = tagged
                .split_once('>')
                .ok_or_else(|| format!("<{tagged} does not end: add a >"))?;
            parts.push(Part::parse(tag)?);
            rest = behind;
        }
        let length: usize = parts.iter().map(Part::len).sum();
        if length > LONGEST {
            return Err(format!(
                "{length} bytes are no datagram: ask for {LONGEST} at most"
            ));
        }
        Ok((length > 0).then_some(Self(parts)))
    }

    /// The packet anew, at that time in seconds.
    pub fn packet(&self, time: u32, counter: u32) -> Vec<u8> {
        let mut packet = Vec::new();
        for part in &self.0 {
            part.write(time, counter, &mut packet);
        }
        packet
    }
}

impl Part {
    fn parse(tag: &str) -> Result<Self, String> {
        let (name, argument) = tag
            .trim()
            .split_once(char::is_whitespace)
            .unwrap_or((tag.trim(), ""));
        let argument = argument.trim();
        let count = || {
            count(argument)
                .ok_or_else(|| format!("<{tag}> has no number of bytes: write <{name} 16>"))
        };
        match (name, argument) {
            ("b", _) => bytes(argument)
                .map(Self::Bytes)
                .ok_or_else(|| format!("<{tag}> has no bytes: write <b 0x16fe>")),
            ("r", _) => count().map(Self::Random),
            ("rc", _) => count().map(Self::Letters),
            ("rd", _) => count().map(Self::Digits),
            ("t", "") => Ok(Self::Time),
            ("c", "") => Ok(Self::Counter),
            ("t" | "c", _) => Err(format!("<{tag}> takes nothing: write <{name}>")),
            _ => Err(format!(
                "<{tag}> is no tag: there are b, r, rc, rd, t and c"
            )),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Random(count) | Self::Letters(count) | Self::Digits(count) => *count,
            Self::Time | Self::Counter => 4,
        }
    }

    fn write(&self, time: u32, counter: u32, out: &mut Vec<u8>) {
        match self {
            Self::Bytes(bytes) => out.extend(bytes),
            Self::Random(count) => out.extend(random(*count)),
            Self::Letters(count) => out.extend(chosen(LETTERS, *count)),
            Self::Digits(count) => out.extend(chosen(DIGITS, *count)),
            Self::Time => out.extend(time.to_be_bytes()),
            Self::Counter => out.extend(counter.to_be_bytes()),
        }
    }
}

fn count(text: &str) -> Option<usize> {
    text.parse().ok().filter(|count| *count <= LONGEST)
}

/// As in 0x16fe, or without 0x.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x").unwrap_or(text).as_bytes();
    if digits.is_empty() || digits.len() % 2 != 0 {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |pair: &[u8]| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8);
    digits.chunks(2).map(byte).collect()
}

fn random(count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

fn chosen(among: &[u8], count: usize) -> Vec<u8> {
    let mut rng = rand::rng();
    let one = || among.choose(&mut rng).copied();
    std::iter::repeat_with(one).take(count).flatten().collect()
}

/// Jc, Jmin and Jmax, and I1 to I5 as far as they are set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    pub special: Vec<Special>,
    pub junk: usize,
    pub junk_length: RangeInclusive<usize>,
}

impl Default for Before {
    fn default() -> Self {
        Self {
            special: Vec::new(),
            junk: 0,
            junk_length: 0..=0,
        }
    }
}

impl Before {
    /// All that goes out before an initiation, in that order.
    pub fn packets(&self, time: u32) -> Vec<Vec<u8>> {
        let mut rng = rand::rng();
        let first: u32 = rng.random();
        let counters = (0..).map(|more| first.wrapping_add(more));
        let special = self.special.iter().zip(counters);
        let mut packets: Vec<_> = special
            .map(|(special, counter)| special.packet(time, counter))
            .collect();
        // Junk of no length at all is none.
        if *self.junk_length.end() > 0 {
            let junk = || random(rng.random_range(self.junk_length.clone()));
            packets.extend(std::iter::repeat_with(junk).take(self.junk));
        }
        packets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(text: &str) -> Vec<u8> {
        Special::parse(text)
            .unwrap()
            .unwrap()
            .packet(0x0102_0304, 0xfffe_fdfc)
    }

    #[test]
    fn each_tag_makes_its_bytes() {
        assert_eq!(packet("<b 0x00fFA1>"), [0, 0xff, 0xa1]);
        assert_eq!(packet("<b 16fe>"), [0x16, 0xfe]);
        assert_eq!(packet("<t>"), [1, 2, 3, 4]);
        assert_eq!(packet("<c>"), [0xff, 0xfe, 0xfd, 0xfc]);
        assert_eq!(packet("<r 1000>").len(), 1000);
        let letters = packet("<rc 2000>");
        assert!(letters.len() == 2000 && letters.iter().all(u8::is_ascii_alphabetic));
        assert!(LETTERS.iter().all(|letter| letters.contains(letter)));
        let digits = packet("<rd 1000>");
        assert!(digits.len() == 1000 && digits.iter().all(u8::is_ascii_digit));
        assert!(DIGITS.iter().all(|digit| digits.contains(digit)));
    }

    #[test]
    fn tags_follow_each_other() {
        let made = packet(" a <b 0x01> b <t><r 2>\t< b  0x02 >>");
        assert_eq!(made.len(), 8);
        assert_eq!((made[0], &made[1..5], made[7]), (1, &[1, 2, 3, 4][..], 2));
    }

    #[test]
    fn chance_is_new_each_time() {
        let special = Special::parse("<r 16>").unwrap().unwrap();
        assert_ne!(special.packet(0, 0), special.packet(0, 0));
    }

    #[test]
    fn nothing_is_no_packet() {
        for text in ["", "text", "<r 0>", "<rc 0><rd 0>"] {
            assert_eq!(Special::parse(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn errors_say_what_to_do() {
        for (text, said) in [
            ("<r 1", "<r 1 does not end: add a >"),
            ("<r 1><", "< does not end: add a >"),
            ("<b>", "<b> has no bytes: write <b 0x16fe>"),
            ("<b 0x>", "<b 0x> has no bytes: write <b 0x16fe>"),
            ("<b 0x123>", "<b 0x123> has no bytes: write <b 0x16fe>"),
            ("<b 0x1g>", "<b 0x1g> has no bytes: write <b 0x16fe>"),
            ("<r>", "<r> has no number of bytes: write <r 16>"),
            ("<rc -1>", "<rc -1> has no number of bytes: write <rc 16>"),
            (
                "<rd 65508>",
                "<rd 65508> has no number of bytes: write <rd 16>",
            ),
            ("<t 4>", "<t 4> takes nothing: write <t>"),
            ("<c 1>", "<c 1> takes nothing: write <c>"),
            ("<>", "<> is no tag: there are b, r, rc, rd, t and c"),
            (
                "<wt 5>",
                "<wt 5> is no tag: there are b, r, rc, rd, t and c",
            ),
            (
                "<r 65507><r 1>",
                "65508 bytes are no datagram: ask for 65507 at most",
            ),
        ] {
            assert_eq!(Special::parse(text), Err(said.into()), "{text}");
        }
    }

    #[test]
    fn special_packets_are_counted_and_junk_follows() {
        let special = ["<c>", "<r 7>", "<c>"].map(|text| Special::parse(text).unwrap().unwrap());
        let before = Before {
            special: special.into(),
            junk: 300,
            junk_length: 2..=5,
        };
        let packets = before.packets(0);
        let counter = |number: usize| u32::from_be_bytes(packets[number][..].try_into().unwrap());
        assert_eq!(counter(2), counter(0).wrapping_add(2));
        assert_eq!(packets[1].len(), 7);
        let lengths = packets[3..].iter().map(Vec::len);
        let counted = |wanted| lengths.clone().filter(|length| *length == wanted).count();
        assert_eq!((2..=5).map(counted).sum::<usize>(), 300);
        assert!((2..=5).all(|length| counted(length) > 0));
    }

    #[test]
    fn without_a_length_there_is_no_junk() {
        let before = Before {
            junk: 5,
            ..Before::default()
        };
        assert_eq!(before.packets(0), Vec::<Vec<u8>>::new());
    }
}
