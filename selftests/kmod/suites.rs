// SPDX-License-Identifier: GPL-2.0

//! The checks as suites of KUnit, for kernels that have it: they run when the module is loaded.

#![allow(unsafe_code, reason = "what KUnit's macros make")]

use kernel::{
    macros::kunit_tests,
    prelude::*, //
};

use crate::{
    checks::{
        allowed_ips as ips,
        ratelimit as rate,
        Outcome, //
    },
    crypto::KernelCrypto,
    environment,
    guises,
    lifetimes,
    numbers,
    packets,
    primitives,
    proto,
    queues,
    sockets,
    trains,
    window, //
};

/// KUnit shows no more than that a test has failed; the log says why.
fn told(outcome: Outcome) -> Outcome {
    if let Err(reason) = outcome {
        pr_err!("# {reason}\n");
    }
    outcome
}

/// Declares a suite: its name, and the name and the check of each of its tests.
macro_rules! suite {
    ($suite:ident: $($test:ident = $check:expr;)*) => {
        #[kunit_tests($suite)]
        mod $suite {
            use super::*;
            $(
                #[test]
                fn $test() -> Outcome {
                    told($check())
                }
            )*
        }
    };
}

suite! { wireguard_crypto:
    vectors = proto::selftest::run::<KernelCrypto>;
    in_place = primitives::in_place;
    forgeries = primitives::forgeries;
    lengths = primitives::lengths;
    zero_points = primitives::zero_points;
    comparing = primitives::comparing;
}

suite! { wireguard_environment:
    random = environment::random;
    clocks = environment::clocks;
    cpus = environment::cpus;
}

suite! { wireguard_allowed_ips:
    longest_prefix = ips::longest_prefix;
    remove_owner = ips::remove_owner;
    remove_one = ips::remove_one;
    order = ips::order;
    depth = ips::depth;
    many = ips::many;
    model = (|| ips::model(100_000, 8));
}

suite! { wireguard_ratelimit:
    per_source = rate::per_source;
    capacity = rate::capacity;
    flood = rate::flood;
    size = rate::size;
}

suite! { wireguard_index_table:
    numbers = numbers::numbers;
    sizes = numbers::sizes;
}

suite! { wireguard_replay:
    model = (|| window::model(100_000));
    end = window::end;
}

suite! { wireguard_packets:
    ends = packets::ends;
    no_room = packets::no_room;
    notes = packets::notes;
    lists = packets::lists;
    batches = packets::batches;
    sealing = packets::sealing;
    forgeries = packets::forgeries;
}

suite! { wireguard_trains:
    round_trips = trains::round_trips;
    what_fits = trains::what_fits;
    bounds = trains::bounds;
    room = trains::room;
    shapes = trains::shapes;
    forgeries = trains::forgeries;
    written_pages = trains::written_pages;
    lists = trains::lists;
    parts = trains::parts;
    rows = trains::rows;
    owners = trains::owners;
    segments_of_all_kinds = trains::segments_of_all_kinds;
    refusals = trains::refusals;
}

suite! { wireguard_guises:
    in_place = guises::in_place;
    alone = guises::alone;
    in_trains = guises::in_trains;
    by_another = guises::by_another;
    drawn = guises::drawn;
}

suite! { wireguard_queues:
    inbox_order = queues::inbox_order;
    order = queues::order;
    one_drainer = queues::one_drainer;
    parallel = queues::parallel;
    turns = queues::turns;
    purging = queues::purging;
    backlog = queues::backlog;
}

suite! { wireguard_lifetimes:
    references = lifetimes::references;
    cells = lifetimes::cells;
    slots = lifetimes::slots;
    timers = lifetimes::timers;
    roster = lifetimes::roster;
    work = lifetimes::work;
}

suite! { wireguard_sockets:
    registration = sockets::registration;
    sharing = sockets::sharing;
}
