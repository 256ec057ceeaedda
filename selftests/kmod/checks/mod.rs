// SPDX-License-Identifier: GPL-2.0

//! Checks of the driver's parts that run the same in the kernel and in user space.

/// Passes, or names the check that failed.
pub(crate) type Outcome = Result<(), &'static str>;

/// Returns from the function with the condition's text and place unless it holds.
macro_rules! check {
    ($condition:expr) => {
        if !$condition {
            return Err(concat!(
                file!(),
                ":",
                line!(),
                ": not so: ",
                stringify!($condition)
            ));
        }
    };
}
pub(crate) use check;

/// Random numbers that are the same in every run: xorshift64*.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn u64(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number in `0..ceil`; `ceil` is not 0.
    pub(crate) fn below(&mut self, ceil: u64) -> u64 {
        (self.u64() >> 11) % ceil
    }
}

pub(crate) mod allowed_ips;
pub(crate) mod ratelimit;
pub(crate) mod replay;
