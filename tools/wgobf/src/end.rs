// SPDX-License-Identifier: GPL-2.0

//! One end of a tunnel, as a file describes it, and what of that does not work.

use std::collections::BTreeMap;
use std::net::IpAddr;

use wireguard_proto::awg::settings::Refusal;
use wireguard_proto::awg::special::Special;
use wireguard_proto::awg::{self, Span, MIN_PROTECTED_PREFIX, SPECIALS};
use wireguard_proto::identity::StaticIdentity;
use wireguard_proto::messages::{MessageType, PublicKey};
use wireguard_proto::rustcrypto::RustCrypto;

use crate::file::{lines, Finding, Line};
use crate::setting::{Key, Setting, Settings, SPECIAL_NAMES};
use crate::{values, Result};

/// What awg-quick and its like read, and `awg setconf` refuses.
const OF_QUICK: [&str; 10] = [
    "Address",
    "DNS",
    "MTU",
    "Table",
    "PreUp",
    "PostUp",
    "PreDown",
    "PostDown",
    "SaveConfig",
    "Name",
];

/// What AmneziaWG 1.5 had, and 2.0 has not.
const OUTDATED: [&str; 4] = ["J1", "J2", "J3", "Itime"];

/// What is said of an end. What is not is [`None`], or WireGuard's.
#[derive(Default)]
pub struct End {
    pub settings: Settings,
    /// I1 to I5. One that makes no packet is none.
    pub specials: [Option<String>; SPECIALS],
    pub private_key: Option<Key>,
    pub port: Option<u16>,
    pub mark: Option<u32>,
    pub mtu: Option<u16>,
    pub peers: Vec<Peer>,
    /// By keys of [Interface] in lower case, where they are.
    lines: BTreeMap<String, usize>,
}

/// A peer of it.
#[derive(Default)]
pub struct Peer {
    pub public_key: Option<PublicKey>,
    pub preshared_key: Option<Key>,
    /// Host and port.
    pub endpoint: Option<String>,
    pub keepalive: Option<Span<u16>>,
    pub allowed_ips: Vec<(IpAddr, u8)>,
    line: usize,
}

/// Where a line belongs.
#[derive(Clone, Copy)]
enum Section {
    None,
    Interface,
    Peer,
}

impl End {
    /// Reads a file, and tells what of it does not work.
    pub fn load(file: &str) -> Result<(Self, Vec<Finding>)> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| format!("{file} cannot be read: {error}"))?;
        Ok(Self::read(&text))
    }

    /// One with these settings and nothing else.
    pub fn with(settings: Settings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    pub fn read(text: &str) -> (Self, Vec<Finding>) {
        let (mut end, mut findings) = (Self::default(), Vec::new());
        let mut section = Section::None;
        for (number, line) in lines(text) {
            let told = match line {
                Ok(Line::Interface) => {
                    section = Section::Interface;
                    Ok(())
                }
                Ok(Line::Peer) => {
                    section = Section::Peer;
                    end.peers.push(Peer {
                        line: number,
                        ..Peer::default()
                    });
                    Ok(())
                }
                Ok(Line::Set(key, value)) => match (section, end.peers.last_mut()) {
                    (Section::None, _) => Err(format!(
                        "{key} is in no section: write [Interface] before it"
                    )),
                    (Section::Peer, Some(peer)) => peer.set(key, value),
                    _ => {
                        findings.extend(end.note_line(key, number));
                        end.set(key, value)
                    }
                },
                Err(why) => Err(why),
            };
            findings.extend(told.err().map(|why| Finding::refused(number, why)));
        }
        findings.extend(end.refusals());
        for peer in &end.peers {
            if peer.public_key.is_none() {
                let text = "this [Peer] has no PublicKey: add it, or remove the section";
                findings.push(Finding::refused(peer.line, text));
            }
        }
        (end, findings)
    }

    /// Where a key is, if it is there.
    pub fn line(&self, key: &str) -> Option<usize> {
        self.lines.get(&key.to_lowercase()).copied()
    }

    fn note_line(&mut self, key: &str, number: usize) -> Option<Finding> {
        let before = self.lines.insert(key.to_lowercase(), number)?;
        // Commands are run one after the other, and addresses are added up.
        if OF_QUICK.iter().any(|name| name.eq_ignore_ascii_case(key)) {
            return None;
        }
        let text = format!("{key} replaces what line {before} says: remove one of them");
        Some(Finding::unwise(number, text))
    }

    fn set(&mut self, key: &str, value: &str) -> Result {
        let named = |why| format!("{key} {why}");
        if let Some(setting) = Setting::find(key) {
            return setting.parse(&mut self.settings, value).map_err(named);
        }
        let special = SPECIAL_NAMES
            .iter()
            .position(|name| name.eq_ignore_ascii_case(key));
        if let Some(place) = special {
            self.specials[place] = special_text(value).map_err(named)?;
            return Ok(());
        }
        let is_one_of = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(key));
        match key.to_lowercase().as_str() {
            "privatekey" => self.private_key = Some(values::key(value).map_err(named)?),
            "listenport" => self.port = Some(values::number(value, u16::MAX).map_err(named)?),
            "fwmark" => self.mark = Some(values::mark(value).map_err(named)?),
            "mtu" => self.mtu = Some(values::number(value, u16::MAX).map_err(named)?),
            _ if is_one_of(&OF_QUICK) => {}
            _ if is_one_of(&OUTDATED) => {
                return Err(format!(
                    "{key} is of AmneziaWG 1.5 and ignored by all later versions: remove it"
                ))
            }
            _ => {
                return Err(format!(
                    "{key} is nothing that [Interface] may have: remove it"
                ))
            }
        }
        Ok(())
    }

    /// The keys that are there and that only awg-quick and its like understand.
    pub fn keys_of_quick(&self) -> Vec<(usize, &'static str)> {
        OF_QUICK
            .iter()
            .filter_map(|name| Some((self.line(name)?, *name)))
            .collect()
    }

    /// What the driver says of the settings, all of it: what it has said of one is set right to hear about the next.
    fn refusals(&self) -> Vec<Finding> {
        let (mut settings, mut findings) = (self.settings.duplicate(), Vec::new());
        while let Err(refusal) = settings.check() {
            let text = refusal.text().to_string_lossy();
            findings.push(Finding::refused(
                self.line_named_in(refusal, &text),
                text.clone(),
            ));
            set_right(&mut settings, refusal);
        }
        findings
    }

    /// The line of the key that is to blame, or else of one that does not go with it.
    fn line_named_in(&self, refusal: Refusal, text: &str) -> Option<usize> {
        let blamed = format!("{:?}", refusal.setting());
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
        self.line(&blamed)
            .or_else(|| words.filter_map(|word| self.line(word)).next())
    }

    /// The public key, if there is a private one.
    pub fn public_key(&self) -> Option<PublicKey> {
        let private = self.private_key.as_ref()?.duplicate();
        StaticIdentity::<RustCrypto>::from_private(private).map(|identity| *identity.public())
    }
}

/// Changes what is refused to what is not, and gives no reason for another refusal.
fn set_right(settings: &mut Settings, refusal: Refusal) {
    match refusal {
        Refusal::TooMuchJunk => settings.junk_count = 0,
        Refusal::JunkTooLong | Refusal::Inverted(awg::settings::Setting::Jmin) => {
            settings.junk_len = Span::single(0)
        }
        Refusal::PrefixTooLong(kind) | Refusal::PrefixTooShort(kind) => {
            for (other, prefix) in MessageType::ALL.into_iter().zip(&mut settings.prefixes) {
                if other == kind {
                    *prefix = MIN_PROTECTED_PREFIX;
                }
            }
        }
        Refusal::HeadersOverlap(_) => settings.headers = Settings::default().headers,
        Refusal::EndsUnrenewed => {
            settings.rekey_after_time = Span::single(0);
            settings.reject_after_time = Span::single(0);
        }
        Refusal::Inverted(setting) => {
            if let Some(setting) = Setting::find(&format!("{setting:?}")) {
                setting.straighten(settings);
            }
        }
    }
}

/// A text that the driver takes, if there is a packet in it.
fn special_text(text: &str) -> Result<Option<String>> {
    let special =
        Special::parse(text.as_bytes()).map_err(|error| error.text().to_string_lossy())?;
    Ok((!special.is_empty()).then(|| text.into()))
}

impl Peer {
    /// One with this key and nothing else.
    pub fn with(key: PublicKey) -> Self {
        Self {
            public_key: Some(key),
            ..Self::default()
        }
    }

    fn set(&mut self, key: &str, value: &str) -> Result {
        let named = |why| format!("{key} {why}");
        match key.to_lowercase().as_str() {
            "publickey" => {
                let key = values::key(value).map_err(named)?;
                self.public_key = Some(PublicKey(*key.as_bytes()));
            }
            "presharedkey" => self.preshared_key = Some(values::key(value).map_err(named)?),
            "endpoint" => self.endpoint = Some(values::endpoint(value).map_err(named)?),
            "allowedips" => self
                .allowed_ips
                .extend(values::prefixes(value).map_err(named)?),
            "persistentkeepalive" => {
                let span = values::interval(value).map_err(named)?;
                if span.is_inverted() {
                    return Err(named("must not end before it begins".into()));
                }
                self.keepalive = Some(span);
            }
            // Says nothing any more.
            "advancedsecurity" => values::switch(value).map(drop).map_err(named)?,
            _ => return Err(format!("{key} is nothing that [Peer] may have: remove it")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::Weight;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn told(text: &str) -> Vec<String> {
        let (_, findings) = End::read(text);
        findings
            .iter()
            .map(|finding| finding.told_of("f"))
            .collect()
    }

    #[test]
    fn all_of_an_end_is_read() {
        let (end, findings) = End::read(&format!(
            "[interface]\nprivatekey = {KEY}\nLISTENPORT = 51820\nFwMark = 0x7\nMTU = 1408\n\
             Address = 10.0.0.1/24\nAddress = fd00::1/64\njc = 5\nJmin=10\nJmax = 50\nS4 = 12\n\
             h1 = 5-9\ni2 = a <b 0x01> <r 2> # two\nI3 = none\n[PEER]\nPublicKey = {KEY}\n\
             PresharedKey = {KEY}\nEndpoint = a.example:1\nAllowedIPs = 10.0.0.0/8\nAllowedIPs = \
             ::/0\nPersistentKeepalive = 20-30\nAdvancedSecurity = on\n[Peer]\nPublicKey = {KEY}"
        ));
        assert_eq!(findings, []);
        assert_eq!(
            (end.port, end.mark, end.mtu),
            (Some(51820), Some(7), Some(1408))
        );
        assert_eq!(end.settings.junk_count, 5);
        assert_eq!(end.settings.junk_len, Span::new(10, 50));
        assert_eq!(end.settings.prefixes, [0, 0, 0, 12]);
        assert_eq!(end.settings.headers[0], Span::new(5, 9));
        let specials = end.specials.each_ref().map(Option::as_deref);
        assert_eq!(specials, [None, Some("a <b 0x01> <r 2>"), None, None, None]);
        assert_eq!(end.keys_of_quick(), [(7, "Address"), (5, "MTU")]);
        let [peer, other] = &end.peers[..] else {
            panic!("{} peers", end.peers.len());
        };
        assert!(peer.preshared_key.is_some() && other.preshared_key.is_none());
        assert_eq!(peer.endpoint.as_deref(), Some("a.example:1"));
        assert_eq!(peer.keepalive, Some(Span::new(20, 30)));
        assert_eq!(peer.allowed_ips.len(), 2);
    }

    #[test]
    fn what_the_driver_refuses_is_refused_with_line_and_reason() {
        for (lines, said) in [
            ("Jc = 129", "f:2: error: Jc must not be greater than 128"),
            (
                "Jmax = 1453",
                "f:2: error: Jmax must not be greater than 1452",
            ),
            (
                "Jmin = 9\nJmax = 8",
                "f:2: error: Jmin must not be greater than Jmax",
            ),
            ("S2 = 1305", "f:2: error: S2 must not be greater than 1304"),
            (
                "H3 = 9-8",
                "f:2: error: H3: the range must not end before it begins",
            ),
            ("H1 = 4", "f:2: error: H1 and H4 must not overlap"),
            (
                "RekeyTimeout = 9-8",
                "f:2: error: RekeyTimeout: the range must not end before it begins",
            ),
            (
                "I1 = <q>",
                "f:2: error: I1 has a tag other than b, r, rc, rd, t and c",
            ),
            (
                "I5 = <r 1401>",
                "f:2: error: I5 must not make a packet of more than 1400 bytes",
            ),
            ("i1 = <b 0x01", "f:2: error: i1 has a tag without '>'"),
        ] {
            assert_eq!(told(&format!("[Interface]\n{lines}")), [said], "{lines}");
        }
    }

    #[test]
    fn all_refusals_are_told_not_only_the_first() {
        let text = format!(
            "[Interface]\nHeaderProtectionKey = {KEY}\nS1 = 12\nS2 = 11\nS4 = 2000\nJc = 500\n\
             Jmin = 2\nH1 = 9-8\nH2 = 5-7\nH3 = 7"
        );
        assert_eq!(
            told(&text),
            [
                "f:6: error: Jc must not be greater than 128",
                "f:7: error: Jmin must not be greater than Jmax",
                "f:4: error: S2 must be >= 12 when HeaderProtectionKey is set",
                "f:2: error: S3 must be >= 12 when HeaderProtectionKey is set",
                "f:5: error: S4 must not be greater than 1304",
                "f:8: error: H1: the range must not end before it begins",
                "f:10: error: H2 and H3 must not overlap",
            ]
        );
    }

    #[test]
    fn sessions_are_renewed_before_they_end() {
        let said = |line| {
            format!(
                "f:{line}: error: RejectAfterTime (default 180) must be greater than RekeyAfterTime \
                 (default 120)"
            )
        };
        let told = |lines: &str| told(&format!("[Interface]\n{lines}"));
        assert_eq!(told("RekeyAfterTime = 100-180"), [said(2)]);
        assert_eq!(told("RejectAfterTime = 120-500"), [said(2)]);
        assert_eq!(told("RekeyAfterTime = 9\nRejectAfterTime = 9"), [said(3)]);
        assert_eq!(
            told("RekeyAfterTime = 100-120\nRejectAfterTime = 121-130"),
            [""; 0]
        );
    }

    #[test]
    fn what_cannot_be_read_is_told_with_what_to_write() {
        for (lines, said) in [
            (
                "Jc = many",
                "f:2: error: Jc must be a number up to 65535, not \"many\"",
            ),
            (
                "H1 = 1-2-3",
                "f:2: error: H1 must be a number of 32 bits or a range, as in 5-9, not \"1-2-3\"",
            ),
            (
                "RandomTrailers = yes",
                "f:2: error: RandomTrailers must be on or off, not \"yes\"",
            ),
            (
                "Jd = 4",
                "f:2: error: Jd is nothing that [Interface] may have: remove it",
            ),
            (
                "Itime = 4",
                "f:2: error: Itime is of AmneziaWG 1.5 and ignored by all later versions: remove \
                 it",
            ),
            (
                "S1 = 1\ns1 = 2",
                "f:3: warning: s1 replaces what line 2 says: remove one of them",
            ),
            (
                "S1",
                "f:2: error: this line sets nothing: write KEY = VALUE",
            ),
            (
                "[Peer]",
                "f:2: error: this [Peer] has no PublicKey: add it, or remove the section",
            ),
        ] {
            assert_eq!(told(&format!("[Interface]\n{lines}")), [said], "{lines}");
        }
        let said = "f:1: error: S1 is in no section: write [Interface] before it";
        assert_eq!(told("S1 = 4"), [said]);
        let peer = format!("[Peer]\nPublicKey = {KEY}\nPersistentKeepalive = 9-8");
        let said = "f:3: error: PersistentKeepalive must not end before it begins";
        assert_eq!(told(&peer), [said]);
    }

    #[test]
    fn a_secret_is_never_repeated() {
        let secret = &KEY[..43];
        for key in ["PrivateKey", "HeaderProtectionKey"] {
            let (_, findings) = End::read(&format!("[Interface]\n{key} = {secret}"));
            assert_eq!(findings.len(), 1);
            assert_eq!(findings[0].weight, Weight::Refused);
            assert!(findings[0].text.starts_with(key) && !findings[0].text.contains(secret));
        }
    }
}
