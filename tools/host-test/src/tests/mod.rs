// SPDX-License-Identifier: GPL-2.0

//! The checks that the kernel runs too, and what only user space can do.

mod allowed_ips;
mod bound;
mod here;
mod inbox;
mod index_table;
mod queues;
mod ratelimit;
mod replay;
mod utf8;
