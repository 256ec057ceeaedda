/* SPDX-License-Identifier: GPL-2.0 */
/* Shims for lib/crypto, random numbers, clocks. */
#ifndef WG_HELPERS_CRYPTO_H
#define WG_HELPERS_CRYPTO_H

#include <linux/random.h>

#endif
