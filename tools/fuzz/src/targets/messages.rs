// SPDX-License-Identifier: GPL-2.0

//! Any datagram: which message it is, and that a message is all of its bytes and no others.

use wireguard_proto::messages::{
    parse, Counter, Data, DataHeader, HandshakeMessage, Index, Message, MessageType,
};
use zerocopy::IntoBytes;

pub fn run(datagram: &[u8]) {
    let expected = expected(datagram);
    if let Some(first) = datagram.first_chunk() {
        assert_eq!(MessageType::of(*first, datagram.len()), expected);
    }
    let Ok(message) = parse(datagram) else {
        return assert_eq!(expected, None);
    };
    let kind = match message {
        Message::Initiation(message) => {
            assert_eq!(HandshakeMessage::as_bytes(message), datagram);
            assert_eq!(message.sender(), index(datagram, 4));
            assert_eq!(message.sender_index(), message.sender());
            MessageType::Initiation
        }
        Message::Response(message) => {
            assert_eq!(HandshakeMessage::as_bytes(message), datagram);
            assert_eq!(message.sender(), index(datagram, 4));
            assert_eq!(message.sender_index(), message.sender());
            assert_eq!(message.receiver(), index(datagram, 8));
            MessageType::Response
        }
        Message::CookieReply(message) => {
            assert_eq!(message.as_bytes(), datagram);
            assert_eq!(message.receiver(), index(datagram, 4));
            MessageType::CookieReply
        }
        Message::Data(data) => {
            check_data(&data, datagram);
            MessageType::Data
        }
    };
    assert_eq!(Some(kind), expected);
}

/// What the paper says, section 5.4.
fn expected(datagram: &[u8]) -> Option<MessageType> {
    match (datagram.first_chunk()?, datagram.len()) {
        ([1, 0, 0, 0], 148) => Some(MessageType::Initiation),
        ([2, 0, 0, 0], 92) => Some(MessageType::Response),
        ([3, 0, 0, 0], 64) => Some(MessageType::CookieReply),
        ([4, 0, 0, 0], len) if len >= 32 => Some(MessageType::Data),
        _ => None,
    }
}

fn check_data(data: &Data<'_>, datagram: &[u8]) {
    let (header, ciphertext) = datagram.split_first_chunk().unwrap();
    assert_eq!(data.ciphertext, ciphertext);
    assert_eq!(data.header.receiver(), index(datagram, 4));
    let counter = Counter(u64::from_le_bytes(header[8..].try_into().unwrap()));
    assert_eq!(data.header.counter(), counter);
    for again in [
        *data.header,
        DataHeader::read(header),
        DataHeader::new(data.header.receiver(), counter),
    ] {
        assert_eq!(again.to_bytes(), *header);
    }
}

fn index(datagram: &[u8], at: usize) -> Index {
    Index(u32::from_le_bytes(datagram[at..at + 4].try_into().unwrap()))
}
