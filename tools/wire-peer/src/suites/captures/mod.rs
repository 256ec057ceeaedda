// SPDX-License-Identifier: GPL-2.0

//! Traffic of many kinds, captured on the cable and on both inner ends, for programs that know by
//! themselves what WireGuard looks like. Here all that is seen to is that it arrives.
//!
//! The peer is played, so its keys can be told. Behind it, in the namespace `far`, is the other end
//! of what goes through the tunnel. `selftests/captures.sh` has a drawing of it.

mod gateway;
mod recorder;
mod traffic;

use std::fs::{create_dir_all, File};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use self::gateway::{Gateway, Keys};
use self::recorder::Recorder;
use self::traffic::Ends;
use super::handshake::cookies::cookie;
use crate::bench::Bench;
use crate::dut::{run as command, DEVICE, NAMESPACE, OURS4, OURS6};
use crate::news;
use crate::peer::Peer;
use crate::tap::Result;
use crate::uapi::PATH_MTU;
use crate::wire::within;

/// The namespace behind the peer.
const FAR: &str = "far";

/// Where captures are left, with the keys and the list of cases.
const FOLDER: &str = "/tmp/captures";

/// Counts what the device gives to the stack: a train is one packet there.
const COUNTER: &str = "
table inet sent {
    counter trains { }
    chain out {
        type filter hook output priority 0
        udp sport 51820 counter name trains
    }
}
";

/// With less than 1280 there is no IPv6, and no address of it afterwards.
const RESTORE_MTU: &str = "ip link set wg0 mtu 1420 && ip address replace fd07::1/64 dev wg0 nodad";

const TRACK: &str = "nft 'add table inet t; \
    add chain inet t in { type filter hook input priority 0; }; \
    add chain inet t out { type filter hook output priority 0; }; \
    add rule inet t in ct state invalid drop; add rule inet t out ct state invalid drop'";

#[derive(Clone, Copy)]
enum Family {
    V4,
    V6,
}
use Family::{V4, V6};

/// Who begins the handshake.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Initiator {
    Device,
    Peer,
}
use Initiator::{Device, Peer as Played};

struct Case {
    name: &'static str,
    outside: Family,
    initiator: Initiator,
    traffic: fn(&Ends<'_>) -> Result,
    /// What a shell has to do in the device's namespace to make the way special, and usual again.
    way: Option<[&'static str; 2]>,
}

impl Case {
    const fn new(
        name: &'static str,
        outside: Family,
        initiator: Initiator,
        traffic: fn(&Ends<'_>) -> Result,
    ) -> Self {
        Self {
            name,
            outside,
            initiator,
            traffic,
            way: None,
        }
    }

    const fn by_way_of(self, special: &'static str, usual: &'static str) -> Self {
        Self {
            way: Some([special, usual]),
            ..self
        }
    }
}

/// What must be seen of each stands in `tools/captures/judge`, by the same names.
const CASES: &[Case] = &[
    Case::new("keepalives", V4, Device, |ends| ends.keepalives(2)),
    Case::new("keepalives-6", V6, Device, |ends| ends.keepalives(2)),
    Case::new("answers", V4, Played, |ends| ends.datagrams(V4, 20)),
    Case::new("answers-6", V6, Played, |ends| ends.datagrams(V6, 20)),
    Case::new("tcp4-in-4", V4, Device, |ends| ends.stream_to_peer(V4)),
    Case::new("tcp6-in-4", V4, Device, |ends| ends.stream_to_peer(V6)),
    Case::new("tcp4-in-6", V6, Device, |ends| ends.stream_to_peer(V4)),
    Case::new("tcp6-in-6", V6, Device, |ends| ends.stream_to_peer(V6)),
    Case::new("received-4", V4, Played, |ends| ends.stream_to_device(V4)),
    Case::new("received-6", V6, Played, |ends| ends.stream_to_device(V6)),
    Case::new("segments-in-4", V4, Device, |ends| ends.trains(V4)),
    Case::new("segments-in-6", V6, Device, |ends| ends.trains(V6)),
    Case::new("fragments", V4, Device, |ends| ends.stream_to_peer(V4)).by_way_of(
        "ip link set to-peers mtu 1300",
        "ip link set to-peers mtu 1500",
    ),
    Case::new("fragments-6", V6, Device, |ends| ends.stream_to_peer(V6)).by_way_of(
        "ip link set to-peers mtu 1300",
        "ip link set to-peers mtu 1500",
    ),
    Case::new("small-inside", V4, Device, |ends| ends.stream_to_peer(V4))
        .by_way_of("ip link set wg0 mtu 600", RESTORE_MTU),
    Case::new("cut-elsewhere", V4, Device, |ends| ends.stream_to_peer(V6)).by_way_of(
        "ethtool -K to-peers tx on tso on tx-udp-segmentation on",
        "ethtool -K to-peers tx off tso off tx-udp-segmentation off",
    ),
    Case::new("cut-elsewhere-6", V6, Device, |ends| {
        ends.stream_to_peer(V4)
    })
    .by_way_of(
        "ethtool -K to-peers tx on tso on tx-udp-segmentation on",
        "ethtool -K to-peers tx off tso off tx-udp-segmentation off",
    ),
    Case::new("tracked", V4, Device, |ends| ends.stream_to_peer(V4))
        .by_way_of(TRACK, "nft delete table inet t"),
    Case::new("reordered", V4, Device, |ends| {
        ends.disturbed("delay 2ms reorder 60% 25%", |ends| ends.stream_to_peer(V4))
    }),
    Case::new("lost", V4, Device, |ends| {
        ends.disturbed("loss 20%", |ends| ends.unheard(V4, 150))
    }),
    Case::new("duplicated", V6, Device, |ends| {
        ends.disturbed("duplicate 20%", |ends| ends.unheard(V6, 150))
    }),
];

pub fn run(bench: &mut Bench) {
    let mut scene = None;
    bench.test("set the scene", |bench| {
        scene = Some(Scene::new(bench)?);
        Ok(())
    });
    let Some(mut scene) = scene else { return };
    for case in CASES {
        bench.test(case.name, |bench| scene.play(bench, case));
    }
    bench.test("cookies", |bench| {
        scene.ask_for_cookie(bench, OURS4.into(), "cookies")
    });
    bench.test("cookies-6", |bench| {
        scene.ask_for_cookie(bench, OURS6.into(), "cookies-6")
    });
    bench.test("all was recorded", |_| scene.finish());
}

struct Scene {
    recorders: Vec<Recorder>,
    keys: Keys,
    /// For each case a line: its name, the peer's port and number, and how many packets of the stack
    /// the device has sent.
    list: File,
}

impl Scene {
    fn new(bench: &Bench) -> Result<Self> {
        create_dir_all(FOLDER)?;
        // Each message once, and as long as it is: the C driver knows nothing else, and refuses.
        let _ = news::set("wireguard", DEVICE, |message| message.u8(PATH_MTU, 0))?;
        bench.dut.run("nft", &["-f", "/dev/stdin"], COUNTER)?;
        // Inside, packets are looked at as they came out of their messages.
        bench
            .dut
            .run("ethtool", &["-K", DEVICE, "gro", "off"], "")?;
        let record = |name: &str, namespace, interface, directions| {
            let file = format!("{FOLDER}/{name}.pcap");
            within(namespace, || Recorder::start(interface, directions, &file))
        };
        Ok(Self {
            recorders: vec![
                record("outer", "peers", "to-dut", "inout")?,
                record("inner-far", FAR, "to-peers", "in")?,
                record("inner-dut", NAMESPACE, DEVICE, "in")?,
            ],
            keys: Keys::create(&format!("{FOLDER}/keys"))?,
            list: File::create(format!("{FOLDER}/cases"))?,
        })
    }

    fn play(&mut self, bench: &mut Bench, case: &Case) -> Result {
        let mut peer = bench.peer()?;
        if let V6 = case.outside {
            peer.move_to(OURS6, &bench.dut)?;
        }
        peer.agree_on_preshared_key(&bench.dut)?;
        peer.set_endpoint(&bench.dut)?;
        settle_in(&peer)?;
        let shell = |words| bench.dut.run("sh", &["-c", words], "");
        case.way.map(|[special, _]| shell(special)).transpose()?;
        sent(bench)?;
        let (number, public, address) = (peer.number, *peer.public(), peer.wire.address());
        let dut = &bench.dut;
        let played = Gateway::during(&mut peer, &self.keys, case.initiator, |gateway| {
            let ends = Ends {
                dut,
                public,
                number,
                gateway,
            };
            (case.traffic)(&ends)?;
            gateway.await_silence();
            dut.wg_peer(&public, &["remove"])
        });
        case.way.map(|[_, usual]| shell(usual)).transpose()?;
        played?;
        self.note(case.name, address, number, sent(bench)?)
    }

    fn ask_for_cookie(&mut self, bench: &mut Bench, ours: IpAddr, name: &str) -> Result {
        let mut peer = bench.peer()?;
        peer.move_to(ours, &bench.dut)?;
        cookie(bench, &mut peer)?;
        self.note(name, peer.wire.address(), peer.number, 0)
    }

    fn note(&mut self, name: &str, address: SocketAddr, number: u8, packets: u64) -> Result {
        let port = address.port();
        Ok(writeln!(self.list, "{name} {port} {number} {packets}")?)
    }

    fn finish(&mut self) -> Result {
        self.recorders.drain(..).try_for_each(Recorder::finish)
    }
}

/// The peer's addresses inside the tunnel are those of the namespace behind it.
fn settle_in(peer: &Peer) -> Result {
    let number = peer.number;
    within(FAR, || {
        let words = format!(
            "ip address flush dev to-peers scope global && ip address add {}/24 dev to-peers &&
                ip address add {}/64 dev to-peers nodad",
            V4.inside(number),
            V6.inside(number)
        );
        command("sh", &["-c", &words], "").map(drop)
    })
}

/// How many packets the device has given to the stack since this was last asked.
fn sent(bench: &Bench) -> Result<u64> {
    let said = bench
        .dut
        .run("nft", &["reset", "counter", "inet", "sent", "trains"], "")?;
    let mut words = said
        .split_whitespace()
        .skip_while(|word| *word != "packets");
    let count = words.nth(1).and_then(|word| word.parse().ok());
    Ok(count.ok_or("strange output of nft")?)
}
