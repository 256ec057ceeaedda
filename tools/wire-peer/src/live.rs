// SPDX-License-Identifier: GPL-2.0

//! A tunnel of the kernel's own to the device under test, with pings going through it meanwhile.

use std::io::Read;
use std::process::{Child, Command, Stdio};

use wireguard_proto::identity::StaticIdentity;
use wireguard_proto::rustcrypto::RustCrypto;

use crate::dut::{inside4, run, Dut, OUTSIDE4, PORT};
use crate::ensure;
use crate::keys::{base64, random_key};
use crate::tap::Result;

const DEVICE: &str = "wg1";
const NUMBER: u8 = 2;

pub struct LiveTunnel {
    pings: Child,
}

impl LiveTunnel {
    pub fn start(dut: &Dut) -> Result<Self> {
        let private = random_key();
        let key = base64(private.as_bytes());
        let identity = StaticIdentity::<RustCrypto>::from_private(private).ok_or("a zero key")?;
        let allowed = format!("{}/32", inside4(NUMBER));
        dut.wg_peer(identity.public(), &["allowed-ips", &allowed])?;
        let ip = |words: &str| run("ip", &words.split(' ').collect::<Vec<_>>(), "");
        ip(&format!("link add {DEVICE} type wireguard"))?;
        let endpoint = format!("{OUTSIDE4}:{PORT}");
        let words = format!(
            "set {DEVICE} private-key /dev/stdin peer {} endpoint {endpoint} allowed-ips {}/32",
            base64(&dut.public.0),
            inside4(1)
        );
        run("wg", &words.split(' ').collect::<Vec<_>>(), &key)?;
        ip(&format!("address add {allowed} dev {DEVICE}"))?;
        ip(&format!("link set {DEVICE} up"))?;
        ip(&format!("route add {}/32 dev {DEVICE}", inside4(1)))?;
        let address = inside4(1).to_string();
        run("ping", &["-q", "-c", "1", "-W", "30", &address], "")?;
        let pings = Command::new("ping")
            .args(["-q", "-i", "0.2", &address])
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(Self { pings })
    }

    /// Ends the pings, none of which may have been lost but the one under way.
    pub fn finish(mut self) -> Result {
        run("kill", &["-INT", &self.pings.id().to_string()], "")?;
        let mut said = String::new();
        let stdout = self.pings.stdout.as_mut().ok_or("no output of ping")?;
        stdout.read_to_string(&mut said)?;
        self.pings.wait()?;
        let numbers: Vec<u32> = said
            .lines()
            .find(|line| line.contains("packets transmitted"))
            .ok_or("ping did not say how it went")?
            .split(|letter: char| !letter.is_ascii_digit())
            .filter_map(|word| word.parse().ok())
            .collect();
        let [sent, received, ..] = numbers[..] else {
            return Err(format!("strange words of ping: {said}").into());
        };
        println!("# {received} of {sent} pings came back");
        ensure!(sent > 10, "only {sent} pings were sent");
        ensure!(received + 1 >= sent, "{} pings were lost", sent - received);
        Ok(())
    }
}
