// SPDX-License-Identifier: GPL-2.0

//! A second reader of how AmneziaWG's messages are to look, and a second judge of it.

use super::oracle::{last, list, value, Device, Fate, Node};

/// The looks of a device and of its profiles, from that of number 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AllLooks {
    pub(crate) own: Looks,
    pub(crate) profiles: [Option<Looks>; 7],
}

impl AllLooks {
    pub(crate) fn plain() -> Self {
        Self {
            own: Looks::plain(),
            profiles: Default::default(),
        }
    }

    /// What comes of them by a request that is well-formed, and for whose `device` they are, or why that
    /// is to be refused.
    pub(crate) fn after(&self, message: &[u8], device: &Device) -> Result<Self, Refusal> {
        let mut after = Self {
            own: self.own.after(message).ok_or(Refusal::Settings)?,
            profiles: self.profiles.clone(),
        };
        let (nodes, _) = list(message);
        for element in list(last(&nodes, 133).unwrap_or_default()).0 {
            after.change(message, &element)?;
        }
        let (peers, _) = list(last(&nodes, 8).unwrap_or_default());
        for (element, peer) in peers.iter().zip(&device.peers) {
            let is_worn = |at: usize| after.profiles.get(at).is_some_and(Option::is_some);
            let is_lacking = |number: u8| number > 0 && !is_worn(usize::from(number) - 1);
            if peer.fate == Fate::There && peer.profile.is_some_and(is_lacking) {
                let chosen = last(&list(element.payload).0, 129).unwrap_or_default();
                return Err(Refusal::Lacks(place(message, chosen)));
            }
        }
        Ok(after)
    }

    /// What one element of the list of profiles says.
    fn change(&mut self, message: &[u8], element: &Node<'_>) -> Result<(), Refusal> {
        let wrong = |payload| Refusal::Wrong(place(message, payload));
        let (nodes, _) = list(element.payload);
        let number = last(&nodes, 1).filter(|_| element.is_nested);
        let number = number.ok_or(wrong(element.payload))?;
        let &[at @ 1..=7] = number else {
            return Err(wrong(number));
        };
        let look = &mut self.profiles[usize::from(at) - 1];
        let is_removed = value(&nodes, 2).map_or(0, u32::from_ne_bytes) == 1;
        // The first by number is to blame.
        let setting = (9..=34).find_map(|number| last(&nodes, number));
        *look = match (is_removed, setting) {
            (true, Some(setting)) => return Err(wrong(setting)),
            (true, None) => None,
            (false, _) => {
                let before = look.take().unwrap_or_else(Looks::plain);
                Some(before.after(element.payload).ok_or(Refusal::Settings)?)
            }
        };
        Ok(())
    }
}

/// Why a request is refused that is well-formed, and where the attribute begins that is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Settings make no sense, or none together.
    Settings,
    /// So does an element of the list of profiles.
    Wrong(usize),
    /// A peer is to wear a profile that there is not.
    Lacks(usize),
}

/// Where in a message the attribute of a payload begins.
fn place(message: &[u8], payload: &[u8]) -> usize {
    payload.as_ptr() as usize - message.as_ptr() as usize - 4
}

/// All settings of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Looks {
    /// Jc, Jmin, Jmax.
    pub(crate) junk: [u16; 3],
    /// S1 to S4.
    pub(crate) prefixes: [u16; 4],
    /// H1 to H4.
    pub(crate) headers: [(u32, u32); 4],
    /// Zero if there is none.
    pub(crate) key: [u8; 32],
    /// Padding, four times, and attempts.
    pub(crate) ranges: [(u16, u16); 6],
    /// Trailers, and cookies.
    pub(crate) switches: [bool; 2],
    /// I1 to I5; empty if there is none.
    pub(crate) specials: [Vec<u8>; 5],
}

impl Looks {
    /// WireGuard's.
    pub(crate) fn plain() -> Self {
        Self {
            junk: [0; 3],
            prefixes: [0; 4],
            headers: [(1, 1), (2, 2), (3, 3), (4, 4)],
            key: [0; 32],
            ranges: [(0, 0); 6],
            switches: [false; 2],
            specials: Default::default(),
        }
    }

    /// What comes of them by a request, or nothing if that is to be refused.
    pub(crate) fn after(&self, message: &[u8]) -> Option<Self> {
        let (nodes, _) = list(message);
        let mut after = self.clone();
        let Self {
            junk: [count, min, max],
            prefixes: [s1, s2, s3, s4],
            ..
        } = &mut after;
        let numbers = [
            (9, count),
            (10, min),
            (11, max),
            (12, s1),
            (13, s2),
            (19, s3),
            (20, s4),
        ];
        for (number, place) in numbers {
            if let Some(bytes) = value(&nodes, number) {
                *place = u16::from_ne_bytes(bytes);
            }
        }
        for (number, place) in (14..).zip(&mut after.headers) {
            if let Some(payload) = last(&nodes, number) {
                *place = read_header(payload)?;
            }
        }
        for (number, place) in (27..).zip(&mut after.ranges) {
            if let Some([a, b, c, d]) = value(&nodes, number) {
                let bits = u32::from_ne_bytes([a, b, c, d]);
                *place = ((bits % 65536) as u16, (bits / 65536) as u16);
            }
        }
        for (number, place) in (33..).zip(&mut after.switches) {
            match value(&nodes, number) {
                Some([value @ 0..=1]) => *place = value == 1,
                Some(_) => return None,
                None => {}
            }
        }
        after.key = value(&nodes, 26).unwrap_or(after.key);
        after.read_specials(&nodes)?;
        after.is_sound().then_some(after)
    }

    fn read_specials(&mut self, nodes: &[Node<'_>]) -> Option<()> {
        for (number, place) in (21..).zip(&mut self.specials) {
            if let Some(payload) = last(nodes, number) {
                let text = payload.split(|byte| *byte == 0).next()?;
                let is_packet = special_len(text)? > 0;
                *place = if is_packet { text.to_vec() } else { Vec::new() };
            }
        }
        Some(())
    }

    fn is_sound(&self) -> bool {
        let [count, min, max] = self.junk;
        let is_protected = self.key != [0; 32];
        let prefix_fits = |prefix: &u16| *prefix <= 1304 && (!is_protected || *prefix >= 12);
        // Sorted by where they begin, each ends before the next.
        let mut headers = self.headers;
        headers.sort_unstable();
        let apart = headers.windows(2).all(|two| two[0].1 < two[1].0);
        count <= 128
            && min <= max
            && max <= 1452
            && self.prefixes.iter().all(prefix_fits)
            && headers.iter().all(|(lo, hi)| lo <= hi)
            && apart
            && self.ranges.iter().all(|(lo, hi)| lo <= hi)
            && self.is_renewed_in_time()
    }

    fn is_renewed_in_time(&self) -> bool {
        let or = |range: (u16, u16), secs| if range == (0, 0) { (secs, secs) } else { range };
        let [_, renewed, _, over, ..] = self.ranges;
        or(renewed, 120).1 < or(over, 180).0
    }
}

/// Digits, or digits, a dash and digits, and a NUL; or else a number; or else two of them.
fn read_header(payload: &[u8]) -> Option<(u32, u32)> {
    let text = std::str::from_utf8(payload).ok();
    if let Some(span) = text.and_then(|text| text.strip_suffix('\0')).and_then(span) {
        return Some(span);
    }
    match payload.len() {
        4 => {
            let number = u32::from_ne_bytes(payload.try_into().unwrap());
            Some((number, number))
        }
        8 => {
            let bits = u64::from_ne_bytes(payload.try_into().unwrap());
            Some((bits as u32, (bits >> 32) as u32))
        }
        _ => None,
    }
}

fn span(text: &str) -> Option<(u32, u32)> {
    let number = |text: &str| {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| is_number)
    };
    match text.split_once('-') {
        Some((lo, hi)) => Some((number(lo)?, number(hi)?)),
        None => number(text).map(|number| (number, number)),
    }
}

/// How long a packet is by a text, if that is right.
fn special_len(text: &[u8]) -> Option<u64> {
    if text.len() > 3000 {
        return None;
    }
    // One character for each byte.
    let text: String = text.iter().map(|byte| char::from(*byte)).collect();
    let (mut rest, mut len, mut tags) = (text.as_str(), 0_u64, 0);
    while let Some((_, tag)) = rest.split_once('<') {
        let (inside, behind) = tag.split_once('>')?;
        rest = behind;
        let is_blank = |c: char| c.is_ascii_whitespace();
        let inside = inside.trim_matches(is_blank);
        let (name, argument) = inside.split_once(is_blank).unwrap_or((inside, ""));
        let argument = argument.trim_matches(is_blank);
        len = len.saturating_add(match name {
            "b" => hex_len(argument.strip_prefix("0x").unwrap_or(argument))?,
            "r" | "rc" | "rd" => decimal(argument)?,
            "t" | "c" => 4,
            _ => return None,
        });
        tags += 1;
    }
    (tags <= 64 && len <= 1400).then_some(len)
}

fn hex_len(digits: &str) -> Option<u64> {
    let is_right = !digits.is_empty()
        && digits.len() % 2 == 0
        && digits.chars().all(|digit| digit.is_ascii_hexdigit());
    is_right.then_some(digits.len() as u64 / 2)
}

/// One that is too great for any number is too great for any packet.
fn decimal(digits: &str) -> Option<u64> {
    let is_right = !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_digit());
    is_right.then(|| digits.parse().unwrap_or(u64::MAX))
}
