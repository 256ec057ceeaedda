// SPDX-License-Identifier: GPL-2.0

//! Where messages come from and go to as addresses change.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV6};

use super::{ip, Scene};
use crate::bench::Bench;
use crate::dut::{self, OURS4, OURS6, OUTSIDE4, OUTSIDE6, PORT};
use crate::peer::PATIENCE;
use crate::tap::Result;
use crate::wire::Wire;
use crate::{ensure, ensure_eq};

const OTHER4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
const OTHER6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 10);

pub fn run(bench: &mut Bench, scene: &mut Scene) {
    bench.test("the device answers from where it was spoken to", |bench| {
        sticky(bench, scene, OURS4, OUTSIDE4, OTHER4, "24")
    });
    bench.test("the same over IPv6", |bench| {
        sticky(bench, scene, OURS6, OUTSIDE6, OTHER6, "64")
    });
    bench.test("a change of port forgets where that was", |bench| {
        forgets(bench, scene, |bench| bench.dut.wg(&["listen-port", "5556"]))?;
        bench.dut.wg(&["listen-port", &PORT.to_string()])
    });
    bench.test("a change of mark forgets where that was", |bench| {
        forgets(bench, scene, |bench| bench.dut.wg(&["fwmark", "1"]))?;
        bench.dut.wg(&["fwmark", "0"])
    });
    bench.test("a second initiation forgets where that was", |bench| {
        let (stuck, preferred) = stick(bench, scene)?;
        bench.dut.down()?;
        bench.dut.up()?;
        scene.clear()?;
        bench.dut.poke(scene.peer.number, b"call")?;
        ensure_eq!(initiation_from(scene)?, stuck, "source of the first");
        ensure_eq!(initiation_from(scene)?, preferred, "source of the second");
        unstick(bench, scene)?;
        scene.session = scene.peer.connect()?;
        Ok(())
    });
    bench.test("a keepalive is enough to move", |bench| {
        let old = scene.peer.wire.address();
        scene.peer.move_to(OURS4, &bench.dut)?;
        let keepalive = scene.session.seal(&[]);
        scene.peer.send(&keepalive)?;
        scene.peer.ping(&mut scene.session)?;
        let endpoint = bench.dut.endpoint(scene.peer.public())?;
        ensure_eq!(endpoint, scene.peer.wire.address(), "endpoint");
        ensure_eq!(endpoint == old, false, "it stayed");
        Ok(())
    });
    bench.test("a peer at a link-local address", |bench| {
        link_local(bench, scene)
    });
}

/// Such an address is no use without the interface, which the device has to keep with it.
fn link_local(bench: &Bench, scene: &mut Scene) -> Result {
    let list = |device| {
        [
            "-6", "-o", "address", "show", "dev", device, "scope", "link",
        ]
    };
    let ours = first_address(&dut::run("ip", &list("to-dut"), "")?)?;
    let theirs = first_address(&bench.dut.ip(&list("to-peers"))?)?;
    let index = std::fs::read_to_string("/sys/class/net/to-dut/ifindex")?;
    let index = index.trim().parse()?;
    scene.peer.wire = Wire::bind(SocketAddrV6::new(ours, 0, 0, index))?;
    scene.peer.dut = SocketAddrV6::new(theirs, PORT, 0, index).into();
    scene.peer.ping(&mut scene.session)?;
    let endpoint = bench.dut.show("endpoints", scene.peer.public())?.concat();
    ensure!(
        endpoint.starts_with(&format!("[{ours}%")),
        "the endpoint is {endpoint}"
    );
    scene.peer.wire.drain()?;
    bench.dut.poke(scene.peer.number, b"link")?;
    let packet = scene.peer.await_packet(&scene.session, PATIENCE)?;
    ensure_eq!(packet.is_empty(), false, "a keepalive came");
    Ok(())
}

/// The first IPv6 address that `ip -o` tells of.
fn first_address(told: &str) -> Result<Ipv6Addr> {
    let mut words = told.split_whitespace().skip_while(|word| *word != "inet6");
    let address = words.nth(1).ok_or("there is no link-local address")?;
    Ok(address.split('/').next().unwrap_or_default().parse()?)
}

/// Has the device answer from the one of its two addresses that it would not choose by itself.
/// Returns that and the other.
fn stick(bench: &Bench, scene: &mut Scene) -> Result<(IpAddr, IpAddr)> {
    ip(
        bench,
        &format!("address add {OTHER6}/64 dev to-peers nodad"),
    )?;
    let chosen = bench.dut.ip(&["-6", "route", "get", &OURS6.to_string()])?;
    let (stuck, preferred) = match chosen.contains(&format!("src {OTHER6} ")) {
        true => (OUTSIDE6.into(), OTHER6.into()),
        false => (OTHER6.into(), OUTSIDE6.into()),
    };
    scene.peer.dut.set_ip(stuck);
    scene.peer.ping(&mut scene.session)?;
    ensure_eq!(source(bench, scene)?, stuck, "source");
    Ok((stuck, preferred))
}

fn unstick(bench: &Bench, scene: &mut Scene) -> Result {
    scene.peer.dut.set_ip(OUTSIDE6.into());
    ip(bench, &format!("address del {OTHER6}/64 dev to-peers"))
}

fn forgets(bench: &Bench, scene: &mut Scene, change: impl FnOnce(&Bench) -> Result) -> Result {
    let (_, preferred) = stick(bench, scene)?;
    change(bench)?;
    ensure_eq!(source(bench, scene)?, preferred, "source after the change");
    unstick(bench, scene)
}

/// The source of the device's next initiation, over IPv6.
fn initiation_from(scene: &Scene) -> Result<IpAddr> {
    scene.tap6.await_packet(PATIENCE, |packet| {
        let datagram = packet.udp()?;
        let ours = datagram.destination == scene.peer.wire.address();
        (ours && datagram.payload.first() == Some(&1)).then_some(packet.source)
    })
}

/// The source of the next message.
fn source(bench: &Bench, scene: &Scene) -> Result<IpAddr> {
    scene.clear()?;
    bench.dut.poke(scene.peer.number, b"source")?;
    Ok(scene.message()?.0.source)
}

fn sticky(
    bench: &Bench,
    scene: &mut Scene,
    ours: impl Into<IpAddr>,
    usual: impl Into<IpAddr>,
    other: impl Into<IpAddr>,
    prefix: &str,
) -> Result {
    let (usual, other) = (usual.into(), other.into());
    let nodad = if other.is_ipv6() { " nodad" } else { "" };
    ip(
        bench,
        &format!("address add {other}/{prefix} dev to-peers{nodad}"),
    )?;
    scene.peer.move_to(ours, &bench.dut)?;
    for address in [usual, other] {
        scene.peer.dut.set_ip(address);
        scene.peer.ping(&mut scene.session)?;
        ensure_eq!(source(bench, scene)?, address, "source");
    }
    ip(bench, &format!("address del {other}/{prefix} dev to-peers"))?;
    ensure_eq!(
        source(bench, scene)?,
        usual,
        "source when the address is gone"
    );
    scene.peer.dut.set_ip(usual);
    Ok(())
}
