// SPDX-License-Identifier: GPL-2.0

//! Netlink by hand: messages of any shape, also wrong ones.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    bind, recv, send, setsockopt, socket, sockopt, AddressFamily, MsgFlags, NetlinkAddr, SockFlag,
    SockProtocol, SockType,
};
use nix::{setsockopt_impl, sockopt_impl};
use wireguard_proto::crypto::Crypto;
use wireguard_proto::rustcrypto::RustCrypto;

pub const REQUEST: u16 = 0x1;
pub const ACK: u16 = 0x4;
pub const DUMP: u16 = 0x300;
pub const EXCL: u16 = 0x200;
pub const CREATE: u16 = 0x400;

const HEADER: usize = 16;
const GENL_HEADER: usize = 4;
/// In the flags of an error: it has attributes that say more.
const EXPLAINED: u16 = 0x200;
const EXPLANATION: u16 = 1;
/// In the flags of a dump: something has changed since the part before.
const INTERRUPTED: u16 = 0x10;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const NESTED: u16 = 0x8000;

const CTRL: u16 = 16;
const CTRL_GET_FAMILY: u8 = 3;
const CTRL_FAMILY_ID: u16 = 1;
const CTRL_FAMILY_NAME: u16 = 2;
const CTRL_VERSION: u16 = 3;
const CTRL_GROUPS: u16 = 7;
const CTRL_GROUP_NAME: u16 = 1;
const CTRL_GROUP_ID: u16 = 2;

/// A message under construction.
#[derive(Clone)]
pub struct Message(pub Vec<u8>);

impl Message {
    pub fn new(ty: u16, flags: u16) -> Self {
        let mut bytes = vec![0; HEADER];
        bytes[4..6].copy_from_slice(&ty.to_ne_bytes());
        bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        Self(bytes)
    }

    /// A message to a generic netlink family.
    pub fn generic(family: u16, flags: u16, command: u8) -> Self {
        Self::new(family, flags).raw(&[command, 1, 0, 0])
    }

    /// The family's own header, before all attributes.
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    pub fn attr(&mut self, ty: u16, payload: &[u8]) {
        self.0.extend(((payload.len() + 4) as u16).to_ne_bytes());
        self.0.extend(ty.to_ne_bytes());
        self.0.extend(payload);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    pub fn u8(&mut self, ty: u16, value: u8) {
        self.attr(ty, &[value]);
    }

    pub fn u16(&mut self, ty: u16, value: u16) {
        self.attr(ty, &value.to_ne_bytes());
    }

    pub fn u32(&mut self, ty: u16, value: u32) {
        self.attr(ty, &value.to_ne_bytes());
    }

    pub fn text(&mut self, ty: u16, value: &str) {
        self.attr(ty, &[value.as_bytes(), &[0]].concat());
    }

    /// Whatever `fill` adds, as one attribute. One that gets too long says a wrong length.
    pub fn nest(&mut self, ty: u16, fill: impl FnOnce(&mut Self)) {
        let start = self.0.len();
        self.attr(ty | NESTED, &[]);
        fill(self);
        let len = (self.0.len() - start) as u16;
        self.0[start..start + 2].copy_from_slice(&len.to_ne_bytes());
    }

    /// With its length in its header.
    fn finish(mut self) -> Vec<u8> {
        let len = self.0.len() as u32;
        self.0[..4].copy_from_slice(&len.to_ne_bytes());
        self.0
    }
}

/// What comes out of one read of a socket.
pub enum Part {
    /// More is to come.
    Data(usize),
    /// The answer is whole.
    End,
}

/// Why the kernel has refused a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    pub error: Errno,
    /// What it says of it, if it says anything and the socket is [`explaining`](Socket::explaining).
    pub why: Option<String>,
}

impl From<Errno> for Refusal {
    fn from(error: Errno) -> Self {
        Self { error, why: None }
    }
}

/// A family of generic netlink.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Family {
    pub id: u16,
    pub version: u32,
}

/// Errors come with an explanation,
#[derive(Clone, Copy)]
struct Explain;
setsockopt_impl!(
    Explain,
    libc::SOL_NETLINK,
    libc::NETLINK_EXT_ACK,
    bool,
    sockopt::SetBool
);

/// and without the request.
#[derive(Clone, Copy)]
struct Short;
setsockopt_impl!(
    Short,
    libc::SOL_NETLINK,
    libc::NETLINK_CAP_ACK,
    bool,
    sockopt::SetBool
);

sockopt_impl!(
    /// What the kernel sends to a multicast group comes here, too.
    Join,
    SetOnly,
    libc::SOL_NETLINK,
    libc::NETLINK_ADD_MEMBERSHIP,
    u32
);

/// A netlink socket in the namespace of the calling thread.
pub struct Socket(OwnedFd);

impl Socket {
    pub fn route() -> nix::Result<Self> {
        Self::open(SockProtocol::NetlinkRoute)
    }

    pub fn generic() -> nix::Result<Self> {
        Self::open(SockProtocol::NetlinkGeneric)
    }

    /// One that hears what the kernel sends to a multicast group of a generic netlink family.
    pub fn listening_to(group: u32) -> nix::Result<Self> {
        Self::listening_with(group, 1 << 20)
    }

    /// The same, with room for so many bytes that nobody has read.
    pub fn listening_with(group: u32, room: usize) -> nix::Result<Self> {
        let socket = Self::generic()?;
        setsockopt(&socket.0, sockopt::RcvBufForce, &room)?;
        let bit = group.checked_sub(1).and_then(|bit| 1u32.checked_shl(bit));
        let address = NetlinkAddr::new(0, bit.ok_or(Errno::EINVAL)?);
        bind(socket.0.as_raw_fd(), &address)?;
        Ok(socket)
    }

    /// One that hears what is sent to any of several groups, whatever their numbers.
    pub fn listening_to_all(groups: impl IntoIterator<Item = u32>) -> nix::Result<Self> {
        let socket = Self::generic()?;
        setsockopt(&socket.0, sockopt::RcvBufForce, &(1 << 20))?;
        // Without a number of its own it would pass for the kernel, which does not hear itself.
        bind(socket.0.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        for group in groups {
            setsockopt(&socket.0, Join, &group)?;
        }
        Ok(socket)
    }

    fn open(protocol: SockProtocol) -> nix::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol)?;
        // A whole request of ours, and room for what the kernel counts beside it.
        setsockopt(&fd, sockopt::SndBuf, &(1 << 19))?;
        Ok(Self(fd))
    }

    /// The kernel has handled the message when this returns.
    pub fn send(&self, message: Message) -> nix::Result<()> {
        send(self.0.as_raw_fd(), &message.finish(), MsgFlags::empty()).map(drop)
    }

    /// One read, which makes the next part of a dump. It is an error if nothing waits.
    pub fn read(&self, buffer: &mut [u8]) -> nix::Result<Part> {
        self.read_messages(buffer, |_| ())
    }

    /// The same; `each` gets the attributes of what generic netlink's families answer.
    pub fn read_messages(&self, buffer: &mut [u8], each: impl FnMut(&[u8])) -> nix::Result<Part> {
        self.read_why(buffer, each).map_err(|refusal| refusal.error)
    }

    /// The same; a refusal comes with the kernel's words if the socket [explains](Self::explaining).
    pub fn read_why(&self, buffer: &mut [u8], each: impl FnMut(&[u8])) -> Result<Part, Refusal> {
        let len = recv(self.0.as_raw_fd(), buffer, MsgFlags::empty())?;
        parse(&buffer[..len], each)
    }

    /// Sends, and reads all that is answered.
    pub fn ask(&self, message: Message) -> nix::Result<usize> {
        self.send(message)?;
        self.read_all(1 << 14)
    }

    /// Has the kernel say why it refuses something.
    pub fn explaining(self) -> nix::Result<Self> {
        setsockopt(&self.0, Explain, &true)?;
        setsockopt(&self.0, Short, &true)?;
        Ok(self)
    }

    /// Sends, and reads all that is answered: `each` gets the attributes of what generic netlink's families answer.
    pub fn ask_why(&self, message: Message, mut each: impl FnMut(&[u8])) -> Result<(), Refusal> {
        self.send(message)?;
        let mut buffer = vec![0; 1 << 16];
        while let Part::Data(_) = self.read_why(&mut buffer, &mut each)? {}
        Ok(())
    }

    /// The same of a dump; returns whether nothing has changed amid it. What was read may have had keys in it: no copy stays.
    pub fn ask_whole(&self, message: Message, each: impl FnMut(&[u8])) -> Result<bool, Refusal> {
        self.send(message)?;
        let mut buffer = vec![0; 1 << 16];
        let whole = self.read_whole(&mut buffer, each);
        RustCrypto::wipe(&mut buffer);
        whole
    }

    fn read_whole(&self, buffer: &mut [u8], mut each: impl FnMut(&[u8])) -> Result<bool, Refusal> {
        let mut whole = true;
        loop {
            let len = recv(self.0.as_raw_fd(), buffer, MsgFlags::empty())?;
            let part = buffer.get(..len).unwrap_or_default();
            whole &= !is_disturbed(part);
            if let Part::End = parse(part, &mut each)? {
                return Ok(whole);
            }
        }
    }

    /// Reads to the end, by so many bytes at a time; returns how much that was.
    pub fn read_all(&self, size: usize) -> nix::Result<usize> {
        let mut buffer = vec![0; size];
        let mut sum = 0;
        while let Part::Data(len) = self.read(&mut buffer)? {
            sum += len;
        }
        Ok(sum)
    }

    /// The attributes of the next message to a generic netlink family; [`None`] if none waits.
    pub fn hear(&self) -> nix::Result<Option<Vec<u8>>> {
        Ok(self.hear_command()?.map(|(_, attributes)| attributes))
    }

    /// The same, and the command that the message is.
    pub fn hear_command(&self) -> nix::Result<Option<(u8, Vec<u8>)>> {
        let mut buffer = vec![0; 1 << 14];
        match recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
            Ok(len) => {
                buffer.truncate(len);
                let attributes = buffer.split_off(len.min(HEADER + GENL_HEADER));
                let command = buffer.get(HEADER).copied().unwrap_or_default();
                Ok(Some((command, attributes)))
            }
            Err(Errno::EAGAIN) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The number of the driver's family, if it is loaded.
    pub fn wireguard(&self) -> nix::Result<u16> {
        Ok(self.family("wireguard")?.id)
    }

    /// A family, if it is loaded or can be.
    pub fn family(&self, name: &str) -> nix::Result<Family> {
        let told = self.about(name)?;
        let id = attribute(&told, CTRL_FAMILY_ID).and_then(|id| two_bytes(id, 0));
        let version = attribute(&told, CTRL_VERSION).and_then(|version| version.try_into().ok());
        Ok(Family {
            id: id.ok_or(Errno::EPROTO)?,
            version: version.map(u32::from_ne_bytes).ok_or(Errno::EPROTO)?,
        })
    }

    /// The number of one of its multicast groups.
    pub fn wireguard_group(&self, name: &str) -> nix::Result<u32> {
        self.group("wireguard", name)
    }

    /// The number of one of a family's multicast groups.
    pub fn group(&self, family: &str, name: &str) -> nix::Result<u32> {
        let told = self.about(family)?;
        let groups = attribute(&told, CTRL_GROUPS).ok_or(Errno::ENOENT)?;
        let wanted = [name.as_bytes(), &[0]].concat();
        let id = attributes(groups)
            .find(|(_, group)| attribute(group, CTRL_GROUP_NAME) == Some(&wanted))
            .and_then(|(_, group)| attribute(group, CTRL_GROUP_ID)?.try_into().ok());
        id.map(u32::from_ne_bytes).ok_or(Errno::ENOENT)
    }

    fn about(&self, family: &str) -> nix::Result<Vec<u8>> {
        let mut message = Message::generic(CTRL, REQUEST, CTRL_GET_FAMILY);
        message.text(CTRL_FAMILY_NAME, family);
        self.send(message)?;
        let mut buffer = vec![0; 1 << 14];
        let len = match self.read(&mut buffer)? {
            Part::Data(len) => len,
            Part::End => return Err(Errno::EPROTO),
        };
        Ok(buffer[HEADER + GENL_HEADER..len].to_vec())
    }

    /// The names and numbers of a family's multicast groups.
    pub fn groups(&self, family: &str) -> nix::Result<Vec<(String, u32)>> {
        let told = self.about(family)?;
        let groups = attribute(&told, CTRL_GROUPS).unwrap_or_default();
        let group = |group| {
            let name = attribute(group, CTRL_GROUP_NAME)?.strip_suffix(&[0])?;
            let id = attribute(group, CTRL_GROUP_ID)?.try_into().ok()?;
            Some((
                String::from_utf8_lossy(name).into_owned(),
                u32::from_ne_bytes(id),
            ))
        };
        Ok(attributes(groups)
            .filter_map(|(_, nest)| group(nest))
            .collect())
    }
}

/// For those who wait for what it hears.
impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The attributes of a stream: their types, without flags, and what is in them.
pub fn attributes(mut stream: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let len = usize::from(two_bytes(stream, 0)?);
        let ty = two_bytes(stream, 2)? & !NESTED;
        let payload = stream.get(4..len)?;
        stream = stream.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((ty, payload))
    })
}

/// What is in the first attribute of a type.
pub fn attribute(stream: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(stream).find_map(|(ty, payload)| (ty == wanted).then_some(payload))
}

/// A number of two bytes in the machine's own order.
fn two_bytes(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?;
    Some(u16::from_ne_bytes(bytes.try_into().ok()?))
}

/// Whether a part of a dump says that something has changed since the part before.
fn is_disturbed(mut rest: &[u8]) -> bool {
    while let Some(header) = rest.get(..HEADER) {
        if two_bytes(header, 6).is_some_and(|flags| flags & INTERRUPTED != 0)
            && two_bytes(header, 4) != Some(ERROR)
        {
            return true;
        }
        let len = header
            .first_chunk()
            .map_or(0, |len| u32::from_ne_bytes(*len) as usize);
        rest = rest
            .get(len.max(HEADER).next_multiple_of(4)..)
            .unwrap_or_default();
    }
    false
}

/// Looks for the end of an answer in what was read, and passes on what comes before it.
fn parse(all: &[u8], mut each: impl FnMut(&[u8])) -> Result<Part, Refusal> {
    let mut rest = all;
    while let Some(header) = rest.get(..HEADER) {
        let number = |at: usize| i32::from_ne_bytes(rest[at..at + 4].try_into().expect("4 bytes"));
        if matches!(two_bytes(header, 4), Some(ERROR | DONE)) && rest.len() >= HEADER + 4 {
            return match number(HEADER) {
                0 => Ok(Part::End),
                error => Err(Refusal {
                    error: Errno::from_raw(-error),
                    why: explanation(rest),
                }),
            };
        }
        let len = (number(0) as usize).max(HEADER);
        each(rest.get(HEADER + GENL_HEADER..len).unwrap_or_default());
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(Part::Data(all.len()))
}

/// What an error says beside its number. It does not repeat the request, which the end of a dump never does.
fn explanation(message: &[u8]) -> Option<String> {
    if two_bytes(message, 6)? & EXPLAINED == 0 {
        return None;
    }
    let repeated = if two_bytes(message, 4)? == ERROR {
        HEADER
    } else {
        0
    };
    let attributes = message.get(HEADER + 4 + repeated..)?;
    let text = attribute(attributes, EXPLANATION)?.strip_suffix(&[0])?;
    Some(String::from_utf8_lossy(text).into_owned())
}
