// SPDX-License-Identifier: GPL-2.0

//! Faults, each of which makes the device drop packets for one reason: that count moves by as many as were
//! dropped, for the device and, if it is known whose they were, for the peer; all others stay; and observers of
//! drops see each packet end at the place of that name.

mod data;
mod datagrams;
mod handshakes;
mod load;
mod outgoing;

use wireguard_proto::messages::PublicKey;

use super::datagrams::Scene;
use crate::bench::Bench;
use crate::drops::{are_told_unasked, by_ethtool, by_netlink, Observer, Told};
use crate::dut::{Counters, Dut};
use crate::tap::Result;
use crate::{ensure, ensure_eq};

/// Counts, by reason.
type Counts<'a> = &'a [(&'a str, u64)];

/// Whose packets were dropped.
type Whose = Option<PublicKey>;

/// Who is there, and who watches.
struct Stage {
    scene: Scene,
    observer: Option<Observer>,
    /// How many faults there were.
    faults: usize,
}

/// The least number of faults: fewer would mean that some were not tried.
const FAULTS: usize = 60;

pub fn run(bench: &mut Bench) {
    let mut stage = None;
    bench.test("set the scene", |bench| {
        stage = Some(Stage {
            scene: Scene::new(bench)?,
            observer: Observer::begin()?,
            faults: 0,
        });
        Ok(())
    });
    let Some(mut stage) = stage else { return };
    bench.test("nothing was dropped for that", |bench| {
        let counts = Counters::from_counts(by_ethtool(&bench.dut)?);
        ensure_eq!(counts, Counters::default(), "drops");
        Ok(())
    });
    datagrams::run(bench, &mut stage);
    handshakes::run(bench, &mut stage);
    data::run(bench, &mut stage);
    outgoing::run(bench, &mut stage);
    load::run(bench, &mut stage);
    bench.test("there were some sixty faults", |_| {
        println!("# {} faults", stage.faults);
        if stage.observer.is_none() {
            println!("# this kernel does not tell of drops");
        }
        ensure!(stage.faults >= FAULTS, "fewer than {FAULTS}");
        Ok(())
    });
    bench.test("who does not ask is not told", |_| {
        ensure!(!are_told_unasked()?, "there are counts in the answer");
        Ok(())
    });
    bench.test("ethtool and netlink count the same", |bench| {
        let shown = Counters::from_counts(by_ethtool(&bench.dut)?);
        ensure_eq!(by_netlink()?.device, shown, "counts by netlink");
        Ok(())
    });
    bench.test("no packet was dropped without a word", |bench| {
        let shown = by_ethtool(&bench.dut)?;
        ensure_eq!(shown.get("unnamed"), Some(&0), "unnamed");
        Ok(())
    });
}

/// What was counted at some time.
struct Before {
    told: Told,
}

impl Before {
    fn now() -> Result<Self> {
        let told = by_netlink()?;
        Ok(Self { told })
    }

    /// What the device has counted since.
    fn device(&self) -> Result<Counters> {
        Ok(by_netlink()?.device.since(&self.told.device))
    }
}

impl Stage {
    /// What `act` does makes the device drop so many packets for these reasons; it says whose they were. Each of
    /// them is a packet of the stack, too.
    fn fault(
        &mut self,
        bench: &mut Bench,
        name: &str,
        counts: Counts<'_>,
        act: impl FnOnce(&mut Scene, &mut Bench) -> Result<Whose>,
    ) {
        self.fault_of(bench, name, counts, counts, act);
    }

    /// The same, where packets of the stack stand for several or for none.
    fn fault_of(
        &mut self,
        bench: &mut Bench,
        name: &str,
        counts: Counts<'_>,
        packets: Counts<'_>,
        act: impl FnOnce(&mut Scene, &mut Bench) -> Result<Whose>,
    ) {
        self.faults += 1;
        bench.test(name, |bench| {
            let before = Before::now()?;
            self.observer.as_ref().map_or(Ok(()), Observer::clear)?;
            let whose = act(&mut self.scene, bench)?;
            self.scene.fence()?;
            let after = by_netlink()?;
            let wanted = Counters::of(counts);
            ensure_eq!(after.device.since(&before.told.device), wanted, "counted");
            check_peers(&before.told, &after, whose, &wanted)?;
            check_ethtool(&bench.dut, &after)?;
            if let Some(observer) = &self.observer {
                ensure_eq!(
                    observer.seen()?,
                    Counters::of(packets),
                    "seen to be dropped"
                );
            }
            Ok(())
        });
    }
}

/// The peer has counted the same as the device; others nothing.
fn check_peers(before: &Told, after: &Told, whose: Whose, wanted: &Counters) -> Result {
    for (key, counts) in &after.peers {
        let key = PublicKey(*key);
        let counted = counts.since(&before.of(&key));
        match whose == Some(key) {
            true => ensure_eq!(counted, *wanted, "counted by the peer"),
            false => ensure_eq!(counted, Counters::default(), "counted by another peer"),
        }
    }
    let is_there = |key: PublicKey| after.peers.contains_key(&key.0);
    ensure!(whose.is_none_or(is_there), "the peer has counted nothing");
    Ok(())
}

fn check_ethtool(dut: &Dut, told: &Told) -> Result {
    let shown = Counters::from_counts(by_ethtool(dut)?);
    ensure_eq!(shown, told.device, "shown by ethtool");
    Ok(())
}
