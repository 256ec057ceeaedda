// SPDX-License-Identifier: GPL-2.0

//! The command line.

use std::time::Duration;

use crate::Result;

pub const HELP: &str = "\
usage: wgmon [OPTION...] [INTERFACE...]

Shows the peers of WireGuard and AmneziaWG interfaces, of all unless some are named.

  --interval SECONDS         read counters that often, 0.1 to 3600 seconds; 2 unless told
  --once                     print what there is now, and end
  --json                     print lines of JSON, one for each interface, peer and event
  --prometheus ADDRESS:PORT  serve metrics at http://ADDRESS:PORT/metrics
  --names FILE               name peers by the comments '# friendly_name = NAME' of a file of wg; repeatable
  --help                     print this

Keys: q quit, arrows select, enter details, s sort, r reverse, / filter, e events, d drops, ? help
";

/// What is done with what is known.
#[derive(Debug, Eq, PartialEq)]
pub enum Mode {
    /// A live table.
    Table,
    /// The same once.
    Once,
    Json {
        once: bool,
    },
    /// By HTTP at this address.
    Prometheus(String),
}

#[derive(Debug, Eq, PartialEq)]
pub struct Options {
    pub mode: Mode,
    pub interval: Duration,
    /// All there are if empty.
    pub interfaces: Vec<String>,
    /// Files that give peers names.
    pub names: Vec<String>,
}

impl Options {
    /// [`None`] if help is wanted.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Option<Self>> {
        let (mut once, mut json, mut prometheus) = (false, false, None);
        let mut interval = Duration::from_secs(2);
        let (mut interfaces, mut names) = (Vec::new(), Vec::new());
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let mut value = |what| {
                let value = words.next();
                value.ok_or_else(|| format!("{word} wants {what} behind it: see wgmon --help"))
            };
            match word.as_str() {
                "--once" => once = true,
                "--json" => json = true,
                "--prometheus" => prometheus = Some(value("ADDRESS:PORT")?),
                "--interval" => interval = seconds(&value("a number of seconds")?)?,
                "--names" => names.push(value("a file")?),
                "--help" | "-h" => return Ok(None),
                _ if word.starts_with('-') => {
                    return Err(format!("there is no option {word}: see wgmon --help"));
                }
                _ => interfaces.push(word),
            }
        }
        let mode = match (prometheus, json, once) {
            (None, false, false) => Mode::Table,
            (None, false, true) => Mode::Once,
            (None, true, once) => Mode::Json { once },
            (Some(address), false, false) => Mode::Prometheus(address),
            (Some(_), ..) => {
                return Err(
                    "--prometheus goes neither with --json nor with --once: choose one".into(),
                );
            }
        };
        Ok(Some(Self {
            mode,
            interval,
            interfaces,
            names,
        }))
    }
}

fn seconds(text: &str) -> Result<Duration> {
    let number = text.parse::<f64>().ok();
    number
        .filter(|number| (0.1..=3600.0).contains(number))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("{text} is no interval: give 0.1 to 3600 seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Options>> {
        Options::parse(line.split_whitespace().map(String::from))
    }

    fn parsed(line: &str) -> Options {
        parse(line).unwrap().unwrap()
    }

    #[test]
    fn without_words_it_is_a_table_of_all() {
        let options = parsed("");
        assert_eq!(options.mode, Mode::Table);
        assert_eq!(options.interval, Duration::from_secs(2));
        assert!(options.interfaces.is_empty());
    }

    #[test]
    fn all_words_are_understood() {
        let options = parsed("wg0 --json --interval 0.5 --names a --names b --once wg1");
        assert_eq!(options.mode, Mode::Json { once: true });
        assert_eq!(options.interval, Duration::from_millis(500));
        assert_eq!(options.interfaces, ["wg0", "wg1"]);
        assert_eq!(options.names, ["a", "b"]);
        assert_eq!(parsed("--once").mode, Mode::Once);
        let served = parsed("--prometheus [::1]:9586").mode;
        assert_eq!(served, Mode::Prometheus("[::1]:9586".into()));
        assert_eq!(parse("--help").unwrap(), None);
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (line, told) in [
            ("--bad", "there is no option --bad"),
            ("--interval", "wants a number of seconds"),
            ("--interval x", "x is no interval"),
            ("--interval 0", "0.1 to 3600"),
            ("--interval 3601", "0.1 to 3600"),
            ("--interval NaN", "0.1 to 3600"),
            ("--prometheus", "wants ADDRESS:PORT"),
            ("--prometheus a:1 --json", "choose one"),
            ("--prometheus a:1 --once", "choose one"),
            ("--names", "wants a file"),
        ] {
            let why = parse(line).unwrap_err();
            assert!(why.contains(told), "{line}: {why}");
            assert_eq!(why.lines().count(), 1);
        }
    }
}
