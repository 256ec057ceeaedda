// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! AmneziaWG: what settings are taken, what they make of messages, and that nothing is mistaken for
//! something else.

mod classifier;
#[path = "../common/mod.rs"]
mod common;
mod profile;
mod settings;
mod special;

use wireguard_proto::awg;
use wireguard_proto::rustcrypto::RustCrypto;

type Settings = awg::Settings<RustCrypto>;
type Profile = awg::Profile<RustCrypto>;

fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::default();
    change(&mut settings);
    settings
}

fn profile(change: impl FnOnce(&mut Settings)) -> Profile {
    Profile::new(settings(change)).unwrap()
}
