// SPDX-License-Identifier: GPL-2.0

//! Plays the module's `crypto`.

pub(crate) type KernelCrypto = crate::proto::rustcrypto::RustCrypto;
pub(crate) type Key = crate::proto::noise::Key<KernelCrypto>;
