// SPDX-License-Identifier: GPL-2.0
/*
 * Packets in trouble: a list of packets that cannot be cut, and pages that
 * somebody else writes to.
 */

#include <crypto/chacha20poly1305.h>
#include <linux/ip.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/udp.h>
#include <linux/workqueue.h>
#include <net/ip.h>
#include <net/net_namespace.h>

#include "../../src/helpers/skbuff.h"
#include "../../src/helpers/train.h"
#include "frag.h"
#include "made.h"

#define HEADROOM 128
#define PAYLOAD 200

/* A datagram of PAYLOAD bytes, in a fragment but for the headers if asked for. */
static struct sk_buff *datagram(bool in_fragment)
{
	static const u8 payload[PAYLOAD];
	struct sk_buff *skb = alloc_skb(HEADROOM + 256 + PAYLOAD, GFP_KERNEL);
	struct udphdr *udp;
	struct iphdr *ip;

	if (!skb)
		return NULL;
	skb_reserve(skb, HEADROOM);
	skb_reset_mac_header(skb);
	skb_reset_network_header(skb);
	ip = skb_put_zero(skb, sizeof(*ip));
	ip->version = 4;
	ip->ihl = sizeof(*ip) / 4;
	ip->tot_len = htons(sizeof(*ip) + sizeof(*udp) + PAYLOAD);
	ip->ttl = 64;
	ip->protocol = IPPROTO_UDP;
	ip->saddr = htonl(0x0a000001);
	ip->daddr = htonl(0x0a000002);
	ip_send_check(ip);
	skb_reset_transport_header(skb);
	udp = skb_put_zero(skb, sizeof(*udp));
	udp->len = htons(sizeof(*udp) + PAYLOAD);
	skb->protocol = htons(ETH_P_IP);
	if (!in_fragment) {
		skb_put_zero(skb, PAYLOAD);
	} else if (!add_frag(skb, payload, PAYLOAD)) {
		kfree_skb(skb);
		return NULL;
	}
	return skb;
}

/* Appends a datagram as GRO does, whose own headers stay in front. */
static bool append(struct sk_buff *skb, bool in_fragment)
{
	struct sk_buff **tail = &skb_shinfo(skb)->frag_list;
	struct sk_buff *part = datagram(in_fragment);

	if (!part)
		return false;
	while (*tail)
		tail = &(*tail)->next;
	*tail = part;
	skb_pull(part, sizeof(struct iphdr) + sizeof(struct udphdr));
	skb->len += part->len;
	skb->data_len += part->len;
	skb->truesize += part->truesize;
	return true;
}

static struct sk_buff *list_of(bool head_in_fragment, unsigned int others)
{
	struct sk_buff *skb = datagram(head_in_fragment);
	unsigned int i;

	for (i = 0; skb && i < others; i++) {
		if (!append(skb, true)) {
			kfree_skb(skb);
			return NULL;
		}
	}
	if (skb) {
		skb_shinfo(skb)->gso_size = PAYLOAD;
		skb_shinfo(skb)->gso_segs = others + 1;
		skb_shinfo(skb)->gso_type = SKB_GSO_UDP_L4 | SKB_GSO_FRAGLIST;
	}
	return skb;
}

/* Whether all that the packet claims to hold is there. */
static bool is_whole(const struct sk_buff *skb)
{
	u8 *to = kvmalloc(skb->len, GFP_KERNEL);
	const bool ok = to && !skb_has_frag_list(skb) &&
			!skb_copy_bits(skb, 0, to, skb->len);

	kvfree(to);
	return ok;
}

/* More than there is memory for in one piece, with the head. */
#define TOO_MUCH KMALLOC_MAX_SIZE

/* Lets the last packet of a list claim to be much longer than it is. */
static void inflate_last(struct sk_buff *skb)
{
	struct sk_buff *part = skb_shinfo(skb)->frag_list;

	while (part->next)
		part = part->next;
	skb_frag_size_add(skb_shinfo(part)->frags, TOO_MUCH);
	part->len += TOO_MUCH;
	part->data_len += TOO_MUCH;
	skb->len += TOO_MUCH;
	skb->data_len += TOO_MUCH;
}

/*
 * Cuts a list of packets, for the last of which there is no memory if @fails.
 * Returns how many there are then, 0 if what is left is a whole packet, or an
 * error.
 */
int wg_trouble_cut_list(bool head_in_fragment, bool fails)
{
	struct sk_buff *skb = list_of(head_in_fragment, 3), *segs, *seg;
	int count = 0;

	if (!skb)
		return -ENOMEM;
	if (fails)
		inflate_last(skb);
	segs = wg_helper_skb_gso_segment(skb, init_net.loopback_dev, 0);
	if (IS_ERR(segs)) {
		if (PTR_ERR(segs) != -ENOMEM || !is_whole(skb))
			count = -EINVAL;
		kfree_skb(skb);
		return count;
	}
	for (seg = segs; seg; seg = seg->next)
		count += seg->len == sizeof(struct iphdr) +
					     sizeof(struct udphdr) + PAYLOAD;
	kfree_skb_list(segs);
	consume_skb(skb);
	return count;
}

/* Who writes to a page that a packet is in. */
struct writer {
	struct work_struct work;
	u8 *place;
	bool is_done;
};

static void write_on(struct work_struct *work)
{
	struct writer *writer = container_of(work, struct writer, work);

	while (!READ_ONCE(writer->is_done)) {
		WRITE_ONCE(*writer->place, *writer->place ^ 1);
		cond_resched();
	}
}

#define LONG 60000

/*
 * Opens a message over and over while somebody writes to the page that it is in.
 * Returns how often it came out, always as it was; 0 if never, or -EBADMSG if what
 * came out was not what had been sealed.
 */
static int open_while_written(struct sk_buff *skb, const u8 *wanted,
			      const u8 *key)
{
	const unsigned long end = jiffies + HZ / 2;
	int count = 0;

	while (time_before(jiffies, end)) {
		struct sk_buff *part;
		bool is_it;

		if (!wg_helper_train_open_part(skb, 0, LONG, 1, key, &part)) {
			is_it = !memcmp(part->data, wanted, LONG);
			kfree_skb(part);
			if (!is_it)
				return -EBADMSG;
			count++;
		}
		cond_resched();
	}
	return count;
}

int wg_trouble_written_pages(void)
{
	static const u8 key[CHACHA20POLY1305_KEY_SIZE] = { 1 };
	const u32 len = LONG + CHACHA20POLY1305_AUTHTAG_SIZE;
	struct sk_buff *skb = alloc_skb(0, GFP_KERNEL), *part;
	u8 *text = kvzalloc(LONG, GFP_KERNEL);
	u8 *sealed = kvzalloc(len, GFP_KERNEL);
	struct writer writer = {};
	int count = -ENOMEM;

	if (!skb || !text || !sealed)
		goto out;
	chacha20poly1305_encrypt(sealed, text, LONG, NULL, 0, 1, key);
	if (!add_frag(skb, sealed, len))
		goto out;
	skb_shinfo(skb)->flags |= SKBFL_SHARED_FRAG;
	/* If nothing would ever be opened, neither would anything wrong be. */
	count = -EINVAL;
	if (wg_helper_train_open_part(skb, 0, LONG, 1, key, &part))
		goto out;
	kfree_skb(part);
	writer.place = (u8 *)skb_frag_address(skb_shinfo(skb)->frags) + LONG / 2;
	INIT_WORK_ONSTACK(&writer.work, write_on);
	queue_work(system_dfl_wq, &writer.work);
	count = open_while_written(skb, text, key);
	WRITE_ONCE(writer.is_done, true);
	flush_work(&writer.work);
	destroy_work_on_stack(&writer.work);
out:
	kvfree(sealed);
	kvfree(text);
	kfree_skb(skb);
	return count;
}
