// SPDX-License-Identifier: GPL-2.0

//! The queues between contexts, and the workqueues below them.

use core::{
    iter,
    sync::atomic::{
        AtomicUsize,
        Ordering, //
    }, //
};
use kernel::{
    alloc::flags::*,
    prelude::*,
    sync::Arc, //
};

use crate::{
    checks::{
        check,
        Dice,
        Outcome, //
    },
    kapi::{
        cpu::Cpu,
        net::{
            napi::Poll,
            skbuff::{
                Batch,
                PacketList,
                SkBuff, //
            }, //
        },
        workqueue::{
            flags,
            Workqueue, //
        }, //
    },
    queue::{
        backlog::Backlog,
        inbox::{
            Deliver,
            Inbox, //
        },
        ordered::{
            Link,
            Linked,
            Number,
            Ordered, //
        },
        parallel::{
            Job,
            Parallel, //
        },
    },
};

const NO_MEMORY: &str = "out of memory";

/// A header with nothing but a link and a value.
struct Header {
    link: Link<Self>,
    value: u64,
}

impl Linked for Header {
    fn link(&self) -> &Link<Self> {
        &self.link
    }

    fn link_mut(&mut self) -> &mut Link<Self> {
        &mut self.link
    }
}

fn batch(number: Number, value: u64) -> Result<Batch<Header>, &'static str> {
    let mut packets = PacketList::new();
    packets.push(SkBuff::new(0, 1).map_err(|_| NO_MEMORY)?);
    let link = Link::new(number);
    Batch::new(packets, Header { link, value }).ok_or("no batch of one")
}

fn ordered() -> Result<Pin<KBox<Ordered<Header>>>, &'static str> {
    KBox::pin_init(Ordered::new(), GFP_KERNEL).map_err(|_| NO_MEMORY)
}

/// A header that is worked on and delivered somehow: the check does without a poller.
struct Letter(u64);

impl Deliver for Letter {
    fn work(batch: Batch<Self>) -> Option<Batch<Self>> {
        Some(batch)
    }

    fn deliver(_batch: Batch<Self>, _poll: &mut Poll<'_>) {}
}

fn letter(number: u64) -> Result<Batch<Letter>, &'static str> {
    let mut packets = PacketList::new();
    packets.push(SkBuff::new(0, 1).map_err(|_| NO_MEMORY)?);
    Batch::new(packets, Letter(number)).ok_or("no batch of one")
}

/// Helpers get batches in the order of arrival, each once; a full inbox takes no more; and only the
/// end of work on the batch whose turn it is calls the poller.
pub(crate) fn inbox_order() -> Outcome {
    const CAPACITY: u64 = 8;
    let inbox = Inbox::<Letter>::new(CAPACITY as usize).map_err(|_| NO_MEMORY)?;
    let inbox = KBox::pin_init(inbox, GFP_KERNEL).map_err(|_| NO_MEMORY)?;
    check!(inbox.waiting() == 0 && inbox.claim().is_none());
    for number in 0..CAPACITY {
        check!(inbox.push(letter(number)?).ok() == Some(number as usize + 1));
    }
    check!(inbox.push(letter(CAPACITY)?).is_err());
    let mut claims = [const { None }; 3];
    for (number, place) in (0..).zip(&mut claims) {
        let (claim, batch) = inbox.claim().ok_or("nothing waits")?;
        check!(batch.0 == number);
        *place = Some((claim, batch));
        check!(inbox.waiting() == (CAPACITY - number - 1) as usize);
    }
    // What is worked on is still in its place.
    check!(inbox.push(letter(CAPACITY)?).is_err());
    let [first, second, third] = claims.map(|claim| claim.ok_or("no claim"));
    let ((first, batch), (second, _), (third, other)) = (first?, second?, third?);
    check!(!inbox.finish(third, Some(other)));
    check!(!inbox.finish(second, None));
    check!(inbox.finish(first, Some(batch)));
    inbox.clear(drop);
    check!(inbox.waiting() == 0 && inbox.claim().is_none());
    check!(inbox.push(letter(CAPACITY)?).ok() == Some(1));
    // What is left is freed with the inbox.
    Ok(())
}

/// Batches completed in any order are passed on in the order of their numbers, each once.
pub(crate) fn order() -> Outcome {
    const UNDER_WAY: u64 = 50;
    let queue = ordered()?;
    let mut dice = Dice::new(11);
    let mut waiting = KVec::with_capacity(UNDER_WAY as usize, GFP_KERNEL).map_err(|_| NO_MEMORY)?;
    let (mut issued, mut passed) = (0, 0);
    while passed < 3000 {
        if let Some(number) = queue.issue(UNDER_WAY) {
            let batch = batch(number, issued)?;
            waiting.push(batch, GFP_KERNEL).map_err(|_| NO_MEMORY)?;
            issued += 1;
            if dice.below(3) > 0 {
                continue;
            }
        } else {
            check!(issued - passed == UNDER_WAY);
        }
        let at = dice.below(waiting.len() as u64) as usize;
        let last = waiting.len() - 1;
        waiting.swap(at, last);
        let done = waiting.pop().ok_or("nothing is under way")?;
        if let Some((first, drainer)) = queue.complete(done) {
            for batch in Iterator::chain(iter::once(first), drainer) {
                check!(batch.value == passed);
                passed += 1;
            }
        }
    }
    Ok(())
}

/// There is one drainer at a time: what is completed meanwhile is its business.
pub(crate) fn one_drainer() -> Outcome {
    let queue = ordered()?;
    let mut numbers = [const { None }; 3];
    for number in &mut numbers {
        *number = queue.issue(3);
    }
    check!(queue.issue(3).is_none());
    let [first, second, third] = numbers.map(|number| number.ok_or("no number"));
    check!(queue.complete(batch(second?, 1)?).is_none());
    let (first, mut drainer) = queue.complete(batch(first?, 0)?).ok_or("no drainer")?;
    check!(first.value == 0);
    check!(queue.complete(batch(third?, 2)?).is_none());
    check!(drainer.next().is_some_and(|batch| batch.value == 1));
    check!(drainer.next().is_some_and(|batch| batch.value == 2));
    check!(drainer.next().is_none() && queue.issue(3).is_some());
    Ok(())
}

/// Adds to a sum when it is run, and counts when it is dropped.
struct Add {
    amount: usize,
    sum: Arc<Sum>,
}

struct Sum {
    total: AtomicUsize,
    dropped: AtomicUsize,
}

impl Job for Add {
    fn run(self) -> Option<Self> {
        self.sum.total.fetch_add(self.amount, Ordering::Relaxed);
        None
    }
}

impl Drop for Add {
    fn drop(&mut self) {
        self.sum.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// Every job that was let in is run once; none is lost between bursts.
pub(crate) fn parallel() -> Outcome {
    let sum = sum()?;
    let queue = Workqueue::new(c"wg-test", c"parallel", flags::PERCPU).map_err(|_| NO_MEMORY)?;
    let parallel = Parallel::new(16).map_err(|_| NO_MEMORY)?;
    let (mut wanted, mut admitted) = (0, 0);
    for amount in 1..=2000 {
        if let Some(entrance) = parallel.enter(0) {
            let sum = sum.clone();
            entrance.submit(&queue, Add { amount, sum });
            wanted += amount;
            admitted += 1;
        }
        // Bursts of several lengths, and time for a worker to find its ring empty.
        if amount % 37 == 0 {
            queue.flush();
        }
    }
    queue.flush();
    check!(admitted > 100 && sum.total.load(Ordering::Relaxed) == wanted);
    check!(sum.dropped.load(Ordering::Relaxed) == admitted);
    Ok(())
}

/// A job of many parts, or a short one.
enum Part {
    /// Goes on until the others have been done, but not for ever.
    Long {
        parts: usize,
        others: usize,
        done: Arc<Sum>,
    },
    Short(Add),
}

impl Job for Part {
    fn run(self) -> Option<Self> {
        match self {
            Self::Short(add) => add.run().map(Self::Short),
            Self::Long { done, others, .. } if done.total.load(Ordering::Relaxed) == others => None,
            Self::Long { parts: 0, done, .. } => {
                done.dropped.fetch_add(1, Ordering::Relaxed);
                None
            }
            Self::Long {
                parts,
                others,
                done,
            } => Some(Self::Long {
                parts: parts - 1,
                others,
                done,
            }),
        }
    }
}

/// Who has much to do lets those behind it have their turns.
pub(crate) fn turns() -> Outcome {
    const EACH: usize = 5;
    let done = sum()?;
    let queue = Workqueue::new(c"wg-test", c"turns", flags::PERCPU).map_err(|_| NO_MEMORY)?;
    let parallel = Parallel::new(EACH + 1).map_err(|_| NO_MEMORY)?;
    let cpus = Cpu::online_count() as usize;
    let others = EACH * cpus;
    for _ in 0..cpus {
        let done = done.clone();
        let entrance = parallel.enter(0).ok_or("no room")?;
        entrance.submit(
            &queue,
            Part::Long {
                parts: 1_000_000,
                others,
                done,
            },
        );
    }
    for _ in 0..others {
        let sum = done.clone();
        let entrance = parallel.enter(0).ok_or("no room")?;
        entrance.submit(&queue, Part::Short(Add { amount: 1, sum }));
    }
    queue.flush();
    check!(done.total.load(Ordering::Relaxed) == others);
    // Each short one counts, and so does each long one that gave up.
    check!(done.dropped.load(Ordering::Relaxed) == others);
    Ok(())
}

fn sum() -> Result<Arc<Sum>, &'static str> {
    let sum = Sum {
        total: AtomicUsize::new(0),
        dropped: AtomicUsize::new(0),
    };
    Arc::new(sum, GFP_KERNEL).map_err(|_| NO_MEMORY)
}

/// Jobs that nobody has begun are dropped, not run.
pub(crate) fn purging() -> Outcome {
    let sum = sum()?;
    let queue = Workqueue::new(c"wg-test", c"purge", flags::PERCPU).map_err(|_| NO_MEMORY)?;
    let parallel = Parallel::new(8).map_err(|_| NO_MEMORY)?;
    for amount in 1..=4 {
        let sum = sum.clone();
        let entrance = parallel.enter(0).ok_or("no room")?;
        entrance.submit(&queue, Add { amount, sum });
    }
    parallel.purge(drop);
    queue.flush();
    check!(sum.dropped.load(Ordering::Relaxed) == 4 && sum.total.load(Ordering::Relaxed) <= 10);
    Ok(())
}

/// Room is made up to the limit, and given back.
pub(crate) fn backlog() -> Outcome {
    const LIMIT: u64 = 8;
    let backlog = Backlog::new();
    for _ in 0..LIMIT {
        backlog.enter(LIMIT).ok_or("no room")?.keep();
    }
    check!(backlog.enter(LIMIT).is_none() && backlog.len() == LIMIT);
    backlog.leave(2);
    let place = backlog.enter(LIMIT);
    check!(place.is_some() && backlog.len() == LIMIT - 1);
    drop(place);
    check!(backlog.len() == LIMIT - 2);
    Ok(())
}
