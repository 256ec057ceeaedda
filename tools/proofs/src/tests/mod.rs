// SPDX-License-Identifier: GPL-2.0

mod prefix;
mod slots;
