// SPDX-License-Identifier: GPL-2.0

//! Devices as rtnetlink has them: they come, go, change, and move between namespaces.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;

use nix::mount::{mount, umount2, MntFlags, MsFlags};
use nix::net::if_::if_nametoindex;

use super::{configuration, Context};
use crate::world::{Outcome, SLOTS};
use wire_peer::netlink::{Message, Socket, ACK, CREATE, EXCL, REQUEST};

const NEW_LINK: u16 = 16;
const DELETE_LINK: u16 = 17;
const NEW_ADDRESS: u16 = 20;

const NAME: u16 = 3;
const MTU: u16 = 4;
const QUEUE_LEN: u16 = 13;
const LINK_INFO: u16 = 18;
const KIND: u16 = 1;
const ALIAS: u16 = 20;
const GROUP: u16 = 27;
const NAMESPACE: u16 = 28;
const SEND_QUEUES: u16 = 31;
const GSO_SEGMENTS: u16 = 40;
const GSO_SIZE: u16 = 41;
const GRO_SIZE: u16 = 58;

const UP: u32 = 1;
const PROMISCUOUS: u32 = 0x100;
const ALL_MULTICAST: u32 = 0x200;

const INET: u8 = 2;
const INET6: u8 = 10;
const NO_DAD: u8 = 2;

/// Whatever names a device in a request.
fn link(ty: u16, flags: u16, index: u32, set: u32, mask: u32) -> Message {
    let mut header = vec![0; 4];
    header.extend(index.to_ne_bytes());
    header.extend(set.to_ne_bytes());
    header.extend(mask.to_ne_bytes());
    Message::new(ty, REQUEST | ACK | flags).raw(&header)
}

fn named(ty: u16, name: &str) -> Message {
    let mut message = link(ty, 0, 0, 0, 0);
    message.text(NAME, name);
    message
}

fn ask(message: Message) -> Outcome {
    Socket::route()?.ask(message)?;
    Ok(())
}

pub fn bring_up_loopback() -> Outcome {
    ask(link(NEW_LINK, 0, 1, UP, UP))
}

fn set_flags(name: &str, set: u32, mask: u32) -> Outcome {
    let mut message = link(NEW_LINK, 0, 0, set, mask);
    message.text(NAME, name);
    ask(message)
}

/// Asks for something of the device, in its namespace.
fn change(context: &mut Context<'_>, fill: impl FnOnce(&mut Message)) -> Outcome {
    let mut message = named(NEW_LINK, &context.name());
    fill(&mut message);
    context.world.within(context.slot, || ask(message))
}

// --- coming and going

fn creation(context: &Context<'_>) -> Message {
    let mut message = link(NEW_LINK, CREATE | EXCL, 0, 0, 0);
    message.text(NAME, &context.name());
    // A kind is called as its family is.
    message.nest(LINK_INFO, |info| info.text(KIND, context.family()));
    message
}

/// A device as it should be, in whatever state it is found: its sockets mostly in the first namespace, itself in another
/// one.
pub fn ready(context: &mut Context<'_>) -> Outcome {
    let creator = match context.rng.percent(80) {
        true => 0,
        false => context.slot,
    };
    let mut message = creation(context);
    let target = context.world.descriptor(context.slot)?;
    message.u32(NAMESPACE, target.as_raw_fd() as u32);
    // Most often it is there already.
    let _ = context.world.within(creator, || ask(message));
    let request = configuration::whole(context);
    let (name, number) = (context.name(), context.device as u8 + 1);
    let family = context.family();
    context.world.within(context.slot, || {
        configuration::send(family, request)?;
        address(&name, number)?;
        set_flags(&name, UP, UP)
    })
}

/// For what would mostly fail otherwise.
pub fn likely_ready(context: &mut Context<'_>) {
    if context.rng.percent(70) {
        let _ = ready(context);
    }
}

fn address(name: &str, number: u8) -> Outcome {
    let index = if_nametoindex(name)?;
    let v4 = Ipv4Addr::new(10, 7, 0, number).octets();
    let v6 = Ipv6Addr::new(0xfd07, 0, 0, 0, 0, 0, 0, number.into()).octets();
    for (family, len, bytes) in [(INET, 24, &v4[..]), (INET6, 64, &v6[..])] {
        let header = [&[family, len, NO_DAD, 0][..], &index.to_ne_bytes()].concat();
        let mut message = Message::new(NEW_ADDRESS, REQUEST | CREATE).raw(&header);
        message.attr(1, bytes);
        message.attr(2, bytes);
        Socket::route()?.send(message)?;
    }
    Ok(())
}

pub fn add(context: &mut Context<'_>) -> Outcome {
    let mut message = creation(context);
    let rng = &mut context.rng;
    if rng.percent(30) {
        message.u32(MTU, rng.pick(&MTUS));
    }
    if rng.percent(10) {
        let count = rng.pick(&[0, 1, 2, 64, 4096, u32::MAX]);
        message.u32(SEND_QUEUES, count);
    }
    let target = context.world.descriptor(context.rng.below(SLOTS))?;
    if context.rng.percent(40) {
        message.u32(NAMESPACE, target.as_raw_fd() as u32);
    }
    context.world.within(context.slot, || ask(message))
}

pub fn delete(context: &mut Context<'_>) -> Outcome {
    let message = named(DELETE_LINK, &context.name());
    context.world.within(context.slot, || ask(message))
}

// --- up and down

pub fn up(context: &mut Context<'_>) -> Outcome {
    let name = context.name();
    context
        .world
        .within(context.slot, || set_flags(&name, UP, UP))
}

/// Down, and mostly up again at once: what was under way meets what begins.
pub fn down(context: &mut Context<'_>) -> Outcome {
    let (name, again) = (context.name(), context.rng.percent(70));
    context.world.within(context.slot, || {
        set_flags(&name, 0, UP)?;
        match again {
            true => set_flags(&name, UP, UP),
            false => Ok(()),
        }
    })
}

// --- changes

/// To another one's name, to a strange one and back, or to one that is none. The other one is of the same kind: by its
/// number everybody knows which family to ask.
pub fn rename(context: &mut Context<'_>) -> Outcome {
    let other = (context.device + 2 * context.rng.below(2)) % super::DEVICES;
    let names = [
        format!("wg{other}"),
        "wg-strange-name".into(),
        "%s%n%d".into(),
        "a/b".into(),
    ];
    let new = names[context.rng.below(names.len())].clone();
    let (old, back) = (context.name(), context.rng.percent(80));
    context.world.within(context.slot, || {
        let index = if_nametoindex(&*old)?;
        let rename = |name: &str| {
            let mut message = link(NEW_LINK, 0, index, 0, 0);
            message.text(NAME, name);
            ask(message)
        };
        rename(&new)?;
        match back {
            true => rename(&old),
            false => Ok(()),
        }
    })
}

const MTUS: [u32; 12] = [
    0,
    1,
    67,
    68,
    576,
    1280,
    1420,
    1420,
    9000,
    65535,
    0x7fff_ff00,
    u32::MAX,
];

pub fn mtu(context: &mut Context<'_>) -> Outcome {
    let value = context.rng.pick(&MTUS);
    change(context, |message| message.u32(MTU, value))
}

/// What else can be set of any device.
pub fn tune(context: &mut Context<'_>) -> Outcome {
    let value = context
        .rng
        .pick(&[0, 1, 2, 1000, 65535, 65536, 524_280, u32::MAX]);
    let (name, choice) = (context.name(), context.rng.below(7));
    match choice {
        0 => change(context, |message| message.u32(QUEUE_LEN, value)),
        1 => change(context, |message| message.u32(GROUP, value)),
        2 => change(context, |message| message.u32(GSO_SIZE, value)),
        3 => change(context, |message| message.u32(GSO_SEGMENTS, value)),
        4 => change(context, |message| message.u32(GRO_SIZE, value)),
        5 => change(context, |message| {
            message.text(ALIAS, "another name");
        }),
        _ => context.world.within(context.slot, || {
            set_flags(&name, value, PROMISCUOUS | ALL_MULTICAST)
        }),
    }
}

pub fn move_away(context: &mut Context<'_>) -> Outcome {
    // Mostly to where it is looked for.
    let target = match context.rng.percent(50) {
        true => context.device % SLOTS,
        false => context.rng.below(SLOTS),
    };
    let file = context.world.descriptor(target)?;
    change(context, |message| {
        message.u32(NAMESPACE, file.as_raw_fd() as u32)
    })
}

/// Who polls: a thread of each poller's, or softirqs. There is no netlink for the whole device, and sysfs shows the
/// namespace of who mounts it.
pub fn threaded(context: &mut Context<'_>) -> Outcome {
    let value = context.rng.pick(&["0", "1", "0", "1", "2", "-1", ""]);
    let path = format!("net/{}/threaded", context.name());
    context.world.within(context.slot, || {
        let here = format!("/tmp/guest-fuzz.{:?}", std::thread::current().id());
        fs::create_dir_all(&here)?;
        let none = None::<&str>;
        mount(Some("sys"), &*here, Some("sysfs"), MsFlags::empty(), none)?;
        let result = fs::write(format!("{here}/class/{path}"), value);
        umount2(&*here, MntFlags::MNT_DETACH)?;
        Ok(result?)
    })
}
