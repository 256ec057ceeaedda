// SPDX-License-Identifier: GPL-2.0

#include "crypto.h"

void wg_helper_blake2s_init(struct blake2s_ctx *ctx, size_t outlen)
{
	blake2s_init(ctx, outlen);
}

void wg_helper_blake2s_init_key(struct blake2s_ctx *ctx, size_t outlen,
				const void *key, size_t keylen)
{
	/* As constants, or there would be a check where they are an index. */
	if (keylen == BLAKE2S_KEY_SIZE / 2)
		blake2s_init_key(ctx, outlen, key, BLAKE2S_KEY_SIZE / 2);
	else
		blake2s_init_key(ctx, outlen, key, BLAKE2S_KEY_SIZE);
}

static void chacha20_init(struct chacha_state *state, const u8 *key,
			  const u8 *nonce)
{
	chacha_init_consts(state);
	memcpy(&state->x[4], key, CHACHA_KEY_SIZE);
	state->x[12] = 0;
	memcpy(&state->x[13], nonce, CHACHAPOLY_IV_SIZE);
	le32_to_cpu_array(&state->x[4], CHACHA_KEY_WORDS);
	le32_to_cpu_array(&state->x[13], CHACHAPOLY_IV_SIZE / sizeof(u32));
}

/* RFC 8439, from block 0 on. */
void wg_helper_chacha20_xor(u8 *text, size_t len, const u8 *key,
			    const u8 *nonce)
{
	struct chacha_state state;

	chacha20_init(&state, key, nonce);
	/* The length is an int there. */
	while (len) {
		unsigned int piece = min_t(size_t, len, SZ_1M);

		chacha20_crypt(&state, text, text, piece);
		text += piece;
		len -= piece;
	}
	chacha_zeroize_state(&state);
}

/*
 * The same for 16 bytes; @last gets the last 12 of the stream's first block.
 * ChaCha20 adds to the words of a block what they were before the rounds;
 * HChaCha20 leaves that out, and gives away the first and the last four. It is
 * computed by vectors, which a block of ChaCha20 that is alone is not.
 */
void wg_helper_chacha20_xor_ends(u8 *text, u8 *last, const u8 *key,
				 const u8 *nonce)
{
	struct {
		struct chacha_state state;
		u32 stream[HCHACHA_OUT_WORDS];
	} work;
	u32 *stream = work.stream;

	chacha20_init(&work.state, key, nonce);
	hchacha_block(&work.state, stream, 20);
	stream[0] += CHACHA_CONSTANT_EXPA;
	stream[1] += CHACHA_CONSTANT_ND_3;
	stream[2] += CHACHA_CONSTANT_2_BY;
	stream[3] += CHACHA_CONSTANT_TE_K;
	stream[5] += work.state.x[13];
	stream[6] += work.state.x[14];
	stream[7] += work.state.x[15];
	cpu_to_le32_array(stream, HCHACHA_OUT_WORDS);
	crypto_xor(text, (const u8 *)stream, 16);
	memcpy(last, stream + 5, 12);
	memzero_explicit(&work, sizeof(work));
}

int wg_helper_crypto_memneq(const void *a, const void *b, size_t size)
{
	return crypto_memneq(a, b, size);
}

void wg_helper_memzero_explicit(void *s, size_t count)
{
	memzero_explicit(s, count);
}

/* Overwrites at least that much of the stack below the caller's frame. */
noinline void wg_helper_burn_stack(unsigned int bytes)
{
	u8 piece[512];

	memzero_explicit(piece, sizeof(piece));
	if (bytes > sizeof(piece))
		wg_helper_burn_stack(bytes - sizeof(piece));
	/* Else the call would take the place of this frame. */
	barrier_data(piece);
}

/* A packet's head, its page fragments, and some room for a fragment list. */
#define AEAD_SG_ENTRIES (MAX_SKB_FRAGS + 8)

/* Whether [offset, offset + len) and the tag behind it lie within the packet. */
static bool aead_fits(const struct sk_buff *skb, unsigned int offset,
		      unsigned int len)
{
	return offset <= INT_MAX && len <= INT_MAX &&
	       (u64)offset + len + CHACHA20POLY1305_AUTHTAG_SIZE <= skb->len;
}

static u8 *aead_linear(const struct sk_buff *skb, unsigned int offset,
		       unsigned int len)
{
	u64 end = (u64)offset + len + CHACHA20POLY1305_AUTHTAG_SIZE;

	return end <= skb_headlen(skb) ? skb->data + offset : NULL;
}

static bool aead_map(struct sk_buff *skb, struct scatterlist *sg,
		     unsigned int offset, unsigned int len)
{
	sg_init_table(sg, AEAD_SG_ENTRIES);
	return skb_to_sgvec(skb, sg, offset,
			    len + CHACHA20POLY1305_AUTHTAG_SIZE) > 0;
}

/* Apart, so that packets in one piece do not pay for the table. */
static noinline bool aead_seal_pieces(struct sk_buff *skb, unsigned int offset,
				      unsigned int len, u64 nonce,
				      const u8 *key)
{
	struct scatterlist sg[AEAD_SG_ENTRIES];

	return aead_map(skb, sg, offset, len) &&
	       chacha20poly1305_encrypt_sg_inplace(sg, len, NULL, 0, nonce, key);
}

static noinline bool aead_open_pieces(struct sk_buff *skb, unsigned int offset,
				      unsigned int len, u64 nonce,
				      const u8 *key)
{
	struct scatterlist sg[AEAD_SG_ENTRIES];
	size_t sealed = (size_t)len + CHACHA20POLY1305_AUTHTAG_SIZE;

	return aead_map(skb, sg, offset, len) &&
	       chacha20poly1305_decrypt_sg_inplace(sg, sealed, NULL, 0, nonce,
						   key);
}

static bool aead_seal(struct sk_buff *skb, unsigned int offset,
		      unsigned int len, u64 nonce, const u8 *key)
{
	u8 *data;

	if (unlikely(!aead_fits(skb, offset, len)))
		return false;
	data = aead_linear(skb, offset, len);
	if (likely(data)) {
		chacha20poly1305_encrypt(data, data, len, NULL, 0, nonce, key);
		return true;
	}
	return aead_seal_pieces(skb, offset, len, nonce, key);
}

static bool aead_open(struct sk_buff *skb, unsigned int offset,
		      unsigned int len, u64 nonce, const u8 *key)
{
	u8 *data;

	if (unlikely(!aead_fits(skb, offset, len)))
		return false;
	data = aead_linear(skb, offset, len);
	if (likely(data))
		return chacha20poly1305_decrypt(
			data, data, len + CHACHA20POLY1305_AUTHTAG_SIZE, NULL,
			0, nonce, key);
	return aead_open_pieces(skb, offset, len, nonce, key);
}

static bool is_alone(const struct sk_buff *skb)
{
	return !skb_shared(skb) && !skb_cloned(skb) &&
	       !skb_shinfo(skb)->nr_frags;
}

/* Whether nobody else refers to the packet's data, those of its list included. */
static __always_inline bool is_private(const struct sk_buff *skb)
{
	const struct sk_buff *part;

	if (!is_alone(skb))
		return false;
	skb_walk_frags(skb, part) {
		if (!is_alone(part) || skb_has_frag_list(part))
			return false;
	}
	return true;
}

/* Makes the packet's data writable, with the network header still in front. */
static bool unshare_data(struct sk_buff *skb)
{
	const int offset = -skb_network_offset(skb);
	struct sk_buff *trailer;
	int nsegs;

	if (offset < 0 || offset > skb_headroom(skb))
		return false;
	if (!skb_is_nonlinear(skb) && !skb_cloned(skb))
		return true;
	skb_push(skb, offset);
	nsegs = skb_cow_data(skb, 0, &trailer);
	skb_pull(skb, offset);
	return nsegs >= 0;
}

/*
 * Encrypts what is behind @offset but for the last bytes, where the tag goes, if
 * nobody else has the packet's data.
 */
bool wg_helper_skb_seal(struct sk_buff *skb, unsigned int offset, u64 nonce,
			const u8 *key)
{
	const unsigned int around = offset + CHACHA20POLY1305_AUTHTAG_SIZE;

	return offset <= U16_MAX && skb->len >= around && is_private(skb) &&
	       aead_seal(skb, offset, skb->len - around, nonce, key);
}

/*
 * Decrypts what is behind @offset, and takes the tag off. -ENOMEM; -EBADMSG if it
 * is not authentic; -EINVAL if it is too short, or cannot be had for itself.
 */
int wg_helper_skb_open(struct sk_buff *skb, unsigned int offset, u64 nonce,
		       const u8 *key)
{
	const unsigned int around = offset + CHACHA20POLY1305_AUTHTAG_SIZE;

	if (offset > U16_MAX || skb->len < around)
		return -EINVAL;
	if (!unshare_data(skb))
		return -ENOMEM;
	if (!is_private(skb))
		return -EINVAL;
	if (!aead_open(skb, offset, skb->len - around, nonce, key))
		return -EBADMSG;
	return pskb_trim(skb, skb->len - CHACHA20POLY1305_AUTHTAG_SIZE);
}

u64 wg_helper_ktime_get_coarse_boottime_ns(void)
{
	return ktime_get_coarse_boottime_ns();
}
