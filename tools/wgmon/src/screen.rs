// SPDX-License-Identifier: GPL-2.0

//! The terminal: what is drawn on it when, and what is typed.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyEventKind};
use nix::poll::PollFlags;
use ratatui::DefaultTerminal;

use crate::model::World;
use crate::monitor::{wall, Monitor};
use crate::signals::{wait, Signals};
use crate::ui::Picture;
use crate::view::{self, Next, Shown, View};
use crate::Result;

/// Ages are drawn anew that often,
const TICK: Duration = Duration::from_secs(1);
/// and what happens no more often than that.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

/// As the environment says it: <https://no-color.org>.
fn has_colours() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Gives the terminal back as it was.
struct Restored;

impl Drop for Restored {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

pub fn run(monitor: &mut Monitor) -> Result {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err("the live table needs a terminal: use --once or --json".into());
    }
    let signals = Signals::catch()?;
    let mut terminal = ratatui::try_init().map_err(|error| trouble(&error))?;
    let restored = Restored;
    let ended = watch(monitor, &signals, &mut terminal);
    drop(restored);
    ended.map_err(|error| trouble(&error))
}

fn trouble(error: &io::Error) -> String {
    format!("this terminal cannot be used ({error}): use --once or --json")
}

/// What is shown, as long as nothing has changed of what that depends on: of a million peers it takes a while.
#[derive(Default)]
struct Kept {
    shown: Shown,
    made_of: Option<(u64, usize, bool, String)>,
}

impl Kept {
    fn renew(&mut self, world: &World, view: &View, wall: Duration) {
        let made_of = (
            world.version,
            view.sorted,
            view.reversed,
            view.filter.clone(),
        );
        if self.made_of.as_ref() != Some(&made_of) {
            self.shown = view::shown(world, view, wall);
            self.made_of = Some(made_of);
        }
    }
}

fn watch(
    monitor: &mut Monitor,
    signals: &Signals,
    terminal: &mut DefaultTerminal,
) -> io::Result<()> {
    let has_colours = has_colours();
    let stdin = io::stdin();
    let mut view = View::default();
    let mut unread = None;
    let mut kept = Kept::default();
    loop {
        let wall = wall();
        kept.renew(&monitor.world, &view, wall);
        let picture = Picture {
            world: &monitor.world,
            shown: &kept.shown,
            wall,
            status: &monitor.status(),
            trouble: unread.as_deref(),
            has_colours,
        };
        terminal.draw(|frame| picture.draw(frame, &mut view))?;
        let (drawn_at, version) = (Instant::now(), monitor.world.version);
        // Until there is something else to be drawn.
        loop {
            let next = match monitor.world.version == version {
                true => TICK,
                false => SHORTEST_PAUSE,
            };
            let until_draw = next.saturating_sub(drawn_at.elapsed());
            if until_draw.is_zero() {
                break;
            }
            let fds = [stdin.as_fd(), signals.as_fd()].into_iter();
            let found = wait(
                fds.chain(monitor.ears()).map(|fd| (fd, PollFlags::POLLIN)),
                until_draw.min(monitor.due_in()),
            );
            let hung_up = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
            if signals.came() || found.first().is_some_and(|found| found.intersects(hung_up)) {
                return Ok(());
            }
            monitor.hear();
            if monitor.due_in().is_zero() {
                // It may work the next time, so it is only shown.
                unread = monitor.read().err();
            }
            match typed(&mut view, &kept.shown)? {
                Some(Next::Quit) => return Ok(()),
                Some(Next::Go) => break,
                None => {}
            }
        }
    }
}

/// Obeys all keys that wait. [`None`] if nothing did, not even another size of the terminal.
fn typed(view: &mut View, shown: &Shown) -> io::Result<Option<Next>> {
    let mut some = None;
    while crossterm::event::poll(Duration::ZERO)? {
        some = Some(Next::Go);
        match crossterm::event::read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                if view.key(key, shown) == Next::Quit {
                    return Ok(Some(Next::Quit));
                }
            }
            _ => {}
        }
    }
    Ok(some)
}
