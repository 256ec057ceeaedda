// SPDX-License-Identifier: GPL-2.0

//! A device, by the family `amneziawg` or `wireguard` of generic netlink.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use nix::errno::Errno;
use wire_peer::netlink::{
    attribute, attributes, Family, Message, Refusal, Socket, ACK, DUMP, REQUEST,
};
use wire_peer::uapi;
use wireguard_proto::awg::Span;
use wireguard_proto::messages::PublicKey;

use crate::end::{End, Peer};
use crate::setting::{decode_range, encode_range, Key, FIRST_SPECIAL, SETTINGS, SPECIAL_NAMES};
use crate::Result;

const FAMILY: &str = "amneziawg";
const PLAIN_FAMILY: &str = "wireguard";
/// Which knows ranges.
const VERSION: u32 = 3;

const LAST_HANDSHAKE: u16 = 6;
const RX_BYTES: u16 = 7;
const TX_BYTES: u16 = 8;
const REPLACE_ALLOWED_IPS: u32 = 2;

/// Room for the longest message of a dump.
const READ_SIZE: usize = 1 << 16;

/// As many allowed IPs as are told at once: an attribute has 64 KiB at most, and one of them takes 40 bytes.
const ALLOWED_IPS_AT_ONCE: usize = 1000;
/// Peers that are told at once, in bytes.
const PEERS_AT_ONCE: usize = 16 << 10;

/// A device that is there, in the namespace that we are in.
pub struct Device {
    socket: Socket,
    family: Family,
    /// Whether it may look like AmneziaWG's.
    is_awg: bool,
    name: String,
}

/// What a device is and does.
pub struct Shown {
    pub name: String,
    pub is_awg: bool,
    pub public_key: Option<PublicKey>,
    pub end: End,
    /// What there is to say of its peers beside.
    pub traffic: Vec<Traffic>,
}

/// What has happened with a peer.
#[derive(Clone, Copy, Default)]
pub struct Traffic {
    /// In seconds since 1970, or zero.
    pub last_handshake: i64,
    pub received: u64,
    pub sent: u64,
}

impl Device {
    pub fn open(name: &str) -> Result<Self> {
        let as_awg = match Self::of_family(FAMILY, name) {
            Ok(device) => return device.of_known_version(),
            Err(refusal) => refusal,
        };
        Self::of_family(PLAIN_FAMILY, name).map_err(|as_plain| match as_awg.error {
            Errno::ENOENT => explain(name, &as_plain),
            _ => explain(name, &as_awg),
        })
    }

    fn of_family(family: &str, name: &str) -> std::result::Result<Self, Refusal> {
        let socket = Socket::generic()?.explaining()?;
        let this = Self {
            family: socket.family(family)?,
            socket,
            is_awg: family == FAMILY,
            name: name.into(),
        };
        // Whether it is one tells the beginning of an answer, of which the rest is not read.
        let asking = Socket::generic()?.explaining()?;
        asking.send(this.request(DUMP, uapi::GET_DEVICE))?;
        asking.read_why(&mut vec![0; READ_SIZE], |_| ())?;
        Ok(this)
    }

    fn of_known_version(self) -> Result<Self> {
        match self.family.version {
            VERSION.. => Ok(self),
            version => Err(format!(
                "the module speaks version {version} of {FAMILY}, which has no ranges: load one \
                 that speaks version {VERSION}"
            )),
        }
    }

    fn request(&self, flags: u16, command: u8) -> Message {
        let mut message = Message::generic(self.family.id, REQUEST | flags, command);
        message.text(uapi::NAME, &self.name);
        message
    }

    fn set(&self, fill: impl FnOnce(&mut Message)) -> Result {
        let mut message = self.request(ACK, uapi::SET_DEVICE);
        fill(&mut message);
        self.socket
            .ask_why(message, |_| ())
            .map_err(|refusal| explain(&self.name, &refusal))
    }

    /// Makes the device look as the end does, in every respect. Of keys, port, mark and peers only those change that it has.
    pub fn apply(&self, end: &End, file: &str) -> Result {
        if !self.is_awg {
            return Err(format!(
                "{0} is a WireGuard interface, which looks like nothing else: make one by ip \
                 link add {0} type amneziawg",
                self.name
            ));
        }
        for (line, key) in end.keys_of_quick() {
            eprintln!("wgobf: {file}:{line}: {key} is for awg-quick: not applied");
        }
        let mut pieces = pieces(&end.peers)?.into_iter().peekable();
        self.set(|message| {
            fill_device(message, end);
            if !end.peers.is_empty() {
                message.u32(uapi::FLAGS, uapi::REPLACE_PEERS);
                fill_peers(message, &mut pieces);
            }
        })?;
        while pieces.peek().is_some() {
            self.set(|message| fill_peers(message, &mut pieces))?;
        }
        Ok(())
    }

    /// Reads what it is and does.
    pub fn read(&self) -> Result<Shown> {
        let mut shown = Shown {
            name: self.name.clone(),
            is_awg: self.is_awg,
            public_key: None,
            end: End::default(),
            traffic: Vec::new(),
        };
        let request = self.request(DUMP, uapi::GET_DEVICE);
        self.socket
            .ask_why(request, |message| shown.take(message))
            .map_err(|refusal| explain(&self.name, &refusal))?;
        Ok(shown)
    }
}

/// Why a request was refused, and what to do.
fn explain(name: &str, refusal: &Refusal) -> String {
    let said = refusal
        .why
        .as_ref()
        .map_or(String::new(), |why| format!(" ({why})"));
    match refusal.error {
        Errno::ENODEV => format!(
            "there is no interface {name}{said}: make it by ip link add {name} type amneziawg"
        ),
        Errno::EOPNOTSUPP => format!(
            "{name} is neither an AmneziaWG nor a WireGuard interface{said}: name another one"
        ),
        Errno::ENOENT => format!(
            "neither {FAMILY} nor {PLAIN_FAMILY} is there: load the module, by modprobe wireguard"
        ),
        Errno::EPERM => format!("only root may ask for {name}: run it by sudo"),
        error => match &refusal.why {
            Some(why) => format!(
                "{name} stays as it is: the kernel says: {why} ({})",
                error.desc()
            ),
            None => format!("{name} stays as it is: {}", error.desc()),
        },
    }
}

fn fill_device(message: &mut Message, end: &End) {
    for setting in &SETTINGS {
        message.attr(setting.attribute, &setting.encode(&end.settings));
    }
    for (attribute, text) in (FIRST_SPECIAL..).zip(&end.specials) {
        message.text(attribute, text.as_deref().unwrap_or_default());
    }
    if let Some(key) = &end.private_key {
        message.attr(uapi::PRIVATE_KEY, key.as_bytes());
    }
    if let Some(port) = end.port {
        message.u16(uapi::PORT, port);
    }
    if let Some(mark) = end.mark {
        message.u32(uapi::MARK, mark);
    }
}

/// A peer, or some more allowed IPs of it.
type Piece = Message;

/// What is to be told of peers, in pieces that fit into an attribute.
fn pieces(peers: &[Peer]) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    for peer in peers {
        // What was read has one.
        let Some(key) = peer.public_key else { continue };
        let endpoint = peer.endpoint.as_deref().map(address).transpose()?;
        // One at least, for a peer without any.
        let mut chunks = peer.allowed_ips.chunks(ALLOWED_IPS_AT_ONCE);
        let mut piece = Message(Vec::new());
        piece.attr(uapi::PEER_KEY, &key.0);
        piece.u32(uapi::PEER_FLAGS, REPLACE_ALLOWED_IPS);
        if let Some(key) = &peer.preshared_key {
            piece.attr(uapi::PRESHARED_KEY, key.as_bytes());
        }
        if let Some(endpoint) = endpoint {
            piece.attr(uapi::ENDPOINT, &uapi::sockaddr(endpoint));
        }
        if let Some(span) = peer.keepalive {
            piece.u32(uapi::KEEPALIVE, encode_range(span));
        }
        fill_allowed_ips(&mut piece, chunks.next().unwrap_or_default());
        pieces.push(piece);
        pieces.extend(chunks.map(|chunk| {
            let mut piece = Message(Vec::new());
            piece.attr(uapi::PEER_KEY, &key.0);
            fill_allowed_ips(&mut piece, chunk);
            piece
        }));
    }
    Ok(pieces)
}

fn fill_allowed_ips(piece: &mut Piece, allowed_ips: &[(IpAddr, u8)]) {
    piece.nest(uapi::ALLOWED_IPS, |list| {
        for (address, len) in allowed_ips {
            uapi::put_allowed_ip(list, *address, *len);
        }
    });
}

/// Some pieces, as many as are told at once, and one at least.
fn fill_peers(message: &mut Message, pieces: &mut impl Iterator<Item = Piece>) {
    message.nest(uapi::PEERS, |list| {
        let start = list.0.len();
        while list.0.len() - start <= PEERS_AT_ONCE {
            let Some(piece) = pieces.next() else { return };
            list.nest(0, |peer| peer.0.extend(piece.0));
        }
    });
}

/// The first address of a host.
fn address(endpoint: &str) -> Result<SocketAddr> {
    let found = endpoint
        .to_socket_addrs()
        .ok()
        .and_then(|mut found| found.next());
    found.ok_or_else(|| {
        format!("{endpoint} is not known: write its address, or see to it that names are found")
    })
}

impl Shown {
    /// Reads the attributes of a message. The peers of one may go on in the next.
    fn take(&mut self, message: &[u8]) {
        for (ty, value) in attributes(message) {
            if ty == uapi::PEERS {
                attributes(value).for_each(|(_, peer)| self.take_peer(peer));
            } else {
                // What is not as it should be is as good as not there.
                let _ = self.take_attribute(ty, value);
            }
        }
    }

    fn take_attribute(&mut self, ty: u16, value: &[u8]) -> Option<()> {
        let end = &mut self.end;
        if let Some(setting) = SETTINGS.iter().find(|setting| setting.attribute == ty) {
            return setting.decode(&mut end.settings, value);
        }
        if let Some(place) = ty
            .checked_sub(FIRST_SPECIAL)
            .map(usize::from)
            .filter(|at| *at < SPECIAL_NAMES.len())
        {
            let text = String::from_utf8_lossy(value.strip_suffix(&[0])?).into_owned();
            end.specials[place] = (!text.is_empty()).then_some(text);
            return Some(());
        }
        match ty {
            uapi::PRIVATE_KEY => end.private_key = key(value),
            uapi::PUBLIC_KEY => self.public_key = Some(PublicKey(value.try_into().ok()?)),
            uapi::PORT => end.port = Some(u16::from_ne_bytes(value.try_into().ok()?)),
            uapi::MARK => {
                end.mark =
                    Some(u32::from_ne_bytes(value.try_into().ok()?)).filter(|mark| *mark != 0)
            }
            _ => {}
        }
        Some(())
    }

    fn take_peer(&mut self, attributes_of_peer: &[u8]) {
        let found = attribute(attributes_of_peer, uapi::PEER_KEY);
        let Some(key) = found.and_then(|key| key.try_into().ok()).map(PublicKey) else {
            return;
        };
        if self.end.peers.last().and_then(|peer| peer.public_key) != Some(key) {
            self.end.peers.push(Peer::with(key));
            self.traffic.push(Traffic::default());
        }
        for (ty, value) in attributes(attributes_of_peer) {
            // As above.
            let _ = self.take_of_peer(ty, value);
        }
    }

    fn take_of_peer(&mut self, ty: u16, value: &[u8]) -> Option<()> {
        let peer = self.end.peers.last_mut()?;
        let traffic = self.traffic.last_mut()?;
        match ty {
            uapi::PRESHARED_KEY => peer.preshared_key = key(value),
            uapi::ENDPOINT => peer.endpoint = Some(uapi::socket_address(value)?.to_string()),
            uapi::KEEPALIVE => {
                let span = match value.try_into() {
                    // The family `wireguard` knows one number.
                    Ok(bytes) => Span::single(u16::from_ne_bytes(bytes)),
                    Err(_) => decode_range(value)?,
                };
                peer.keepalive = Some(span).filter(|span| !span.is_zero());
            }
            uapi::ALLOWED_IPS => {
                let list = attributes(value);
                peer.allowed_ips
                    .extend(list.filter_map(|(_, element)| uapi::allowed_ip(element)));
            }
            LAST_HANDSHAKE => traffic.last_handshake = i64::from_ne_bytes(*value.first_chunk()?),
            RX_BYTES => traffic.received = u64::from_ne_bytes(value.try_into().ok()?),
            TX_BYTES => traffic.sent = u64::from_ne_bytes(value.try_into().ok()?),
            _ => {}
        }
        Some(())
    }
}

/// A key that is none if it is zero.
fn key(bytes: &[u8]) -> Option<Key> {
    let bytes: &[u8; 32] = bytes.try_into().ok()?;
    Some(Key::fill_with(|key| *key = *bytes)).filter(|key| !key.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::said;
    use crate::{show, values};

    fn end(text: &str) -> End {
        let (end, findings) = End::read(text);
        assert_eq!(findings, [], "{text}");
        end
    }

    /// What a device would show that was given this by as many messages as it takes, and how many those were.
    fn shown(end: End) -> (Shown, usize) {
        let mut shown = Shown {
            name: "awg0".into(),
            is_awg: true,
            public_key: None,
            end: End::default(),
            traffic: Vec::new(),
        };
        let mut pieces = pieces(&end.peers).unwrap().into_iter().peekable();
        let mut message = Message(Vec::new());
        fill_device(&mut message, &end);
        let mut count = 1;
        loop {
            fill_peers(&mut message, &mut pieces);
            assert!(message.0.len() < 64 << 10);
            shown.take(&message.0);
            if pieces.peek().is_none() {
                return (shown, count);
            }
            message.0.clear();
            count += 1;
        }
    }

    fn key(number: u8) -> String {
        values::base64(&[number; 32])
    }

    #[test]
    fn what_is_told_is_what_was_said() {
        let text = format!(
            "[Interface]\nPrivateKey = {0}\nListenPort = 51820\nFwMark = 0x7\nS1 = 12\nS2 = 13\n\
             S3 = 14\nS4 = 15\nH1 = 5-9\nH2 = 10\nHeaderProtectionKey = {1}\nRandomTrailers = \
             on\nJc = 4\nJmax = 9\nContentPaddingAddition = 1-2\nI1 = <t>\nI5 = <c><b 0x01>\n\
             [Peer]\nPublicKey = {2}\nPresharedKey = {3}\nEndpoint = [2001:db8::1]:1\nAllowedIPs \
             = 10.0.0.0/8, fd00::/64\nPersistentKeepalive = 20-30\n[Peer]\nPublicKey = {0}\n\
             Endpoint = 192.0.2.1:65535\n",
            key(1),
            key(2),
            key(3),
            key(4)
        );
        let (there, messages) = shown(end(&text));
        assert_eq!(messages, 1);
        let back = end(&show::text(&there, true));
        for setting in &SETTINGS {
            assert!(setting.agrees(&back.settings, &end(&text).settings));
        }
        assert_eq!(said(&show::text(&there, true)), said(&text));
    }

    #[test]
    fn what_is_not_set_is_told_too() {
        let (mut there, _) = shown(end("[Interface]\nS4 = 12\nI1 = <t>\nRandomTrailers = on"));
        assert!(!there.end.settings.is_plain() && there.end.specials[0].is_some());
        let mut message = Message(Vec::new());
        fill_device(&mut message, &End::default());
        there.take(&message.0);
        assert!(there.end.settings.is_plain() && there.end.specials[0].is_none());
    }

    #[test]
    fn many_peers_and_allowed_ips_go_in_several_messages() {
        let mut text = String::from("[Interface]\n");
        let addresses = |peer: u32, count: u32| {
            let address = |n| format!("10.{peer}.{}.{}/32", n >> 8, n & 255);
            (0..count).map(address).collect::<Vec<_>>().join(", ")
        };
        for (number, count) in [(1, 2 * ALLOWED_IPS_AT_ONCE as u32 + 1), (2, 0), (3, 1)] {
            let (key, addresses) = (key(number), addresses(number.into(), count));
            text += &format!("[Peer]\nPublicKey = {key}\nAllowedIPs = {addresses}\n");
        }
        let (there, messages) = shown(end(&text));
        assert!(messages > 1);
        let (given, got) = (&end(&text).peers, &there.end.peers);
        assert_eq!(got.len(), 3);
        for (given, got) in given.iter().zip(got) {
            assert_eq!(given.public_key, got.public_key);
            assert_eq!(given.allowed_ips, got.allowed_ips);
        }
    }

    #[test]
    fn refusals_say_what_to_do() {
        let told = |error, why: Option<&str>| {
            let why = why.map(String::from);
            explain("awg0", &Refusal { error, why })
        };
        assert_eq!(
            told(Errno::ENODEV, None),
            "there is no interface awg0: make it by ip link add awg0 type amneziawg"
        );
        assert_eq!(
            told(Errno::EINVAL, Some("H1 and H2 must not overlap")),
            "awg0 stays as it is: the kernel says: H1 and H2 must not overlap (Invalid argument)"
        );
        assert_eq!(
            told(Errno::EPERM, None),
            "only root may ask for awg0: run it by sudo"
        );
    }
}
