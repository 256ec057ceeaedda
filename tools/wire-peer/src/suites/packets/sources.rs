// SPDX-License-Identifier: GPL-2.0

//! Where messages come from and go to as addresses change.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{ip, Scene};
use crate::bench::Bench;
use crate::dut::{OURS4, OURS6, OUTSIDE4, OUTSIDE6};
use crate::ensure_eq;
use crate::tap::Result;

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
        ip(
            bench,
            &format!("address add {OTHER6}/64 dev to-peers nodad"),
        )?;
        scene.peer.dut.set_ip(OTHER6.into());
        scene.peer.ping(&mut scene.session)?;
        ensure_eq!(source(bench, scene)?, OTHER6, "source");
        bench.dut.wg(&["listen-port", "5556"])?;
        let found = source(bench, scene)?;
        bench.dut.wg(&["listen-port", "51820"])?;
        // Which of both the kernel prefers is its own matter, but it is asked again.
        ip(bench, &format!("address del {OTHER6}/64 dev to-peers"))?;
        scene.peer.dut.set_ip(OUTSIDE6.into());
        println!("# after the change from {found}");
        ensure_eq!(
            source(bench, scene)?,
            OUTSIDE6,
            "source when the address is gone"
        );
        scene.peer.ping(&mut scene.session).map(drop)
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
