// SPDX-License-Identifier: GPL-2.0

//! Configuration files as lines, and what there is to say of them.

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Weight {
    /// It is taken, and will not do what was meant.
    Unwise,
    /// It does not work.
    Refused,
}

/// What there is to say of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// Which line is to blame; [`None`] if something is missing.
    pub line: Option<usize>,
    pub weight: Weight,
    /// Names the key, the reason, and what to do.
    pub text: String,
}

impl Finding {
    pub fn refused(line: impl Into<Option<usize>>, text: impl Into<String>) -> Self {
        Self {
            line: line.into(),
            weight: Weight::Refused,
            text: text.into(),
        }
    }

    pub fn unwise(line: impl Into<Option<usize>>, text: impl Into<String>) -> Self {
        Self {
            weight: Weight::Unwise,
            ..Self::refused(line, text)
        }
    }

    /// As compilers say it.
    pub fn told_of(&self, file: &str) -> String {
        let weight = match self.weight {
            Weight::Unwise => "warning",
            Weight::Refused => "error",
        };
        match self.line {
            Some(line) => format!("{file}:{line}: {weight}: {}", self.text),
            None => format!("{file}: {weight}: {}", self.text),
        }
    }
}

/// What a line says.
#[derive(Debug, Eq, PartialEq)]
pub enum Line<'a> {
    Interface,
    Peer,
    /// A key and its value, as they are written.
    Set(&'a str, &'a str),
}

/// The lines of a file that say something, with their numbers.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, Result<Line<'_>, String>)> {
    told(text).map(|(number, line)| (number, read(line)))
}

/// The same as they are, without remarks.
fn told(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim());
    (1..).zip(lines).filter(|(_, line)| !line.is_empty())
}

/// What a file says, whatever the order.
#[cfg(test)]
pub fn said(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = told(text).map(|(_, line)| line).collect();
    lines.sort_unstable();
    lines
}

fn read(line: &str) -> Result<Line<'_>, String> {
    if let Some(section) = line.strip_prefix('[') {
        return match section.to_lowercase().as_str() {
            "interface]" => Ok(Line::Interface),
            "peer]" => Ok(Line::Peer),
            _ => Err(format!(
                "{line} is no section: there are [Interface] and [Peer]"
            )),
        };
    }
    match line.split_once('=') {
        Some((key, value)) => Ok(Line::Set(key.trim(), value.trim())),
        // Whatever it is, it may be a key that has slipped into a line of its own.
        None => Err("this line sets nothing: write KEY = VALUE".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let text = "# about\n\n[INTERFACE] # here\n I1 = <b 0x01> = <r 2> # no more\r\n[peer]\nA=\n[pear]\nJc 4\n";
        let read: Vec<_> = lines(text).collect();
        let wrong = |text: &str| Err(text.to_string());
        assert_eq!(
            read,
            [
                (3, Ok(Line::Interface)),
                (4, Ok(Line::Set("I1", "<b 0x01> = <r 2>"))),
                (5, Ok(Line::Peer)),
                (6, Ok(Line::Set("A", ""))),
                (
                    7,
                    wrong("[pear] is no section: there are [Interface] and [Peer]")
                ),
                (8, wrong("this line sets nothing: write KEY = VALUE")),
            ]
        );
    }

    #[test]
    fn findings_are_told_as_by_compilers() {
        assert_eq!(
            Finding::refused(7, "no").told_of("a.conf"),
            "a.conf:7: error: no"
        );
        assert_eq!(
            Finding::unwise(None, "hm").told_of("a.conf"),
            "a.conf: warning: hm"
        );
    }
}
