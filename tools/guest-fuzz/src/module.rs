// SPDX-License-Identifier: GPL-2.0

//! The module under test: it is unloaded and loaded, and told of what happens to the machine.

use std::ffi::CStr;
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Mutex;

use nix::kmod::{delete_module, finit_module, DeleteModuleFlags, ModuleInitFlags};

use crate::world::{lock, Outcome};

const NAME: &CStr = c"wireguard";
/// Of the module `wireguard_selftest_notify`.
const CALL: &str = "/sys/module/wireguard_selftest_notify/parameters/call";

/// What drivers are told by a chain of notifiers. The numbers are in `include/linux/suspend.h`.
#[derive(Clone, Copy)]
pub enum Event {
    HibernationPrepare = 1,
    SuspendPrepare = 3,
    PostSuspend = 4,
    Copied = 0,
}

pub struct Module {
    path: PathBuf,
    /// Where the functions are that the chains call; looked up when one is first called after loading.
    notifiers: Mutex<Option<Notifiers>>,
}

#[derive(Clone, Copy)]
struct Notifiers {
    on_pm_event: u64,
    on_vm_fork: u64,
}

impl Module {
    /// The module, which is loaded.
    pub fn loaded(path: PathBuf) -> Self {
        Self {
            path,
            notifiers: Mutex::default(),
        }
    }

    pub fn unload(&mut self) -> Outcome {
        delete_module(NAME, DeleteModuleFlags::O_NONBLOCK)?;
        *lock(&self.notifiers) = None;
        Ok(())
    }

    pub fn load(&mut self) -> Outcome {
        let file = File::open(&self.path)?;
        Ok(finit_module(&file, c"", ModuleInitFlags::empty())?)
    }

    /// Calls what a chain of notifiers would. Debug kernels have neither chain: they cannot sleep, and nobody tells
    /// them when they were copied.
    pub fn notify(&self, event: Event) -> Outcome {
        let notifiers = self.notifiers()?;
        let address = match event {
            Event::Copied => notifiers.on_vm_fork,
            Event::HibernationPrepare | Event::SuspendPrepare | Event::PostSuspend => {
                notifiers.on_pm_event
            }
        };
        Ok(fs::write(CALL, format!("{address:#x} {}", event as u64))?)
    }

    fn notifiers(&self) -> Outcome<Notifiers> {
        let mut known = lock(&self.notifiers);
        let found = match *known {
            Some(found) => found,
            None => Notifiers::find()?,
        };
        Ok(*known.insert(found))
    }
}

impl Notifiers {
    fn find() -> Outcome<Self> {
        let symbols = fs::read_to_string("/proc/kallsyms")?;
        Ok(Self {
            on_pm_event: address(&symbols, "on_pm_event")?,
            on_vm_fork: address(&symbols, "on_vm_fork")?,
        })
    }
}

/// Where a function of the module is, whose mangled name has that in it.
fn address(symbols: &str, name: &str) -> Outcome<u64> {
    let line = symbols
        .lines()
        .find(|line| line.ends_with("[wireguard]") && line.contains(name));
    let line = line.ok_or_else(|| format!("there is no function {name}"))?;
    let (address, _) = line.split_once(' ').ok_or("strange symbol")?;
    Ok(u64::from_str_radix(address, 16)?)
}
