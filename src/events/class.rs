// SPDX-License-Identifier: GPL-2.0

//! The classes of events.

/// What events are about. Each class has a multicast group.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// What users configure.
    Config,
    /// Handshakes and sessions.
    Session,
    /// Where peers are.
    Endpoint,
    /// Whether they are there.
    Liveness,
}

impl Class {
    /// Its bit in a mask of classes.
    pub(crate) const fn bit(self) -> u32 {
        match self {
            Self::Config => 1 << 0,
            Self::Session => 1 << 1,
            Self::Endpoint => 1 << 2,
            Self::Liveness => 1 << 3,
        }
    }

    /// All of them.
    pub(crate) const ALL: u32 =
        Self::Config.bit() | Self::Session.bit() | Self::Endpoint.bit() | Self::Liveness.bit();
}
