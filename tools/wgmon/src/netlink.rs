// SPDX-License-Identifier: GPL-2.0

//! What the kernel knows: which interfaces there are, how they are, and what happens to them.

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use wire_peer::netlink::{attribute, Family, Message, Refusal, Socket, DUMP, REQUEST};
use wire_peer::uapi;

use crate::event::{Event, GROUPS};
use crate::reading::{self, Device, Kind, WANTED, WANTED_DROPS, WANTED_PEER_STATE};
use crate::Result;

const RTM_GETLINK: u16 = 18;
/// `struct ifinfomsg` has 16 bytes, and what reads messages has passed over four of them as another family's header.
const LINK_HEADER: usize = 12;
const LINK_NAME: u16 = 3;
const LINK_INFO: u16 = 18;
const LINK_KIND: u16 = 1;
const LINK_MASK: u16 = 29;
const SKIP_STATISTICS: u32 = 1 << 3;

/// What is asked for, each if the one before it was refused. The C driver knows none.
const WISHES: [u32; 4] = [
    WANTED_DROPS | WANTED_PEER_STATE,
    WANTED_PEER_STATE,
    WANTED_DROPS,
    0,
];

/// As many events as are heard at once.
const EVENTS_AT_ONCE: usize = 1024;

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Link {
    pub index: u32,
    pub name: String,
    pub kind: Kind,
}

/// What has come of listening.
#[derive(Default)]
pub struct Heard {
    pub events: Vec<Event>,
    /// Whether there was more than there was room for.
    pub overrun: bool,
}

/// A family of generic netlink that is there, with what its driver can do.
struct Opened {
    kind: Kind,
    family: Family,
    wish: usize,
    groups: Vec<String>,
    ear: Option<Socket>,
}

pub struct Source {
    route: Socket,
    generic: Socket,
    opened: Vec<Opened>,
}

impl Source {
    pub fn open() -> Result<Self> {
        let sockets = || Ok((Socket::route()?, Socket::generic()?.explaining()?));
        let (route, generic) = sockets().map_err(|error: Errno| {
            format!("this kernel has no netlink ({}): use another", error.desc())
        })?;
        Ok(Self {
            route,
            generic,
            opened: Vec::new(),
        })
    }

    /// All interfaces of these kinds.
    pub fn links(&self) -> Result<Vec<Link>> {
        let mut links = Vec::new();
        for kind in Kind::ALL {
            let mut message = Message::new(RTM_GETLINK, REQUEST | DUMP).raw(&[0; 16]);
            message.u32(LINK_MASK, SKIP_STATISTICS);
            message.nest(LINK_INFO, |info| info.text(LINK_KIND, kind.name()));
            // Where nothing of that kind has been registered yet, all interfaces are told.
            let told = self.route.ask_why(message, |link| {
                links.extend(read_link(link).filter(|link| link.kind == kind));
            });
            told.map_err(|refusal| refused("the list of interfaces", &refusal))?;
        }
        links.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(links)
    }

    /// Whether there is a driver of WireGuard.
    pub fn has_driver(&self) -> bool {
        self.generic.family(Kind::WireGuard.name()).is_ok()
    }

    /// Reads a device, and whether nothing has changed meanwhile. [`None`] if it is not there any more.
    pub fn read(&mut self, link: &Link) -> Result<Option<(Device, bool)>> {
        let Some(place) = self.family(link.kind)? else {
            return Ok(None);
        };
        loop {
            let opened = &self.opened[place];
            let wanted = WISHES[opened.wish];
            let mut message = Message::generic(opened.family.id, REQUEST | DUMP, uapi::GET_DEVICE);
            message.u32(uapi::INDEX, link.index);
            if wanted != 0 {
                message.u32(WANTED, wanted);
            }
            let mut device = Device::new(link.index, &link.name, link.kind);
            let answer = self
                .generic
                .ask_whole(message, |attributes| device.take(attributes));
            match answer {
                Ok(whole) => return Ok(Some((device, whole))),
                Err(refusal) => match refusal.error {
                    Errno::EINVAL if opened.wish + 1 < WISHES.len() => {
                        self.opened[place].wish += 1;
                    }
                    Errno::ENODEV | Errno::EOPNOTSUPP => return Ok(None),
                    // The module was taken away, and may be there again under another number.
                    Errno::ENOENT => {
                        self.opened.remove(place);
                        return Ok(None);
                    }
                    _ => return Err(refused(&link.name, &refusal)),
                },
            }
        }
    }

    /// The place of a family, which is looked for if it was not known.
    fn family(&mut self, kind: Kind) -> Result<Option<usize>> {
        let known = |opened: &Opened| opened.kind == kind;
        if let Some(place) = self.opened.iter().position(known) {
            return Ok(Some(place));
        }
        let family = match self.generic.family(kind.name()) {
            Ok(family) => family,
            Err(Errno::ENOENT) => return Ok(None),
            Err(error) => return Err(refused(kind.name(), &error.into())),
        };
        let (groups, ear) = self.listen(kind);
        self.opened.push(Opened {
            kind,
            family,
            wish: 0,
            groups,
            ear,
        });
        Ok(Some(self.opened.len() - 1))
    }

    /// Listens to those groups of a family that tell of events. Without some it is as with the C driver.
    fn listen(&self, kind: Kind) -> (Vec<String>, Option<Socket>) {
        let there = self.generic.groups(kind.name()).unwrap_or_default();
        let (names, numbers): (Vec<_>, Vec<_>) = there
            .into_iter()
            .filter(|(name, _)| GROUPS.contains(&name.as_str()))
            .unzip();
        if names.is_empty() {
            return (names, None);
        }
        match Socket::listening_to_all(numbers) {
            Ok(ear) => (names, Some(ear)),
            Err(_) => (Vec::new(), None),
        }
    }

    /// The groups by which events of a kind of devices come.
    pub fn groups(&self, kind: Kind) -> &[String] {
        let opened = self.opened.iter().find(|opened| opened.kind == kind);
        opened.map_or(&[], |opened| &opened.groups)
    }

    /// What is to be waited for.
    pub fn ears(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let ears = self.opened.iter().filter_map(|opened| opened.ear.as_ref());
        ears.map(Socket::as_fd)
    }

    /// All that has been told since, or a part of it if that is much.
    pub fn hear(&self) -> Heard {
        let mut heard = Heard::default();
        for ear in self.opened.iter().filter_map(|opened| opened.ear.as_ref()) {
            while heard.events.len() < EVENTS_AT_ONCE {
                match ear.hear_command() {
                    Ok(Some((command, attributes))) => {
                        heard.events.extend(Event::read(command, &attributes));
                    }
                    Ok(None) => break,
                    Err(Errno::EINTR) => {}
                    // ENOBUFS. What is there is heard the next time.
                    Err(_) => {
                        heard.overrun = true;
                        break;
                    }
                }
            }
        }
        heard
    }
}

fn read_link(message: &[u8]) -> Option<Link> {
    let index = u32::from_ne_bytes(*message.first_chunk()?);
    let attributes = message.get(LINK_HEADER..)?;
    let kind = attribute(attribute(attributes, LINK_INFO)?, LINK_KIND).and_then(reading::text)?;
    Some(Link {
        index,
        name: attribute(attributes, LINK_NAME).and_then(reading::text)?,
        kind: Kind::ALL.into_iter().find(|known| known.name() == kind)?,
    })
}

/// Why something cannot be read, and what to do.
fn refused(what: &str, refusal: &Refusal) -> String {
    match (refusal.error, &refusal.why) {
        (Errno::EPERM | Errno::EACCES, _) => {
            format!("only root may ask for {what}: run it by sudo")
        }
        (error, Some(why)) => format!(
            "{what} cannot be read: the kernel says: {why} ({})",
            error.desc()
        ),
        (error, None) => format!("{what} cannot be read: {}", error.desc()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::tests::message;

    fn link(index: u32, fill: impl FnOnce(&mut Message)) -> Vec<u8> {
        let mut bytes = index.to_ne_bytes().to_vec();
        bytes.resize(LINK_HEADER, 0);
        bytes.extend(message(fill));
        bytes
    }

    #[test]
    fn links_of_these_kinds_are_known() {
        let told = link(5, |m| {
            m.text(LINK_NAME, "awg0");
            m.nest(LINK_INFO, |info| info.text(LINK_KIND, "amneziawg"));
        });
        let found = read_link(&told).unwrap();
        assert_eq!((found.index, found.name.as_str()), (5, "awg0"));
        assert_eq!(found.kind, Kind::AmneziaWg);
    }

    #[test]
    fn other_links_are_not() {
        let other = link(5, |m| {
            m.text(LINK_NAME, "veth0");
            m.nest(LINK_INFO, |info| info.text(LINK_KIND, "veth"));
        });
        assert_eq!(read_link(&other), None);
        assert_eq!(read_link(&link(1, |m| m.text(LINK_NAME, "lo"))), None);
        assert_eq!(read_link(&other[..6]), None);
    }

    #[test]
    fn refusals_say_what_to_do() {
        let said = refused("wg0", &Errno::EPERM.into());
        assert_eq!(said, "only root may ask for wg0: run it by sudo");
        let refusal = Refusal {
            error: Errno::EBUSY,
            why: Some("not now".into()),
        };
        let said = refused("wg0", &refusal);
        assert!(said.starts_with("wg0 cannot be read: the kernel says: not now ("));
    }
}
