// SPDX-License-Identifier: GPL-2.0

//! Labels, good and bad, and where they are shown; and other attributes that are wrong.

use std::path::Path;

use nix::errno::Errno;

use super::{all_of, clear, put_peer, set_peer, state, FAMILY};
use crate::bench::Bench;
use crate::dut::{run as command, DEVICE};
use crate::netlink::{attributes, Message};
use crate::news::{self, Reader};
use crate::peer::Peer;
use crate::tap::Result;
use crate::uapi::{
    CARRIER, EVENT_CLASSES, FIXED_ENDPOINT, LABEL, PATH_MTU, PEERS, PEER_CHANGED, PEER_KEY, WANTED,
};
use crate::{ensure, ensure_eq};

const DYNAMIC_DEBUG: &str = "/sys/kernel/debug/dynamic_debug/control";

pub fn run(bench: &mut Bench) {
    bench.test(
        "labels are shown as they are given, to who asks, and in events",
        good,
    );
    bench.test(
        "bad requests are refused with reasons, and change nothing",
        bad,
    );
    bench.test("who does not ask is shown nothing new", plain);
    bench.test("debug messages name a peer by its label, too", messages);
}

fn good(bench: &mut Bench) -> Result {
    clear()?;
    let peer = bench.peer()?;
    ensure_eq!(state(&peer)?.label, None, "label of a new peer");
    let longest = "ü".repeat(32);
    for label in [
        "Berlin",
        &longest,
        "東京 – upper floor 🚀",
        "x",
        "",
        "Berlin",
    ] {
        let reader = Reader::open(FAMILY, "config")?;
        set_peer(&peer.public().0, |peer| peer.text(LABEL, label))?;
        let wanted = (!label.is_empty()).then(|| label.to_owned());
        ensure_eq!(state(&peer)?.label, wanted, "label");
        let told = all_of(&reader, &[PEER_CHANGED])?;
        ensure_eq!(told[0].label, wanted, "label in the event");
    }
    let other = bench.peer()?;
    ensure_eq!(state(&other)?.label, None, "label of another peer");
    bench.dut.wg_peer(peer.public(), &["remove"])?;
    peer.join(&bench.dut)?;
    ensure_eq!(
        state(&peer)?.label,
        None,
        "label of a peer that was removed"
    );
    Ok(())
}

/// A request that must be refused, by what error and with what words, if those are ours.
struct Bad {
    what: &'static str,
    fill: fn(&mut Message, &[u8; 32]),
    why: Option<&'static str>,
}

const TOO_LONG: Option<&str> = Some("a label has 64 bytes at most");
const NOT_UTF8: Option<&str> = Some("a label must be UTF-8");
const CONTROL: Option<&str> = Some("a label must not have control characters");
const DIRECTION: Option<&str> = Some("a label must not have characters that turn text around");
const GOES_ON: Option<&str> = Some("a label must not go on behind a NUL");

fn label(message: &mut Message, key: &[u8; 32], bytes: &[u8]) {
    put_peer(message, key, |peer| peer.attr(LABEL, bytes));
}

/// What is no label, end and all, and why.
type Unfit = (&'static str, &'static [u8], Option<&'static str>);

const UNFIT: &[Unfit] = &[
    ("a line feed", b"a\nb\0", CONTROL),
    ("an escape sequence", b"\x1b[31mred\0", CONTROL),
    ("a delete character", b"a\x7f\0", CONTROL),
    ("a next line", "a\u{85}b\0".as_bytes(), CONTROL),
    (
        "a control sequence introducer",
        "\u{9b}31m\0".as_bytes(),
        CONTROL,
    ),
    (
        "an override of direction",
        "a\u{202e}b\0".as_bytes(),
        DIRECTION,
    ),
    ("an embedding", "\u{202a}\0".as_bytes(), DIRECTION),
    ("the first isolate", "\u{2066}a\0".as_bytes(), DIRECTION),
    ("the end of an isolate", "a\u{2069}\0".as_bytes(), DIRECTION),
    ("a left-to-right mark", "\u{200e}\0".as_bytes(), DIRECTION),
    ("a right-to-left mark", "\u{200f}\0".as_bytes(), DIRECTION),
    ("an Arabic letter mark", "\u{61c}\0".as_bytes(), DIRECTION),
    ("a byte of no text", b"a\xff\0", NOT_UTF8),
    ("Latin-1", b"Z\xfcrich\0", NOT_UTF8),
    ("a longer spelling of a character", b"\xc0\xaf\0", NOT_UTF8),
    ("half of a pair", b"\xed\xa0\x80\0", NOT_UTF8),
    ("half of a character", b"a\xe2\x82\0", NOT_UTF8),
    ("a character beyond all", b"\xf4\x90\x80\x80\0", NOT_UTF8),
    ("something behind its end", b"ab\0cd\0", GOES_ON),
    ("two ends", b"ab\0\0", GOES_ON),
    ("no end", b"ab", None),
    ("no bytes", b"", None),
];

const BAD: &[Bad] = &[
    Bad {
        what: "65 bytes",
        fill: |message, key| label(message, key, &[[b'x'; 65].as_slice(), &[0]].concat()),
        why: TOO_LONG,
    },
    Bad {
        what: "65 bytes that are 33 characters",
        fill: |message, key| label(message, key, format!("{}x\0", "ü".repeat(32)).as_bytes()),
        why: TOO_LONG,
    },
    Bad {
        what: "a kibibyte",
        fill: |message, key| label(message, key, &[[b'x'; 1024].as_slice(), &[0]].concat()),
        why: TOO_LONG,
    },
    Bad {
        what: "a second peer whose label is bad",
        fill: |message, key| {
            message.nest(PEERS, |list| {
                list.nest(0, |peer| {
                    peer.attr(PEER_KEY, key);
                    peer.text(LABEL, "good");
                });
                list.nest(0, |peer| {
                    peer.attr(PEER_KEY, &[7; 32]);
                    peer.text(LABEL, "\t");
                });
            })
        },
        why: CONTROL,
    },
    Bad {
        what: "a fixed endpoint of 2",
        fill: |message, key| put_peer(message, key, |peer| peer.u8(FIXED_ENDPOINT, 2)),
        why: Some("FixedEndpoint must be 0 or 1"),
    },
    Bad {
        what: "a fixed endpoint of two bytes",
        fill: |message, key| put_peer(message, key, |peer| peer.u16(FIXED_ENDPOINT, 1)),
        why: None,
    },
    Bad {
        what: "a carrier of 2",
        fill: |message, _| message.u8(CARRIER, 2),
        why: Some("Carrier must be 0 or 1"),
    },
    Bad {
        what: "a carrier of four bytes",
        fill: |message, _| message.u32(CARRIER, 1),
        why: None,
    },
    Bad {
        what: "a path MTU of 2",
        fill: |message, _| message.u8(PATH_MTU, 2),
        why: Some("PathMTU must be 0 or 1"),
    },
    Bad {
        what: "a path MTU of four bytes",
        fill: |message, _| message.u32(PATH_MTU, 1),
        why: None,
    },
    Bad {
        what: "a class that there is not",
        fill: |message, _| message.u32(EVENT_CLASSES, 1 << 4),
        why: Some("there are no events of this class"),
    },
    Bad {
        what: "a number of classes that is too short",
        fill: |message, _| message.u16(EVENT_CLASSES, 1),
        why: None,
    },
];

fn bad(bench: &mut Bench) -> Result {
    clear()?;
    let peer = bench.peer()?;
    let key = peer.public().0;
    set_peer(&key, |peer| peer.text(LABEL, "Berlin"))?;
    let reader = Reader::open(FAMILY, "config")?;
    let before = state(&peer)?;
    let refused = |what: &str, why: Option<&str>, fill: &(dyn Fn(&mut Message) + Sync)| -> Result {
        let Err(refusal) = news::set(FAMILY, DEVICE, |message| fill(message))? else {
            return Err(format!("{what}: taken").into());
        };
        ensure_eq!(refusal.error, Errno::EINVAL, "{what}");
        let said = refusal.why.ok_or(format!("{what}: no reason"))?;
        ensure!(why.is_none_or(|why| said == why), "{what}: '{said}'");
        ensure_eq!(state(&peer)?, before, "{what}: afterwards");
        Ok(())
    };
    for (what, bytes, why) in UNFIT {
        refused(what, *why, &|message| label(message, &key, bytes))?;
    }
    for Bad { what, fill, why } in BAD {
        refused(what, *why, &|message| fill(message, &key))?;
    }
    let asked = news::get(FAMILY, DEVICE, |message| message.u32(WANTED, 1 << 31))?;
    let error = asked.map(drop).map_err(|refusal| refusal.error);
    ensure_eq!(error, Err(Errno::EINVAL), "a wish that there is not");
    all_of(&reader, &[]).map(drop)
}

fn plain(bench: &mut Bench) -> Result {
    clear()?;
    let mut peer = bench.peer()?;
    set_peer(&peer.public().0, |peer| {
        peer.text(LABEL, "Berlin");
        peer.u8(FIXED_ENDPOINT, 1);
    })?;
    bench.dut.wg_peer(
        peer.public(),
        &["endpoint", &peer.wire.address().to_string()],
    )?;
    peer.connect()?;
    let shown = news::get(FAMILY, DEVICE, |_| ())?.map_err(|refusal| format!("{refusal:?}"))?;
    let mut types: Vec<u16> = Vec::new();
    for told in &shown {
        types.extend(attributes(told).map(|(ty, _)| ty));
    }
    for peer in news::peers(&shown) {
        types.extend(attributes(peer).map(|(ty, _)| ty));
    }
    ensure!(types.len() > 10, "few attributes: {types:?}");
    ensure!(
        types.iter().all(|ty| *ty <= 10),
        "new attributes: {types:?}"
    );
    Ok(())
}

/// The messages of a handshake.
fn handshake_messages(peer: &mut Peer) -> Result<String> {
    command("dmesg", &["--clear"], "")?;
    std::fs::write(DYNAMIC_DEBUG, "module wireguard +p")?;
    let connected = peer.connect();
    std::fs::write(DYNAMIC_DEBUG, "module wireguard -p")?;
    connected?;
    command("dmesg", &[], "")
}

fn messages(bench: &mut Bench) -> Result {
    // Namespaces have a /sys of their own.
    command(
        "mount",
        &["-t", "debugfs", "debugfs", "/sys/kernel/debug"],
        "",
    )?;
    if !Path::new(DYNAMIC_DEBUG).exists() {
        println!("# this kernel has no debug messages");
        return Ok(());
    }
    clear()?;
    let mut peer = bench.peer()?;
    let found = handshake_messages(&mut peer)?;
    ensure!(
        found.contains("from peer ") && !found.contains('"'),
        "without a label:\n{found}"
    );
    set_peer(&peer.public().0, |peer| peer.text(LABEL, "Berlin"))?;
    let found = handshake_messages(&mut peer)?;
    let address = peer.wire.address();
    let wanted = format!(" \"Berlin\" ({address})");
    ensure!(found.contains(&wanted), "with a label:\n{found}");
    Ok(())
}
