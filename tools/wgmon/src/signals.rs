// SPDX-License-Identifier: GPL-2.0

//! The end, when somebody else wants it, as something that can be waited for.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::Result;

pub struct Signals(SignalFd);

impl Signals {
    /// From now on these do not kill.
    pub fn catch() -> Result<Self> {
        let wanted: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]
            .into_iter()
            .collect();
        let catch = || {
            wanted.thread_block()?;
            SignalFd::with_flags(&wanted, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
        };
        catch()
            .map(Self)
            .map_err(|error: Errno| format!("signals cannot be caught: {}", error.desc()))
    }

    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Whether the end was asked for.
    pub fn came(&self) -> bool {
        matches!(self.0.read_signal(), Ok(Some(_)))
    }
}

/// Waits until something can be done with one of these, or a time is over. Returns what was found of each.
pub fn wait<'a>(
    fds: impl IntoIterator<Item = (BorrowedFd<'a>, PollFlags)>,
    time: Duration,
) -> Vec<PollFlags> {
    let mut fds: Vec<_> = fds
        .into_iter()
        .map(|(fd, flags)| PollFd::new(fd, flags))
        .collect();
    // A part of a millisecond would be no time at all.
    let time = time.saturating_add(Duration::from_micros(999));
    let timeout = PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX);
    // Interrupted: who waits looks at everything anyway.
    let _ = poll(&mut fds, timeout);
    fds.iter()
        .map(|fd| fd.revents().unwrap_or(PollFlags::empty()))
        .collect()
}
