// SPDX-License-Identifier: GPL-2.0

//! What users call a peer.

use kernel::prelude::*;

use crate::{
    kapi::string,
    utf8, //
};

/// How many bytes a label has at most.
pub(crate) const MAX_LEN: usize = 64;

/// A name for people, in UTF-8, without control characters, those that turn text around included: it is
/// shown on their terminals.
pub(crate) struct Label {
    /// Filled up with zeros, of which there is one at least.
    text: [u8; MAX_LEN + 1],
}

/// Why something is no label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    TooLong,
    NotUtf8,
    Control,
    Direction,
}

impl Label {
    /// Judges what shall be a label.
    pub(crate) fn check(text: &CStr) -> Result<(), Unfit> {
        let mut text = string::bytes(text);
        if text.len() > MAX_LEN {
            return Err(Unfit::TooLong);
        }
        while !text.is_empty() {
            let (first, rest) = utf8::split_first(text).ok_or(Unfit::NotUtf8)?;
            if first.is_control() {
                return Err(Unfit::Control);
            }
            if turns_text(first) {
                return Err(Unfit::Direction);
            }
            text = rest;
        }
        Ok(())
    }

    /// A label that was found fit.
    pub(crate) fn new(checked: &CStr) -> Self {
        let mut text = [0; MAX_LEN + 1];
        for (place, &byte) in text.iter_mut().zip(string::bytes(checked)).take(MAX_LEN) {
            *place = byte;
        }
        Self { text }
    }

    /// The label as a C string.
    pub(crate) fn as_c_str(&self) -> &CStr {
        string::first(&self.text).unwrap_or_default()
    }
}

/// Whether a character is not seen, but has those beside it shown in another order: one name could look like
/// another, or like what a program says.
fn turns_text(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}
