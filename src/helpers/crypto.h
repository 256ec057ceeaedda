/* SPDX-License-Identifier: GPL-2.0 */
/* Shims for lib/crypto, random numbers, clocks. */
#ifndef WG_HELPERS_CRYPTO_H
#define WG_HELPERS_CRYPTO_H

#include <crypto/blake2s.h>
#include <crypto/chacha.h>
#include <crypto/chacha20poly1305.h>
#include <crypto/curve25519.h>
#include <crypto/utils.h>
#include <linux/jiffies.h>
#include <linux/random.h>
#include <linux/skbuff.h>
#include <linux/timekeeping.h>

void wg_helper_blake2s_init(struct blake2s_ctx *ctx, size_t outlen);
/* @keylen must be 16 or 32. */
void wg_helper_blake2s_init_key(struct blake2s_ctx *ctx, size_t outlen,
				const void *key, size_t keylen);
void wg_helper_chacha20_xor(u8 *text, size_t len, const u8 *key,
			    const u8 *nonce);
void wg_helper_chacha20_xor_ends(u8 *text, u8 *last, const u8 *key,
				 const u8 *nonce);
int wg_helper_crypto_memneq(const void *a, const void *b, size_t size);
void wg_helper_memzero_explicit(void *s, size_t count);
void wg_helper_burn_stack(unsigned int bytes);

bool wg_helper_skb_seal(struct sk_buff *skb, unsigned int offset, u64 nonce,
			const u8 *key);
int wg_helper_skb_open(struct sk_buff *skb, unsigned int offset, u64 nonce,
		       const u8 *key);

u64 wg_helper_ktime_get_coarse_boottime_ns(void);
static const u64 WG_CONST_TICK_NSEC = TICK_NSEC;

#endif
