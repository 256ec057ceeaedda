// SPDX-License-Identifier: GPL-2.0

//! Captures that miss nothing.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::dut::run;
use crate::tap::Result;
use crate::{ensure, ensure_eq};

/// When nothing was written for so long, all is.
const SILENCE: Duration = Duration::from_millis(200);

/// Longer than any frame on a cable. What is longer was not cut, and will be found malformed.
const FRAME: &str = "2048";

/// Room for frames that tcpdump has not written yet, in KiB.
const BUFFER: &str = "8192";

pub struct Recorder {
    tcpdump: Child,
    said: BufReader<ChildStderr>,
}

impl Recorder {
    /// Captures what passes an interface of this namespace in these directions. Has begun when this
    /// returns.
    pub fn start(interface: &str, directions: &str, file: &str) -> Result<Self> {
        let mut tcpdump = Command::new("tcpdump")
            .args([
                "-n",
                "-Z",
                "root",
                "-s",
                FRAME,
                "-B",
                BUFFER,
                "--immediate-mode",
            ])
            .args(["-i", interface, "-Q", directions, "-w", file])
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = tcpdump.stderr.take().ok_or("tcpdump has no stderr")?;
        let mut recorder = Self {
            tcpdump,
            said: BufReader::new(stderr),
        };
        recorder.await_words("listening on")?;
        Ok(recorder)
    }

    /// Ends when nothing is written any more: tcpdump would forget what it has not read yet.
    pub fn finish(mut self) -> Result {
        let mut before = self.captured()?;
        loop {
            sleep(SILENCE);
            let now = self.captured()?;
            if now == before {
                break;
            }
            before = now;
        }
        self.signal("-INT")?;
        self.tcpdump.wait()?;
        Ok(())
    }

    /// How many frames are captured, and how many the kernel has seen. Fails if any was missed.
    fn captured(&mut self) -> Result<[u64; 2]> {
        self.signal("-USR1")?;
        let said = self.await_words("packets captured")?;
        let numbers: Vec<u64> = said
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        let [captured, seen, missed] = numbers[..] else {
            return Err(format!("strange words of tcpdump: {said}").into());
        };
        ensure_eq!(missed, 0, "packets that tcpdump has missed");
        Ok([captured, seen])
    }

    fn signal(&self, signal: &str) -> Result {
        run("kill", &[signal, &self.tcpdump.id().to_string()], "").map(drop)
    }

    fn await_words(&mut self, words: &str) -> Result<String> {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            ensure!(self.said.read_line(&mut line)? > 0, "tcpdump has ended");
        }
        Ok(line)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // It may be gone already, and should be.
        let _ = self.tcpdump.kill();
        let _ = self.tcpdump.wait();
    }
}
