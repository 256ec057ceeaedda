/* SPDX-License-Identifier: GPL-2.0 */
/* Shims for packets. */
#ifndef WG_HELPERS_SKBUFF_H
#define WG_HELPERS_SKBUFF_H

#include <linux/skbuff.h>

#endif
