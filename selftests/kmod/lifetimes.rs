// SPDX-License-Identifier: GPL-2.0

//! Who lives how long: RCU's references and cells, timers, and work on objects that they hold.

use core::sync::atomic::{
    AtomicUsize,
    Ordering, //
};
use kernel::{
    alloc::flags::*,
    impl_has_work,
    new_work,
    prelude::*,
    static_lock_class,
    sync::{
        rcu::read_lock,
        Arc, //
    },
    time::{
        delay::fsleep,
        Delta, //
    },
    workqueue::{
        Work,
        WorkItem, //
    }, //
};

use crate::{
    checks::{
        check,
        Outcome, //
    },
    kapi::{
        sync::{
            bh::BhDisabled,
            rcu::{
                drain,
                Rcu,
                RcuArc,
                RcuCell, //
            },
            rcu_slot::RcuSlot,
            roster::{
                HasRoster,
                Member,
                Membership,
                Roster, //
            }, //
        },
        timer::{
            HasTimer,
            Timer, //
        },
        workqueue::{
            flags,
            Workqueue, //
        },
    },
};

const NO_MEMORY: &str = "out of memory";

/// What happened to the objects of one check.
struct Tally {
    alive: AtomicUsize,
    events: AtomicUsize,
}

impl Tally {
    fn new() -> Result<Arc<Self>, &'static str> {
        let tally = Self {
            alive: AtomicUsize::new(0),
            events: AtomicUsize::new(0),
        };
        Arc::new(tally, GFP_KERNEL).map_err(|_| NO_MEMORY)
    }

    fn alive(&self) -> usize {
        self.alive.load(Ordering::Relaxed)
    }

    fn events(&self) -> usize {
        self.events.load(Ordering::Relaxed)
    }
}

/// Counts itself while it lives.
struct Life {
    tally: Arc<Tally>,
    value: u32,
}

impl Life {
    fn new(tally: &Arc<Tally>, value: u32) -> Self {
        tally.alive.fetch_add(1, Ordering::Relaxed);
        let tally = tally.clone();
        Self { tally, value }
    }

    fn shared(tally: &Arc<Tally>, value: u32) -> Result<RcuArc<Self>, &'static str> {
        RcuArc::new(Self::new(tally, value), GFP_KERNEL).map_err(|_| NO_MEMORY)
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.tally.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An object goes after its last reference; a borrow outlasts that, but is no reference any more.
pub(crate) fn references() -> Outcome {
    let tally = Tally::new()?;
    let first = Life::shared(&tally, 1)?;
    let second = first.clone();
    check!(first.ptr_eq(&second) && second.borrow().is(&first));
    drop(first);
    drain();
    check!(tally.alive() == 1 && second.value == 1);
    check!(second
        .borrow()
        .try_get()
        .is_some_and(|third| third.ptr_eq(&second)));
    drop(second);
    drain();
    check!(tally.alive() == 0);
    Ok(())
}

/// A cell gives what is in it to readers, who keep it while their section lasts.
pub(crate) fn cells() -> Outcome {
    let tally = Tally::new()?;
    let cell = RcuCell::new(Some(Life::shared(&tally, 1)?));
    {
        let guard = read_lock();
        let reader = cell.load(Rcu::from(&guard)).ok_or("nothing to read")?;
        drop(cell.replace(None));
        check!(cell.is_none() && cell.load(Rcu::from(&guard)).is_none());
        check!(reader.get().value == 1 && reader.try_get().is_none());
        check!(tally.alive() == 1);
    }
    drain();
    check!(tally.alive() == 0 && cell.get().is_none());

    let second = Life::shared(&tally, 2)?;
    check!(cell.replace(Some(second.clone())).is_none());
    check!(cell.get().is_some_and(|found| found.ptr_eq(&second)));
    drop((cell, second));
    drain();
    check!(tally.alive() == 0);
    Ok(())
}

/// A slot hands back what it held, once no reader can have it any more.
pub(crate) fn slots() -> Outcome {
    let tally = Tally::new()?;
    let boxed = |value| KBox::new(Life::new(&tally, value), GFP_KERNEL).map_err(|_| NO_MEMORY);
    let slot = RcuSlot::new();
    check!(slot.is_empty() && slot.replace(Some(boxed(1)?)).reclaim().is_none());
    let value = || {
        let guard = read_lock();
        let value = slot.load(Rcu::from(&guard)).map(|life| life.value);
        value
    };
    check!(value() == Some(1));
    let old = slot.replace(Some(boxed(2)?)).reclaim();
    check!(old.is_some_and(|life| life.value == 1) && value() == Some(2) && tally.alive() == 1);
    drop(slot.replace(None));
    check!(slot.is_empty() && tally.alive() == 0);
    drop(slot.replace(Some(boxed(3)?)));
    drop(slot);
    check!(tally.alive() == 0);
    Ok(())
}

/// Counts the expiries of a timer of its own.
#[pin_data]
struct Clock {
    life: Life,
    #[pin]
    timer: Timer<Self>,
}

impl Clock {
    fn new(tally: &Arc<Tally>) -> Result<RcuArc<Self>, &'static str> {
        let life = Life::new(tally, 0);
        let init = pin_init!(Self {
            life,
            timer <- Timer::new(static_lock_class!()),
        });
        RcuArc::pin_init::<core::convert::Infallible>(init, GFP_KERNEL).map_err(|_| NO_MEMORY)
    }
}

impl HasTimer for Clock {
    const OFFSET: usize = core::mem::offset_of!(Self, timer);

    fn timer(&self) -> &Timer<Self> {
        &self.timer
    }

    fn expired(this: RcuArc<Self>, _bh: BhDisabled<'_>) {
        this.life.tally.events.fetch_add(1, Ordering::Relaxed);
    }
}

fn sleep_ms(ms: i64) {
    fsleep(Delta::from_millis(ms));
}

/// Waits up to ten seconds until that many events have happened.
fn await_events(tally: &Tally, count: usize) -> bool {
    (0..1000).any(|_| {
        sleep_ms(10);
        tally.events() == count
    })
}

/// A timer expires once each time it is armed, whether it was pending or not, and not once stopped.
pub(crate) fn timers() -> Outcome {
    let tally = Tally::new()?;
    let clock = Clock::new(&tally)?;
    Timer::arm(clock.borrow(), 1);
    check!(await_events(&tally, 1));
    Timer::arm(clock.borrow(), 100_000_000);
    Timer::arm(clock.borrow(), 1);
    check!(await_events(&tally, 2));
    Timer::arm(clock.borrow(), 50);
    clock.timer().cancel_sync();
    Timer::arm(clock.borrow(), 50);
    clock.timer().cancel();
    sleep_ms(500);
    check!(tally.events() == 2);

    // An object may go with its timer pending.
    Timer::arm(clock.borrow(), 20);
    drop(clock);
    drain();
    sleep_ms(200);
    check!(tally.events() == 2 && tally.alive() == 0);
    Ok(())
}

/// What has guests.
#[pin_data]
struct House {
    #[pin]
    present: Roster<Guest>,
    #[pin]
    other: Roster<Guest>,
}

/// May be present, and may lie about what it is.
struct Guest {
    life: Life,
    house: Arc<House>,
    membership: Membership<Self>,
    other: Membership<Self>,
}

/// The value of a guest that shows another membership than its own.
const LIAR: u32 = 1000;

impl Guest {
    fn new(
        tally: &Arc<Tally>,
        house: &Arc<House>,
        value: u32,
    ) -> Result<RcuArc<Self>, &'static str> {
        let guest = Self {
            life: Life::new(tally, value),
            house: house.clone(),
            membership: Membership::new(),
            other: Membership::new(),
        };
        RcuArc::new(guest, GFP_KERNEL).map_err(|_| NO_MEMORY)
    }
}

impl Member for Guest {
    type Home = House;

    const OFFSET: usize = core::mem::offset_of!(Self, membership);

    const HOME_OFFSET: usize = core::mem::offset_of!(Self, house);

    fn membership(&self) -> &Membership<Self> {
        if self.life.value == LIAR {
            &self.other
        } else {
            &self.membership
        }
    }

    fn home(&self) -> &Arc<House> {
        &self.house
    }
}

impl HasRoster<Guest> for House {
    const OFFSET: usize = core::mem::offset_of!(Self, present);

    fn roster(&self) -> &Roster<Guest> {
        &self.present
    }
}

/// The values of those who are present, added up.
fn present(house: &House) -> u32 {
    house.present.walk().map(|guest| guest.life.value).sum()
}

/// Members hold on to their objects until they leave; a walk comes to each once, whoever comes and goes.
pub(crate) fn roster() -> Outcome {
    let tally = Tally::new()?;
    let house = Arc::pin_init::<core::convert::Infallible>(
        pin_init!(House {
            present <- Roster::new(),
            other <- Roster::new(),
        }),
        GFP_KERNEL,
    )
    .map_err(|_| NO_MEMORY)?;
    for value in [1, 2, 4, 8, 16] {
        let guest = Guest::new(&tally, &house, value)?;
        check!(Roster::enrol(guest.borrow()) && Roster::enrol(guest.borrow()));
    }
    drain();
    check!(tally.alive() == 5 && present(&house) == 31 && present(&house) == 31);

    // On the way some leave, some don't, some come anew.
    for guest in house.present.walk() {
        match guest.life.value {
            1 | 8 => Roster::leave_if(&guest, || true),
            2 => Roster::leave_if(&guest, || false),
            4 => Roster::leave_if(&guest, || Roster::enrol(guest.borrow())),
            _ => check!(Roster::close(&guest)),
        }
        Roster::leave_if(&guest, || guest.life.value == 8);
    }
    drain();
    check!(tally.alive() == 2 && present(&house) == 6);

    // A walk that is given up has come to nobody.
    let mut walk = house.present.walk();
    let first = walk.next().map_or(0, |guest| guest.life.value);
    drop(walk);
    check!((first == 2 || first == 4) && present(&house) == 6);

    let guest = Guest::new(&tally, &house, 32)?;
    check!(!Roster::close(&guest));
    check!(!Roster::enrol(guest.borrow()) && present(&house) == 6);
    let liar = Guest::new(&tally, &house, LIAR)?;
    check!(!Roster::enrol(liar.borrow()) && present(&house) == 6);
    check!(house.other.walk().next().is_none());

    for guest in house.present.walk() {
        check!(Roster::close(&guest));
    }
    drop((guest, liar));
    drain();
    check!(tally.alive() == 0 && house.present.walk().next().is_none());
    Ok(())
}

/// Counts its runs in a workqueue.
#[pin_data]
struct Worker {
    life: Life,
    #[pin]
    work: Work<Self>,
}

impl_has_work! {
    impl HasWork<Self> for Worker { self.work }
}

impl WorkItem for Worker {
    type Pointer = RcuArc<Self>;

    fn run(this: RcuArc<Self>) {
        this.life.tally.events.fetch_add(1, Ordering::Relaxed);
    }
}

/// Queued work holds its object; dropping the queue waits for what was queued.
pub(crate) fn work() -> Outcome {
    let tally = Tally::new()?;
    let queue = Workqueue::new(c"wg-test", c"work", flags::UNBOUND).map_err(|_| NO_MEMORY)?;
    for round in 1..=50 {
        let life = Life::new(&tally, round);
        let init = pin_init!(Worker {
            life,
            work <- new_work!("wg_test"),
        });
        let worker = RcuArc::pin_init::<core::convert::Infallible>(init, GFP_KERNEL)
            .map_err(|_| NO_MEMORY)?;
        check!(queue.enqueue(worker).is_ok());
        if round % 10 == 0 {
            queue.flush();
            check!(tally.events() == round as usize);
        }
    }
    drop(queue);
    drain();
    check!(tally.events() == 50 && tally.alive() == 0);
    Ok(())
}
