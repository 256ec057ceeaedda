// SPDX-License-Identifier: GPL-2.0

//! `kapi::crypto`, as far as the protocol core's own vectors do not reach.

use kernel::prelude::*;

use crate::{
    checks::{
        check,
        Dice,
        Outcome, //
    },
    kapi::crypto::{
        self,
        aead, //
    }, //
};

const KEY: [u8; 32] = [0x37; 32];
const TAG: usize = aead::TAG_SIZE;
const LENGTHS: [usize; 9] = [0, 1, 15, 16, 17, 64, 65, 255, 496];

struct Sample {
    plain: [u8; 512],
    sealed: [u8; 512],
    len: usize,
    nonce: u64,
}

/// A text of `len` bytes, and its sealed form as it comes out from slice to slice.
fn sample(len: usize) -> Result<Sample, &'static str> {
    let mut dice = Dice::new(len as u64);
    let mut sample = Sample {
        plain: core::array::from_fn(|_| dice.u64() as u8),
        sealed: [0; 512],
        len,
        nonce: dice.u64(),
    };
    let dst = &mut sample.sealed[..len + TAG];
    aead::chacha20poly1305_seal(dst, &sample.plain[..len], b"ad", sample.nonce, &KEY)
        .map_err(|_| "cannot seal")?;
    Ok(sample)
}

pub(crate) fn in_place() -> Outcome {
    for len in LENGTHS {
        let s = sample(len)?;
        let mut buf = s.plain;
        let region = &mut buf[..len + TAG];
        let sealed = aead::chacha20poly1305_seal_in_place(region, b"ad", s.nonce, &KEY);
        check!(sealed.is_ok() && *region == s.sealed[..len + TAG]);
        check!(buf[len + TAG..] == s.plain[len + TAG..]);
        let region = &mut buf[..len + TAG];
        let opened = aead::chacha20poly1305_open_in_place(region, b"ad", s.nonce, &KEY);
        check!(opened.is_ok() && region[..len] == s.plain[..len]);
        check!(region[len..] == s.sealed[len..len + TAG]);
    }
    Ok(())
}

pub(crate) fn forgeries() -> Outcome {
    for len in LENGTHS {
        let s = sample(len)?;
        let mut opened = [0; 512];
        let mut open = |sealed: &[u8], ad: &[u8], nonce: u64| {
            aead::chacha20poly1305_open(&mut opened[..len], sealed, ad, nonce, &KEY)
        };
        check!(open(&s.sealed[..len + TAG], b"ad", s.nonce) == Ok(()));
        check!(open(&s.sealed[..len + TAG], b"ae", s.nonce) == Err(EBADMSG));
        check!(open(&s.sealed[..len + TAG], b"ad", !s.nonce) == Err(EBADMSG));
        for at in [0, len / 2, len, len + TAG - 1] {
            let mut forged = s.sealed;
            forged[at] ^= 0x10;
            check!(open(&forged[..len + TAG], b"ad", s.nonce) == Err(EBADMSG));
            let mut buf = forged;
            let region = &mut buf[..len + TAG];
            let result = aead::chacha20poly1305_open_in_place(region, b"ad", s.nonce, &KEY);
            check!(result == Err(EBADMSG) && buf == forged);
        }
        check!(opened[..len] == s.plain[..len]);
    }
    Ok(())
}

pub(crate) fn lengths() -> Outcome {
    let mut buf = [0; 64];
    let src = [0; 64];
    for (dst, src) in [(0, 0), (15, 0), (17, 0), (48, 48), (64, 64)].map(|(d, s)| (d, &src[..s])) {
        check!(
            aead::chacha20poly1305_seal(&mut buf[..dst], src, b"", 0, &KEY) == Err(EINVAL)
                && aead::xchacha20poly1305_seal(&mut buf[..dst], src, b"", &[0; 24], &KEY)
                    == Err(EINVAL)
                && aead::chacha20poly1305_open(&mut buf[..dst], src, b"", 0, &KEY) == Err(EINVAL)
                && aead::xchacha20poly1305_open(&mut buf[..dst], src, b"", &[0; 24], &KEY)
                    == Err(EINVAL)
        );
    }
    for short in 0..TAG {
        let buf = &mut buf[..short];
        check!(aead::chacha20poly1305_seal_in_place(buf, b"", 0, &KEY) == Err(EINVAL));
        check!(aead::chacha20poly1305_open_in_place(buf, b"", 0, &KEY) == Err(EBADMSG));
    }
    Ok(())
}

pub(crate) fn zero_points() -> Outcome {
    let mut one = [0; 32];
    one[0] = 1;
    let mut out = [0; 32];
    check!(crypto::curve25519(&mut out, &KEY, &[0; 32]) == Err(EKEYREJECTED));
    check!(crypto::curve25519(&mut out, &KEY, &one) == Err(EKEYREJECTED));
    check!(crypto::curve25519_public(&mut out, &[0; 32]) == Err(EKEYREJECTED));
    check!(crypto::curve25519_public(&mut out, &KEY) == Ok(()));
    let (public, mut shared, mut other) = (out, [0; 32], [0; 32]);
    let mut base = [0; 32];
    base[0] = 9;
    check!(crypto::curve25519(&mut other, &KEY, &base) == Ok(()) && other == public);
    check!(crypto::curve25519(&mut shared, &one, &public).is_ok());
    check!(crypto::curve25519_public(&mut out, &one).is_ok());
    check!(crypto::curve25519(&mut other, &KEY, &out).is_ok() && other == shared);
    Ok(())
}

pub(crate) fn comparing() -> Outcome {
    let mut bytes = *b"sixteen bytes ok";
    check!(crypto::constant_time_eq(&bytes, b"sixteen bytes ok"));
    check!(!crypto::constant_time_eq(&bytes, b"sixteen bytes OK"));
    check!(!crypto::constant_time_eq(&bytes, b"sixteen bytes o"));
    check!(crypto::constant_time_eq(b"", b""));
    crypto::wipe(&mut bytes[1..15]);
    check!(bytes == *b"s\0\0\0\0\0\0\0\0\0\0\0\0\0\0k");
    Ok(())
}
