// SPDX-License-Identifier: GPL-2.0

//! `proto::replay`, with its memory from the kernel: it is too large for the stack.

use kernel::{
    alloc::flags::*,
    prelude::*, //
};

use crate::{
    checks::{
        replay,
        Outcome, //
    },
    proto::replay::ReplayWindow, //
};

fn window() -> Result<KBox<ReplayWindow>, &'static str> {
    KBox::new(ReplayWindow::new(), GFP_KERNEL).map_err(|_| "out of memory")
}

pub(crate) fn model(steps: usize) -> Outcome {
    for start in [0, 1 << 40] {
        let mut accepted =
            KBox::new([0; replay::WORDS], GFP_KERNEL).map_err(|_| "out of memory")?;
        replay::model(&mut *window()?, &mut accepted, start, steps)?;
    }
    Ok(())
}

pub(crate) fn end() -> Outcome {
    replay::end(&mut *window()?)
}
