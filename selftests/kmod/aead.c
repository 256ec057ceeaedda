// SPDX-License-Identifier: GPL-2.0
/*
 * Checks that packets of all shapes are sealed and opened as linear memory is,
 * and that what others have of a packet as well is left alone.
 *
 * The shims under test are compiled in. Loading the module runs the checks and
 * writes a line of TAP about each to the kernel log; it fails if one of them
 * does.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>

#include <linux/ip.h>

#include "../../src/helpers/crypto.c"
#include "../../src/helpers/skbuff.c"
#include "frag.h"

#define TAG CHACHA20POLY1305_AUTHTAG_SIZE
#define BEHIND 5
#define MAX_LEN 9000
#define MAX_OFFSET 40
#define NONCE 0x0102030405060708ULL

static const u8 key[CHACHA20POLY1305_KEY_SIZE] = "0123456789abcdef0123456789abcde";

static const unsigned int lengths[] = {
	0, 1, 15, 16, 17, 63, 64, 65, 127, 129, 500, 1420, 4097, MAX_LEN,
};

static const unsigned int offsets[] = { 0, 16, MAX_OFFSET };

/* Plain, sealed by the slice function, and as found in the packet. */
static u8 plain[MAX_LEN], sealed[MAX_LEN + TAG];
static u8 before[MAX_OFFSET + MAX_LEN + TAG + BEHIND];
static u8 after[MAX_OFFSET + MAX_LEN + TAG + BEHIND];

struct shape {
	const char *name;
	/* Bytes in the linear part; page fragments in all; packets in the list. */
	unsigned int head, frags, list;
};

static const struct shape shapes[] = {
	{ "linear", UINT_MAX, 0, 0 },
	{ "one fragment", 0, 1, 0 },
	{ "head and two fragments", 33, 2, 0 },
	{ "as many fragments as there can be", 7, MAX_SKB_FRAGS, 0 },
	{ "list of packets", 50, 0, 3 },
	{ "fragments, then a list of packets", 21, 4, 2 },
};

static struct sk_buff *linear(const u8 *data, unsigned int len)
{
	struct sk_buff *skb = alloc_skb(len, GFP_KERNEL);

	if (skb)
		skb_put_data(skb, data, len);
	return skb;
}

static bool add_list(struct sk_buff *skb, const u8 *data, unsigned int len)
{
	struct sk_buff **tail = &skb_shinfo(skb)->frag_list;

	while (*tail)
		tail = &(*tail)->next;
	*tail = linear(data, len);
	if (!*tail)
		return false;
	skb->len += len;
	skb->data_len += len;
	skb->truesize += (*tail)->truesize;
	return true;
}

static struct sk_buff *shaped(const struct shape *shape, const u8 *data,
			      unsigned int len)
{
	unsigned int at = min(shape->head, len);
	unsigned int pieces = shape->frags + shape->list;
	unsigned int piece = pieces ? DIV_ROUND_UP(len - at, pieces) : 0;
	struct sk_buff *skb = linear(data, at);
	unsigned int i, n;

	for (i = 0; skb && i < pieces && at < len; i++, at += n) {
		n = min(piece, len - at);
		if (i < shape->frags ? !add_frag(skb, data + at, n) :
				       !add_list(skb, data + at, n)) {
			kfree_skb(skb);
			return NULL;
		}
	}
	return skb;
}

static bool found(struct sk_buff *skb, const u8 *expected, unsigned int len)
{
	return skb->len == len && !skb_copy_bits(skb, 0, after, len) &&
	       !memcmp(after, expected, len);
}

static bool forged_is_refused(struct sk_buff *skb, unsigned int at,
			      unsigned int offset, unsigned int len)
{
	u8 byte;

	if (skb_copy_bits(skb, at, &byte, 1))
		return false;
	byte ^= 1;
	return !skb_store_bits(skb, at, &byte, 1) &&
	       !aead_open(skb, offset, len, NONCE, key);
}

static bool one(const struct shape *shape, unsigned int offset, unsigned int len)
{
	unsigned int total = offset + len + TAG + BEHIND;
	struct sk_buff *skb, *forged;
	bool ok;

	memset(before, 0x5a, total);
	memcpy(before + offset, plain, len);
	chacha20poly1305_encrypt(sealed, plain, len, NULL, 0, NONCE, key);
	skb = shaped(shape, before, total);
	if (!skb)
		return false;

	memcpy(before + offset, sealed, len + TAG);
	ok = aead_seal(skb, offset, len, NONCE, key) &&
	     found(skb, before, total);

	forged = shaped(shape, before, total);
	ok = ok && forged &&
	     forged_is_refused(forged, offset + len / 2, offset, len);
	kfree_skb(forged);

	memcpy(before + offset, plain, len);
	ok = ok && aead_open(skb, offset, len, NONCE, key) &&
	     found(skb, before, total);
	kfree_skb(skb);
	return ok;
}

static bool check_shape(const struct shape *shape)
{
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		for (j = 0; j < ARRAY_SIZE(offsets); j++) {
			if (one(shape, offsets[j], lengths[i]))
				continue;
			pr_err("# %u bytes behind %u\n", lengths[i], offsets[j]);
			return false;
		}
	}
	return true;
}

/* Regions that are not within the packet are refused, and nothing is touched. */
static bool check_bounds(void)
{
	struct sk_buff *skb = linear(plain, 100);
	bool ok;

	if (!skb)
		return false;
	ok = !aead_seal(skb, 0, 85, NONCE, key) &&
	     !aead_open(skb, 1, 84, NONCE, key) &&
	     !aead_seal(skb, UINT_MAX, 1, NONCE, key) &&
	     !aead_open(skb, 0, UINT_MAX - 8, NONCE, key) &&
	     !aead_seal(skb, INT_MAX, INT_MAX, NONCE, key) &&
	     found(skb, plain, 100) &&
	     aead_seal(skb, 0, 84, NONCE, key);
	kfree_skb(skb);
	return ok;
}

/* More pieces than there is room for are refused. */
static bool check_pieces(void)
{
	static const struct shape most = { .head = 4, .list = AEAD_SG_ENTRIES - 1 };
	static const struct shape more = { .head = 4, .list = AEAD_SG_ENTRIES };
	struct sk_buff *skb = shaped(&most, plain, 4 + most.list * 10);
	bool ok;

	ok = skb && aead_seal(skb, 0, skb->len - TAG, NONCE, key) &&
	     aead_open(skb, 0, skb->len - TAG, NONCE, key);
	kfree_skb(skb);
	skb = shaped(&more, plain, 4 + more.list * 10);
	ok = ok && skb &&
	     !aead_seal(skb, 0, skb->len - TAG, NONCE, key) &&
	     !aead_open(skb, 0, skb->len - TAG, NONCE, key);
	kfree_skb(skb);
	return ok;
}

/* Whether a packet is private with and without another reference to a part. */
static bool privacy(struct sk_buff *skb, struct sk_buff *part)
{
	bool alone = is_private(skb);
	struct sk_buff *clone = skb_clone(part, GFP_KERNEL);
	bool ok = alone && clone && !is_private(skb);

	kfree_skb(clone);
	skb_get(part);
	ok = ok && !is_private(skb);
	kfree_skb(part);
	return ok && is_private(skb);
}

/* A packet is private only if all parts of it are, and can be made so. */
static bool check_private(void)
{
	static const struct shape list = { .head = 4, .list = 2 };
	static const struct shape frag = { .head = 4, .frags = 1 };
	struct sk_buff *skb = shaped(&list, plain, 100), *clone = NULL;
	struct sk_buff *other = shaped(&frag, plain, 100);
	bool ok = skb && other && !is_private(other);

	ok = ok && privacy(skb, skb) && privacy(skb, skb_shinfo(skb)->frag_list) &&
	     add_frag(skb_shinfo(skb)->frag_list->next, plain, 1) &&
	     !is_private(skb);
	if (ok) {
		skb_reset_network_header(skb);
		clone = skb_clone(skb_shinfo(skb)->frag_list, GFP_KERNEL);
		ok = clone && unshare_data(skb) &&
		     is_private(skb);
	}
	kfree_skb(clone);
	kfree_skb(other);
	kfree_skb(skb);
	return ok;
}

/* A mark of congestion changes the header of this packet, not that of others. */
static bool check_mark(void)
{
	const struct iphdr header = { .version = 4, .ihl = 5, .tos = INET_ECN_ECT_0 };
	struct sk_buff *skb = linear((const u8 *)&header, sizeof(header));
	struct sk_buff *clone = NULL;
	bool ok = false;

	if (skb) {
		skb_reset_network_header(skb);
		skb->protocol = htons(ETH_P_IP);
		clone = skb_clone(skb, GFP_KERNEL);
	}
	if (clone) {
		wg_helper_skb_ecn_decap(clone, INET_ECN_CE);
		ok = ip_hdr(clone)->tos == INET_ECN_CE &&
		     ip_hdr(skb)->tos == INET_ECN_ECT_0;
	}
	kfree_skb(clone);
	kfree_skb(skb);
	return ok;
}

static unsigned int number, failures;

static void report(bool ok, const char *name)
{
	number++;
	if (ok)
		pr_info("ok %u - sealing a packet: %s\n", number, name);
	else
		pr_err("not ok %u - sealing a packet: %s\n", number, name);
	failures += !ok;
}

static int __init selftest_init(void)
{
	unsigned int i;

	for (i = 0; i < sizeof(plain); i++)
		plain[i] = i * 7 + (i >> 8);
	pr_info("1..%zu\n", ARRAY_SIZE(shapes) + 4);
	for (i = 0; i < ARRAY_SIZE(shapes); i++)
		report(check_shape(&shapes[i]), shapes[i].name);
	report(check_bounds(), "regions beyond its end");
	report(check_pieces(), "more pieces than there is room for");
	report(check_private(), "not while others have a part of it");
	report(check_mark(), "a mark of congestion stays with it");
	return failures ? -EINVAL : 0;
}

static void __exit selftest_exit(void)
{
}

module_init(selftest_init);
module_exit(selftest_exit);
MODULE_LICENSE("GPL");
MODULE_AUTHOR("WireGuard for Rust-for-Linux authors");
MODULE_DESCRIPTION("Checks of authenticated encryption of packets where they lie");
