// SPDX-License-Identifier: GPL-2.0

//! The kinds of messages, as WireGuard has them: a type in four bytes, an index or two, and the rest.

/// In the order of H1 to H4 and S1 to S4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Initiation,
    Response,
    Cookie,
    Data,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Initiation, Self::Response, Self::Cookie, Self::Data];

    /// The kind of a message.
    pub fn of(message: &[u8]) -> Option<Self> {
        match (message.first_chunk()?, message.len()) {
            ([1, 0, 0, 0], 148) => Some(Self::Initiation),
            ([2, 0, 0, 0], 92) => Some(Self::Response),
            ([3, 0, 0, 0], 64) => Some(Self::Cookie),
            ([4, 0, 0, 0], 32..) => Some(Self::Data),
            _ => None,
        }
    }

    /// What WireGuard has as the type.
    pub fn plain_type(self) -> u32 {
        self as u32 + 1
    }

    /// How long the message is; one with data is that long at least.
    pub fn size(self) -> usize {
        match self {
            Self::Initiation => 148,
            Self::Response => 92,
            Self::Cookie => 64,
            Self::Data => 32,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Initiation => "initiation",
            Self::Response => "response",
            Self::Cookie => "cookie reply",
            Self::Data => "data",
        }
    }
}

/// The four bytes of a number at a place of a message, which is long enough.
pub fn number(message: &[u8], place: usize) -> u32 {
    u32::from_le_bytes(message[place..place + 4].try_into().expect("four bytes"))
}

pub fn set_type(message: &mut [u8], value: u32) {
    message[..4].copy_from_slice(&value.to_le_bytes());
}

/// The index that whoever sent it wants to be addressed by.
pub fn sender(kind: Kind, message: &[u8]) -> Option<u32> {
    match kind {
        Kind::Initiation | Kind::Response => Some(number(message, 4)),
        Kind::Cookie | Kind::Data => None,
    }
}

/// The index that addresses whom it is for.
pub fn receiver(kind: Kind, message: &[u8]) -> Option<u32> {
    match kind {
        Kind::Initiation => None,
        Kind::Response => Some(number(message, 8)),
        Kind::Cookie | Kind::Data => Some(number(message, 4)),
    }
}
