// SPDX-License-Identifier: GPL-2.0

//! Names of peers in files of `wg`, as exporters of metrics read them: a comment `# friendly_name = NAME` in the section of the
//! peer.

use std::collections::HashMap;
use std::fs;

use base64::prelude::{Engine, BASE64_STANDARD};

use crate::reading::{printable, Key};
use crate::Result;

pub type Names = HashMap<Key, String>;

pub fn load(files: &[String]) -> Result<Names> {
    let mut names = Names::new();
    for file in files {
        let text = fs::read_to_string(file)
            .map_err(|error| format!("{file} cannot be read ({error}): name another file"))?;
        names.extend(read(&text));
    }
    Ok(names)
}

fn read(text: &str) -> Names {
    let mut names = Names::new();
    let (mut key, mut name) = (None, None);
    for line in text.lines().map(str::trim).chain(["[end]"]) {
        if line.starts_with('[') {
            let spelt: Option<String> = key.take();
            if let (Some(key), Some(name)) = (spelt.as_deref().and_then(read_key), name.take()) {
                names.insert(key, name);
            }
            (key, name) = (None, None);
        } else if let Some(comment) = line.strip_prefix('#') {
            let found = setting(comment, "friendly_name");
            name = found.map(|name| printable(&name)).or(name);
        } else {
            key = setting(line, "PublicKey").or(key);
        }
    }
    names
}

fn read_key(spelt: &str) -> Option<Key> {
    let bytes = BASE64_STANDARD.decode(spelt).ok()?;
    Some(Key(bytes.try_into().ok()?))
}

/// The value behind a word.
fn setting(line: &str, word: &str) -> Option<String> {
    let (found, value) = line.split_once('=')?;
    let value = value.trim();
    (found.trim().eq_ignore_ascii_case(word) && !value.is_empty()).then(|| value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_name_the_peer_of_their_section() {
        let keys: Vec<_> = (0..5).map(|number| Key([number; 32])).collect();
        let names = read(&format!(
            "[Interface]\n# friendly_name = not a peer\nPrivateKey = {0}\n\n\
             [Peer]\n# friendly_name=one two\nPublicKey = {1}\n# another comment\n\
             [Peer]\nPublicKey = {2}\nAllowedIPs = ::/0\n\
             [Peer]\npublickey={3}\n #  Friendly_Name =  three = 3 \n\
             [Peer]\nPublicKey = {4}\n# friendly_name =\n\
             [Peer]\nPublicKey = none\n# friendly_name = nobody\n",
            keys[0], keys[1], keys[2], keys[3], keys[4]
        ));
        let mut found: Vec<_> = names.into_iter().collect();
        found.sort();
        let wanted = [(keys[1], "one two".into()), (keys[3], "three = 3".into())];
        assert_eq!(found, wanted);
    }
}
