// SPDX-License-Identifier: GPL-2.0

//! The device under test, as its administrator sees it.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::{Command, Stdio};

use wireguard_proto::identity::StaticIdentity;
use wireguard_proto::messages::PublicKey;
use wireguard_proto::rustcrypto::RustCrypto;

use crate::keys::{base64, random_key, Key};
use crate::tap::Result;
use crate::wire::{within, Wire};

/// The namespace that the device and its sockets are in; we are in another one, a cable away.
pub const NAMESPACE: &str = "dut";
pub const DEVICE: &str = "wg0";
pub const PORT: u16 = 51820;

/// Addresses of the cable's ends.
pub const OUTSIDE4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub const OUTSIDE6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
pub const OURS4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
pub const OURS6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

/// Addresses inside the tunnel: the device is number 1.
pub fn inside4(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 7, 0, number)
}

pub fn inside6(number: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd07, 0, 0, 0, 0, 0, 0, number.into())
}

/// The device, up and with a key.
pub struct Dut {
    private: [u8; 32],
    pub public: PublicKey,
    /// A socket of the device's own host, for packets into the tunnel.
    pub host: Option<Wire>,
}

/// The counters of an interface, by direction and name as `ip -s -s` has them, such as `rx frame_errors`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Counters(BTreeMap<String, u64>);

impl Counters {
    pub fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// No counts that are zero.
    pub fn from_counts(counts: impl IntoIterator<Item = (String, u64)>) -> Self {
        Self(
            counts
                .into_iter()
                .filter(|(_, count)| *count != 0)
                .collect(),
        )
    }

    /// What is counted, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, count)| (name.as_str(), *count))
    }

    /// What has been counted since, without what has not changed.
    pub fn since(&self, before: &Self) -> Self {
        let grown = self.0.iter().map(|(name, now)| {
            let grown = now.wrapping_sub(before.get(name));
            (name.clone(), grown)
        });
        Self(grown.filter(|(_, grown)| *grown != 0).collect())
    }

    /// Only errors and drops.
    pub fn errors(mut self) -> Self {
        self.0
            .retain(|name, _| name.ends_with("errors") || name.ends_with("dropped"));
        self
    }

    /// These counts, for comparison.
    pub fn of(counts: &[(&str, u64)]) -> Self {
        let counts = counts.iter().map(|(name, count)| ((*name).into(), *count));
        Self(counts.collect())
    }
}

impl Dut {
    /// Makes the device and brings it up.
    pub fn create() -> Result<Self> {
        let private = random_key();
        let identity = StaticIdentity::<RustCrypto>::from_private(private.duplicate())
            .ok_or("a random key is zero")?;
        let mut dut = Self {
            private: *private.as_bytes(),
            public: *identity.public(),
            host: None,
        };
        dut.ip(&["link", "add", DEVICE, "type", "wireguard"])?;
        dut.set_private_key(true)?;
        dut.wg(&["listen-port", &PORT.to_string()])?;
        dut.ip(&[
            "address",
            "add",
            &format!("{}/24", inside4(1)),
            "dev",
            DEVICE,
        ])?;
        dut.up()?;
        dut.host = Some(within(NAMESPACE, || Wire::bind((inside4(1), 0)))?);
        Ok(dut)
    }

    /// Who the device is: what only it should know.
    pub fn identity(&self) -> Result<StaticIdentity<RustCrypto>> {
        let private = Key::from_bytes(self.private);
        Ok(StaticIdentity::from_private(private).ok_or("the key is zero")?)
    }

    /// Has the device's host send a UDP datagram to a peer through the tunnel.
    pub fn poke(&self, number: u8, payload: &[u8]) -> Result {
        let host = self.host.as_ref().ok_or("the device has no host")?;
        host.send(payload, (inside4(number), 9).into())
    }

    pub fn up(&self) -> Result {
        self.ip(&["link", "set", DEVICE, "up"])?;
        // IPv6 addresses do not survive a time of being down.
        let address = format!("{}/64", inside6(1));
        self.ip(&["address", "replace", &address, "dev", DEVICE, "nodad"])
            .map(drop)
    }

    pub fn down(&self) -> Result {
        self.ip(&["link", "set", DEVICE, "down"]).map(drop)
    }

    /// Gives the device its private key, or takes it away.
    pub fn set_private_key(&self, is_set: bool) -> Result {
        let file = if is_set { "/dev/stdin" } else { "/dev/null" };
        let key = base64(&self.private);
        self.run("wg", &["set", DEVICE, "private-key", file], &key)
            .map(drop)
    }

    pub fn address(&self, outside: impl Into<std::net::IpAddr>) -> SocketAddr {
        SocketAddr::new(outside.into(), PORT)
    }

    /// `ip` in the device's namespace.
    pub fn ip(&self, arguments: &[&str]) -> Result<String> {
        self.run("ip", arguments, "")
    }

    /// `wg set`.
    pub fn wg(&self, arguments: &[&str]) -> Result {
        let arguments = [&["set", DEVICE], arguments].concat();
        self.run("wg", &arguments, "").map(drop)
    }

    /// `wg set` for one peer.
    pub fn wg_peer(&self, peer: &PublicKey, arguments: &[&str]) -> Result {
        let key = base64(&peer.0);
        self.wg(&[&["peer", key.as_str()], arguments].concat())
    }

    pub fn wg_preshared_key(&self, peer: &PublicKey, key: &str) -> Result {
        let peer = base64(&peer.0);
        let arguments = ["set", DEVICE, "peer", &peer, "preshared-key", "/dev/stdin"];
        self.run("wg", &arguments, key).map(drop)
    }

    /// What `wg show` says about a peer.
    pub fn show(&self, what: &str, peer: &PublicKey) -> Result<Vec<String>> {
        let key = base64(&peer.0);
        let shown = self.run("wg", &["show", DEVICE, what], "")?;
        let line = shown.lines().find_map(|line| line.strip_prefix(&key));
        let words = line.ok_or("the device does not have the peer")?;
        Ok(words.split_whitespace().map(Into::into).collect())
    }

    /// Where the device believes a peer to be.
    pub fn endpoint(&self, peer: &PublicKey) -> Result<SocketAddr> {
        Ok(self.show("endpoints", peer)?.concat().parse()?)
    }

    /// Bytes received from and sent to a peer.
    pub fn transfer(&self, peer: &PublicKey) -> Result<(u64, u64)> {
        match self.show("transfer", peer)?.as_slice() {
            [rx, tx] => Ok((rx.parse()?, tx.parse()?)),
            other => Err(format!("strange transfer: {other:?}").into()),
        }
    }

    /// Seconds since 1970 of a peer's last handshake.
    pub fn latest_handshake(&self, peer: &PublicKey) -> Result<u64> {
        Ok(self.show("latest-handshakes", peer)?.concat().parse()?)
    }

    pub fn counters(&self) -> Result<Counters> {
        let json = self.ip(&["-j", "-s", "-s", "link", "show", "dev", DEVICE])?;
        let mut counters = BTreeMap::new();
        for direction in ["rx", "tx"] {
            let (_, rest) = json
                .split_once(&format!("\"{direction}\":{{"))
                .ok_or("strange output of ip")?;
            let (fields, _) = rest.split_once('}').ok_or("strange output of ip")?;
            for field in fields.split(',') {
                let (name, value) = field.split_once(':').ok_or("strange output of ip")?;
                let name = format!("{direction} {}", name.trim().trim_matches('"'));
                counters.insert(name, value.trim().parse()?);
            }
        }
        Ok(Counters(counters))
    }

    /// A command in the device's namespace; fails if that does, with what it says.
    pub fn run(&self, program: &str, arguments: &[&str], input: &str) -> Result<String> {
        within(NAMESPACE, || run(program, arguments, input))
    }
}

/// A command; fails if that does, with what it says.
pub fn run(program: &str, arguments: &[&str], input: &str) -> Result<String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // A program that does not read is no failure.
    let _ = child
        .stdin
        .take()
        .map(|mut stdin| stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{program} {}: {}", arguments.join(" "), said.trim()).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
