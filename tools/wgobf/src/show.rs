// SPDX-License-Identifier: GPL-2.0

//! What a device is, as a file that says so: with its secrets it makes another device the same.

use std::fmt::{Display, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::device::{Shown, Traffic};
use crate::end::Peer;
use crate::setting::{span_text, version, Key, SETTINGS, SPECIAL_NAMES};
use crate::values::base64;

/// Where what there is to say of a line begins.
const REMARK_AT: usize = 36;

pub fn text(shown: &Shown, has_secrets: bool) -> String {
    let mut text = Text {
        text: String::new(),
        has_secrets,
    };
    let (end, name) = (&shown.end, &shown.name);
    let looks = match shown.is_awg {
        true => version(&end.settings, &end.specials),
        false => "WireGuard, and can look like nothing else",
    };
    text.line(format_args!("# {name} looks like {looks}."));
    text.line("[Interface]");
    if let Some(key) = &shown.public_key {
        text.line(format_args!("# The public key is {}.", base64(&key.0)));
    }
    text.secret("PrivateKey", end.private_key.as_ref());
    if let Some(port) = end.port.filter(|port| *port != 0) {
        text.line(format_args!("ListenPort = {port}"));
    }
    if let Some(mark) = end.mark {
        text.line(format_args!("FwMark = {mark:#x}"));
    }
    let set = SETTINGS
        .iter()
        .filter(|setting| !setting.is_default(&end.settings));
    for setting in set {
        if setting.is_secret() {
            text.secret(setting.name, end.settings.key());
        } else {
            let value = setting.text(&end.settings);
            text.remarked(setting.name, &value, setting.what);
        }
    }
    for (name, special) in SPECIAL_NAMES.iter().zip(&end.specials) {
        if let Some(special) = special {
            text.line(format_args!("{name} = {special}"));
        }
    }
    for (peer, traffic) in end.peers.iter().zip(&shown.traffic) {
        text.peer(peer, *traffic, now());
    }
    text.text
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() as i64)
}

struct Text {
    text: String,
    has_secrets: bool,
}

impl Text {
    fn line(&mut self, line: impl Display) {
        // A String takes whatever is written.
        let _ = writeln!(self.text, "{line}");
    }

    fn remarked(&mut self, name: &str, value: &str, remark: &str) {
        let set = format!("{name} = {value}");
        self.line(format_args!("{set:REMARK_AT$} # {remark}"));
    }

    fn secret(&mut self, name: &str, key: Option<&Key>) {
        match (key, self.has_secrets) {
            (Some(key), true) => self.line(format_args!("{name} = {}", base64(key.as_bytes()))),
            (Some(_), false) => self.line(format_args!("# {name} is set; --secrets shows it.")),
            (None, _) => {}
        }
    }

    fn peer(&mut self, peer: &Peer, traffic: Traffic, now: i64) {
        self.line("\n[Peer]");
        if let Some(key) = &peer.public_key {
            self.line(format_args!("PublicKey = {}", base64(&key.0)));
        }
        self.secret("PresharedKey", peer.preshared_key.as_ref());
        if let Some(endpoint) = &peer.endpoint {
            self.line(format_args!("Endpoint = {endpoint}"));
        }
        let allowed: Vec<_> = peer
            .allowed_ips
            .iter()
            .map(|(address, len)| format!("{address}/{len}"))
            .collect();
        if !allowed.is_empty() {
            self.line(format_args!("AllowedIPs = {}", allowed.join(", ")));
        }
        if let Some(span) = peer.keepalive {
            self.line(format_args!(
                "PersistentKeepalive = {}",
                span_text(span.lo, span.hi)
            ));
        }
        let Traffic {
            last_handshake,
            received,
            sent,
        } = traffic;
        match last_handshake {
            0 => self.line("# There was no handshake yet."),
            when => self.line(format_args!(
                "# The last handshake was {} s ago; {received} bytes received, {sent} sent.",
                now.saturating_sub(when)
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::end::End;
    use crate::file::said;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn shown() -> (Shown, String) {
        let file = format!(
            "[Interface]\nPrivateKey = {KEY}\nListenPort = 51820\nFwMark = 0x7\nS4 = 12\nH1 = \
             5-9\nHeaderProtectionKey = {KEY}\nS1 = 12\nS2 = 12\nS3 = 12\nRandomTrailers = on\n\
             Jc = 4\nJmax = 9\nI1 = <t>\n[Peer]\nPublicKey = {KEY}\nPresharedKey = {KEY}\n\
             Endpoint = 192.0.2.1:1\nAllowedIPs = 10.0.0.0/8, ::/0\nPersistentKeepalive = 20-30\n"
        );
        let (end, findings) = End::read(&file);
        assert_eq!(findings, []);
        let shown = Shown {
            name: "awg0".into(),
            is_awg: true,
            public_key: end.public_key(),
            end,
            traffic: vec![Traffic::default()],
        };
        (shown, file)
    }

    #[test]
    fn with_secrets_it_says_what_was_said() {
        let (shown, file) = shown();
        assert_eq!(said(&text(&shown, true)), said(&file));
    }

    #[test]
    fn without_them_there_are_none() {
        let (shown, file) = shown();
        let text = text(&shown, false);
        // The public key of the peer is there, of the same spelling here.
        assert_eq!(text.matches(KEY).count(), 1, "{text}");
        let open: Vec<_> = said(&file)
            .into_iter()
            .filter(|line| !line.contains(KEY) || line.starts_with("Pub"))
            .collect();
        assert_eq!(said(&text), open);
        for name in ["PrivateKey", "HeaderProtectionKey", "PresharedKey"] {
            assert!(text.contains(&format!("# {name} is set; --secrets shows it.")));
        }
    }

    #[test]
    fn it_says_what_the_device_looks_like_and_what_settings_do() {
        let (mut shown, _) = shown();
        let awg = text(&shown, false);
        assert!(awg.starts_with("# awg0 looks like AmneziaWG 3.1.\n[Interface]\n"));
        assert!(awg.contains("\nS4 = 12                              # random bytes before data\n"));
        assert!(awg.ends_with("\n# There was no handshake yet.\n"));
        shown.traffic[0] = Traffic {
            last_handshake: now() - 100,
            received: 5,
            sent: 6,
        };
        shown.is_awg = false;
        let plain = text(&shown, false);
        assert!(plain.starts_with("# awg0 looks like WireGuard, and can look like nothing else.\n"));
        assert!(
            plain.contains("# The last handshake was 10")
                && plain.ends_with(" s ago; 5 bytes received, 6 sent.\n")
        );
    }
}
