// SPDX-License-Identifier: GPL-2.0

use crate::{checks::replay as checks, proto::replay::ReplayWindow};

#[test]
fn against_a_naive_model() {
    for start in [0, 1 << 40] {
        let (mut window, mut accepted) = (ReplayWindow::new(), [0; checks::WORDS]);
        checks::model(&mut window, &mut accepted, start, 1_000_000).unwrap();
    }
}

#[test]
fn the_last_counters() {
    checks::end(&mut ReplayWindow::new()).unwrap();
}
