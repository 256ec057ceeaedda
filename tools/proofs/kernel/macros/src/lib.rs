// SPDX-License-Identifier: GPL-2.0

//! The kernel's attribute for structures with pinned fields. In user space nothing is in place: a
//! structure is made like any other, and moved.

use proc_macro::{Delimiter, Group, TokenStream, TokenTree};

/// Leaves the structure as it is, without its marks.
#[proc_macro_attribute]
pub fn pin_data(_arguments: TokenStream, item: TokenStream) -> TokenStream {
    item.into_iter().map(without_marks).collect()
}

/// Removes `#[pin]` from between the braces.
fn without_marks(tree: TokenTree) -> TokenTree {
    let TokenTree::Group(group) = &tree else {
        return tree;
    };
    if group.delimiter() != Delimiter::Brace {
        return tree;
    }
    let mut kept: Vec<TokenTree> = Vec::new();
    for token in group.stream() {
        if token.to_string() == "[pin]" {
            kept.pop();
        } else {
            kept.push(token);
        }
    }
    Group::new(Delimiter::Brace, kept.into_iter().collect()).into()
}
