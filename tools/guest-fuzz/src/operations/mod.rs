// SPDX-License-Identifier: GPL-2.0

//! What actors do: one table of operations, from which each draws by its role.

mod configuration;
mod dumps;
pub mod links;
mod looks;
mod machine;
mod players;
mod requests;
mod strangers;
mod traffic;

use crate::rng::Rng;
use crate::world::{Outcome, World, DEVICES, SLOTS};

use self::players::Players;

/// What an actor is to the machine.
#[derive(Clone, Copy)]
pub enum Role {
    Administrator,
    User,
    Stranger,
}

impl Role {
    /// Roles are dealt out in turn.
    pub fn of(actor: usize) -> Self {
        [Self::Administrator, Self::User, Self::Stranger][actor % 3]
    }
}

/// A kind of operation.
pub struct Kind {
    pub name: &'static str,
    /// How often each role draws it.
    weights: [usize; 3],
    pub run: fn(&mut Context<'_>) -> Outcome,
}

const fn kind(
    name: &'static str,
    weights: [usize; 3],
    run: fn(&mut Context<'_>) -> Outcome,
) -> Kind {
    Kind { name, weights, run }
}

/// For administrators, users and strangers.
pub const KINDS: &[Kind] = &[
    kind("ready", [24, 0, 0], links::ready),
    kind("add", [4, 0, 0], links::add),
    kind("delete", [3, 0, 0], links::delete),
    kind("up", [5, 0, 0], links::up),
    kind("down", [4, 0, 0], links::down),
    kind("rename", [3, 0, 0], links::rename),
    kind("mtu", [4, 0, 0], links::mtu),
    kind("tune", [3, 0, 0], links::tune),
    kind("move", [3, 0, 0], links::move_away),
    kind("threaded", [4, 0, 0], links::threaded),
    kind("set", [24, 0, 0], requests::set),
    kind("set-garbage", [4, 0, 0], requests::set_garbage),
    kind("get", [8, 0, 0], dumps::get),
    kind("get-abandon", [4, 0, 0], dumps::abandon),
    kind("get-resume", [4, 0, 0], dumps::resume),
    kind("namespace", [1, 0, 0], machine::end_namespace),
    kind("reload", [1, 0, 0], machine::reload),
    kind("suspend", [2, 0, 0], machine::suspend),
    kind("copy", [2, 0, 0], machine::copy),
    kind("udp", [0, 10, 0], traffic::udp),
    kind("train", [0, 6, 0], traffic::train),
    kind("tcp", [0, 10, 0], traffic::tcp),
    kind("echo", [0, 6, 0], traffic::echo),
    kind("raw", [0, 5, 0], traffic::raw),
    kind("link", [0, 6, 0], traffic::link),
    kind("offload", [0, 6, 0], traffic::offload),
    kind("noise", [0, 0, 8], strangers::noise),
    kind("initiations", [0, 0, 4], strangers::initiations),
    kind("mutated", [0, 0, 8], strangers::mutated),
    kind("replay", [0, 0, 6], strangers::replay),
    kind("play", [0, 0, 12], players::play),
    kind("data", [0, 0, 10], players::data),
    kind("answer", [0, 0, 8], players::answer),
];

/// One operation: a kind, what it is done to, and chance for all the rest.
pub struct Context<'a> {
    pub world: &'a World,
    pub rng: Rng,
    /// The namespace and the device it is about. The device may be elsewhere, or nowhere.
    pub slot: usize,
    pub device: usize,
    pub players: &'a mut Players,
}

/// What an actor keeps between operations; it has no influence on which come next.
#[derive(Default)]
pub struct Memory(Players);

/// An operation that has been drawn.
pub struct Operation {
    pub kind: usize,
    slot: usize,
    device: usize,
    rng: Rng,
}

impl Operation {
    pub fn draw(role: Role, mut rng: Rng) -> Self {
        let kind = draw_kind(role, &mut rng);
        let device = rng.below(DEVICES);
        let slot = match rng.percent(85) {
            true => device % SLOTS,
            false => rng.below(SLOTS),
        };
        Self {
            kind,
            slot,
            device,
            rng,
        }
    }

    pub fn run(self, world: &World, memory: &mut Memory) -> Outcome {
        (KINDS[self.kind].run)(&mut Context {
            world,
            rng: self.rng,
            slot: self.slot,
            device: self.device,
            players: &mut memory.0,
        })
    }

    pub fn describe(&self) -> String {
        let name = KINDS[self.kind].name;
        format!("{name} wg{} in {}", self.device, self.slot)
    }
}

fn draw_kind(role: Role, rng: &mut Rng) -> usize {
    let weight = |kind: &Kind| kind.weights[role as usize];
    let mut left = rng.below(KINDS.iter().map(weight).sum());
    for (number, kind) in KINDS.iter().enumerate() {
        match left.checked_sub(weight(kind)) {
            Some(less) => left = less,
            None => return number,
        }
    }
    unreachable!("the number is below the sum of all weights")
}

impl Context<'_> {
    pub fn name(&self) -> String {
        format!("wg{}", self.device)
    }

    /// Whether the device is of the kind `amneziawg`: every second one is.
    pub fn is_disguised(&self) -> bool {
        self.device % 2 == 1
    }

    /// The family that the device is configured by, and its kind.
    pub fn family(&self) -> &'static str {
        match self.is_disguised() {
            true => "amneziawg",
            false => "wireguard",
        }
    }

    /// Where the device most likely listens.
    pub fn port(&self) -> u16 {
        port_of(self.device)
    }
}

/// Where an identity most likely listens.
pub fn port_of(identity: usize) -> u16 {
    51820 + identity as u16
}
