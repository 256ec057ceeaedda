// SPDX-License-Identifier: GPL-2.0

//! Attributes. Objects are made by value here, so there is nothing to be pinned.

use proc_macro::{Delimiter, Group, TokenStream, TokenTree};

/// Marks a struct whose fields may be pinned.
#[proc_macro_attribute]
pub fn pin_data(_arguments: TokenStream, item: TokenStream) -> TokenStream {
    item.into_iter().map(without_pins).collect()
}

fn without_pins(tree: TokenTree) -> TokenTree {
    match tree {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
            Group::new(Delimiter::Brace, strip(group.stream())).into()
        }
        other => other,
    }
}

/// Takes `#[pin]` off the fields.
fn strip(fields: TokenStream) -> TokenStream {
    let mut out: Vec<TokenTree> = Vec::new();
    for tree in fields {
        let is_pin = tree.to_string() == "[pin]";
        let follows_hash = out.last().is_some_and(|last| last.to_string() == "#");
        if is_pin && follows_hash {
            out.pop();
        } else {
            out.push(tree);
        }
    }
    out.into_iter().collect()
}
