// SPDX-License-Identifier: GPL-2.0

//! The machine's memory, searched for secrets that should not be there any more.
//!
//! `/proc/kcore` shows all of it. Our own pages are passed over: we know the secrets, and keep them
//! until the end, in pages that stay ours.

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use crate::tap::Result;

pub type Bytes = [u8; 32];

const PAGE: u64 = 4096;

/// How much is read at once.
const CHUNK: usize = 1 << 20;

/// What chunks share, so that nothing is cut in two.
const OVERLAP: usize = size_of::<Bytes>() - 1;

pub struct Memory {
    kcore: File,
    flags: File,
    ram: Vec<Segment>,
    /// Never given back: what it had in it would be found in free pages.
    buffer: Vec<u8>,
}

/// A piece of physical memory, and where in the file it is.
struct Segment {
    physical: u64,
    offset: u64,
    len: u64,
}

/// Where a secret was found.
#[derive(Clone, Copy)]
pub struct Hit {
    /// Its place among those that were looked for.
    pub secret: usize,
    physical: u64,
    flags: u64,
}

impl Memory {
    pub fn open() -> Result<Self> {
        let kcore = File::open("/proc/kcore")?;
        let ram = segments(&kcore)?;
        if ram.is_empty() {
            return Err("/proc/kcore shows no memory".into());
        }
        Ok(Self {
            kcore,
            flags: File::open("/proc/kpageflags")?,
            ram,
            buffer: vec![0; CHUNK + OVERLAP],
        })
    }

    /// All places of these secrets outside our own pages.
    pub fn find(&mut self, secrets: &[Bytes]) -> Result<Vec<Hit>> {
        let mut found = Vec::new();
        let words = Words::of(secrets);
        let mut own = own_pages()?;
        for segment in &self.ram {
            let mut at = 0;
            while at < segment.len {
                let len = (self.buffer.len() as u64).min(segment.len - at) as usize;
                let chunk = &mut self.buffer[..len];
                // What is not backed by memory cannot be read.
                if self.kcore.read_exact_at(chunk, segment.offset + at).is_ok() {
                    words.search(chunk, secrets, |secret, place| {
                        found.push((secret, segment.physical + at + place as u64));
                    });
                }
                at += CHUNK as u64;
            }
        }
        self.buffer.fill(0);
        own.extend(own_pages()?);
        found.sort_unstable();
        found.dedup();
        found.retain(|(_, physical)| !own.contains(&(physical / PAGE)));
        Ok(found.into_iter().map(|hit| self.look_at(hit)).collect())
    }

    fn look_at(&self, (secret, physical): (usize, u64)) -> Hit {
        let mut flags = [0; 8];
        let _ = self.flags.read_exact_at(&mut flags, physical / PAGE * 8);
        Hit {
            secret,
            physical,
            flags: u64::from_ne_bytes(flags),
        }
    }
}

/// The memory that the file's program headers tell of.
///
/// Its notes are never read: they have the registers of who reads them, and stay behind in free pages.
fn segments(kcore: &File) -> Result<Vec<Segment>> {
    const PT_LOAD: u64 = 1;
    let mut header = [0; 64];
    kcore.read_exact_at(&mut header, 0)?;
    let number = |bytes: &[u8], at: usize| {
        u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
    };
    let start = number(&header, 32);
    let count = u64::from(u16::from_le_bytes([header[56], header[57]]));
    let mut ram = Vec::new();
    for index in 0..count {
        let mut entry = [0; 56];
        kcore.read_exact_at(&mut entry, start + index * 56)?;
        let segment = Segment {
            offset: number(&entry, 8),
            physical: number(&entry, 24),
            len: number(&entry, 32),
        };
        // The kernel's text is shown a second time; what has no physical address is no memory.
        let is_text = number(&entry, 16) >= 0xffff_ffff_8000_0000;
        let is_loaded = number(&entry, 0) & 0xffff_ffff == PT_LOAD;
        if is_loaded && segment.physical != u64::MAX && !is_text {
            ram.push(segment);
        }
    }
    Ok(ram)
}

/// The numbers of the physical pages that are mapped by this process.
fn own_pages() -> Result<HashSet<u64>> {
    const PRESENT: u64 = 1 << 63;
    const NUMBER: u64 = (1 << 55) - 1;
    let pagemap = File::open("/proc/self/pagemap")?;
    let mut pages = HashSet::new();
    for line in fs::read_to_string("/proc/self/maps")?.lines() {
        let (start, end) = line
            .split_once(' ')
            .and_then(|(range, _)| range.split_once('-'))
            .ok_or("maps")?;
        let (start, end) = (
            u64::from_str_radix(start, 16)? / PAGE,
            u64::from_str_radix(end, 16)? / PAGE,
        );
        for page in start..end {
            let mut entry = [0; 8];
            // The kernel's own page at the end of the address space has none.
            if pagemap.read_exact_at(&mut entry, page * 8).is_err() {
                break;
            }
            let entry = u64::from_ne_bytes(entry);
            if entry & PRESENT != 0 {
                pages.insert(entry & NUMBER);
            }
        }
    }
    Ok(pages)
}

/// Parts of some secrets: nearly everything that is no secret can be told by them.
///
/// Wherever a secret is, one of the first eight words that begin in it is aligned; memory is gone through by those.
struct Words(Vec<bool>);

const WORD: usize = size_of::<u64>();

impl Words {
    fn of(secrets: &[Bytes]) -> Self {
        let mut known = vec![false; 1 << 16];
        for secret in secrets {
            for word in secret.windows(WORD).take(WORD) {
                known[Self::index(word)] = true;
            }
        }
        Self(known)
    }

    fn index(word: &[u8]) -> usize {
        usize::from(u16::from_le_bytes([word[0], word[1]]))
    }

    /// Much of the memory is zero, and passed over by the page.
    fn search(&self, chunk: &[u8], secrets: &[Bytes], mut found: impl FnMut(usize, usize)) {
        const ZEROS: [u8; PAGE as usize] = [0; PAGE as usize];
        for start in (0..chunk.len()).step_by(PAGE as usize) {
            let page = &chunk[start..chunk.len().min(start + ZEROS.len())];
            if *page == ZEROS[..page.len()] {
                continue;
            }
            for (number, word) in page.chunks_exact(WORD).enumerate() {
                if self.0[Self::index(word)] {
                    Self::compare(chunk, start + number * WORD, secrets, &mut found);
                }
            }
        }
    }

    /// Looks for secrets that begin in the word's worth of bytes up to `at`.
    fn compare(chunk: &[u8], at: usize, secrets: &[Bytes], found: &mut impl FnMut(usize, usize)) {
        for place in at.saturating_sub(WORD - 1)..=at {
            let Some(window) = chunk.get(place..place + size_of::<Bytes>()) else {
                break;
            };
            for (number, secret) in secrets.iter().enumerate() {
                if secret == window {
                    found(number, place);
                }
            }
        }
    }
}

impl fmt::Display for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const FLAGS: [(u32, &str); 8] = [
            (5, "on a list"),
            (7, "slab"),
            (10, "free"),
            (11, "mapped"),
            (12, "anonymous"),
            (15, "compound"),
            (22, "huge"),
            (32, "reserved"),
        ];
        write!(f, "at {:#x}", self.physical)?;
        for (bit, name) in FLAGS {
            if (self.flags >> bit) & 1 != 0 {
                write!(f, ", {name}")?;
            }
        }
        Ok(())
    }
}
