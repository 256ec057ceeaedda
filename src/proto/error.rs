// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What each error says to a person.

use core::error::Error;
use core::fmt;

use super::cookie::{CookieError, NoReply};
use super::crypto::{AeadError, DegenerateSharedSecret};
use super::handshake::{HandshakeError, Reject};
use super::messages::ParseError;
use super::prefix::InvalidCidr;

macro_rules! impl_error {
    ($error:ty { $($variant:pat => $text:literal,)+ }) => {
        impl fmt::Display for $error {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $($variant => $text,)+
                })
            }
        }

        impl Error for $error {}
    };
}

impl_error!(AeadError {
    AeadError => "forged or damaged ciphertext",
});

impl_error!(DegenerateSharedSecret {
    DegenerateSharedSecret => "degenerate shared secret",
});

impl_error!(ParseError {
    ParseError => "not a message",
});

impl_error!(InvalidCidr {
    InvalidCidr => "prefix longer than the address",
});

impl_error!(NoReply {
    NoReply => "no cookie to reply with",
});

impl_error!(CookieError {
    Self::Unasked => "cookie reply to nothing we sent",
    Self::Unauthentic => "forged cookie reply",
});

impl_error!(HandshakeError {
    Self::DegenerateSharedSecret => "degenerate shared secret or no identity",
    Self::Unauthentic => "forged handshake message",
    Self::WrongState => "handshake message out of turn",
});

impl_error!(Reject {
    Self::Replay => "replayed initiation",
    Self::Flood => "initiations too close together",
});
