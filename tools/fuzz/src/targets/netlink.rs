// SPDX-License-Identifier: GPL-2.0

//! Requests to change a device: the driver's own policy and reader, behind a core that is played,
//! against a second reader.

use kernel::prelude::*;

use crate::input::Input;
use crate::kapi::net::genetlink::{Message, Step};
use crate::netlink::{message, oracle, set};

pub fn run(data: &[u8]) {
    let mut message = Message::new(&message::make(&mut Input::new(data)));
    let read = set::read(&message);
    let expected = oracle::read(message.attrs());
    assert_eq!(read.as_ref().ok(), expected.as_ref());
    if let Err(error) = read {
        assert!([EINVAL, ERANGE, EPFNOSUPPORT].contains(&error));
    }
    check_wipe(&mut message);
}

/// The keys of a request are gone when it was answered, all of them, and nothing else is.
fn check_wipe(message: &mut Message) {
    let expected = oracle::without_secrets(message.attrs(), &[3]);
    message.wipe(&[Step::Type(3)]);
    message.wipe(&[Step::Type(8), Step::Element, Step::Type(2)]);
    assert_eq!(message.attrs(), expected);
}
