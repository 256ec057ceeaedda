// SPDX-License-Identifier: GPL-2.0

//! As much of the module's `endpoint` as needs no routes.

#[path = "../../../src/endpoint/address.rs"]
mod address;

pub(crate) use address::{Endpoint, ShowEndpoint};
