// SPDX-License-Identifier: GPL-2.0

#include <crypto/chacha20poly1305.h>
#include <linux/cpu.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/local_lock.h>
#include <linux/skbuff_ref.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/workqueue.h>
#include <net/checksum.h>
#include <net/tcp.h>

#include "skbuff.h"
#include "train.h"

/* The kinds of segmentation that are to be had, and what may go with them. */
#define KINDS (SKB_GSO_TCPV4 | SKB_GSO_TCPV6 | SKB_GSO_UDP_L4)
#define VARIANTS (SKB_GSO_TCP_ECN | SKB_GSO_TCP_ACCECN | SKB_GSO_TCP_FIXEDID)

/*
 * Whether the packet, whose data start with the network header, is nothing but
 * TCP or UDP in IP with headers that can be trusted, all in the linear part, and
 * stands for two segments at least.
 */
bool wg_helper_skb_super_packet(const struct sk_buff *skb,
				struct wg_helper_super_packet *packet)
{
	const unsigned int type = skb_shinfo(skb)->gso_type;
	const unsigned int kind = type & KINDS;
	unsigned int ip_len;

	if (type & ~(KINDS | VARIANTS) || !is_power_of_2(kind) ||
	    !skb_shinfo(skb)->gso_size || skb_has_frag_list(skb) ||
	    !skb_frags_readable(skb) || skb->encapsulation ||
	    skb->ip_summed != CHECKSUM_PARTIAL || skb_network_offset(skb) ||
	    !skb_transport_header_was_set(skb) ||
	    skb_checksum_start_offset(skb) != skb_transport_offset(skb))
		return false;

	packet->is_v6 = skb->protocol == htons(ETH_P_IPV6);
	packet->is_tcp = kind != SKB_GSO_UDP_L4;
	if (packet->is_tcp && packet->is_v6 != (kind == SKB_GSO_TCPV6))
		return false;
	ip_len = packet->is_v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	packet->transport = skb_transport_offset(skb);
	packet->headers = packet->transport + (packet->is_tcp ?
					       sizeof(struct tcphdr) :
					       sizeof(struct udphdr));
	if (packet->transport < ip_len || packet->headers > skb_headlen(skb))
		return false;
	if (packet->is_tcp) {
		if (tcp_hdrlen(skb) < sizeof(struct tcphdr))
			return false;
		packet->headers = packet->transport + tcp_hdrlen(skb);
		if (packet->headers > skb_headlen(skb))
			return false;
	}
	packet->segment = skb_shinfo(skb)->gso_size;
	if (skb->len <= packet->headers + packet->segment)
		return false;
	packet->has_fixed_id = type & SKB_GSO_TCP_FIXEDID;
	packet->keeps_cwr = type & SKB_GSO_TCP_ACCECN;
	return true;
}

/*
 * Where each CPU takes memory for trains from, with bottom halves disabled; the
 * pages are used again.
 */
struct train_memory {
	local_lock_t bh_lock;
	struct page_frag frag;
};

static DEFINE_PER_CPU(struct train_memory, train_memory) = {
	.bh_lock = INIT_LOCAL_LOCK(bh_lock),
};

/*
 * Has the memory hold @len bytes in one piece. skb_page_frag_refill() is content
 * with any page that nobody uses, and falls back to small ones.
 */
static bool refill(struct page_frag *frag, unsigned int len)
{
	/* A message is shorter than 64 KiB. */
	const unsigned int order = min_t(unsigned int, get_order(len), 4);
	struct page *page;

	if (!skb_page_frag_refill(len, frag, GFP_ATOMIC))
		return false;
	if (frag->size - frag->offset >= len)
		return true;
	/* Where pages are small a fragment may be below 64 KiB, too. */
	if (PAGE_SIZE << order > type_max(typeof(frag->size)))
		return false;
	page = alloc_pages(GFP_ATOMIC | __GFP_COMP | __GFP_NOWARN, order);
	if (!page)
		return false;
	put_page(frag->page);
	frag->page = page;
	frag->size = PAGE_SIZE << order;
	frag->offset = 0;
	return true;
}

/* Takes the last fragment off if there is no message in it. */
static void drop_unused(struct sk_buff *skb)
{
	struct skb_shared_info *shinfo = skb_shinfo(skb);

	if (shinfo->nr_frags &&
	    !skb_frag_size(shinfo->frags + shinfo->nr_frags - 1))
		__skb_frag_unref(shinfo->frags + --shinfo->nr_frags, false);
}

/*
 * Room for a message of @len bytes in one piece, behind all others, and if to be
 * had for @expected more bytes behind it. What is used of it has to be committed;
 * if nothing is, the room is gone with the next call.
 * NULL if memory is short or the packet is full.
 */
u8 *wg_helper_train_grow(struct sk_buff *skb, unsigned int len,
			 unsigned int expected, unsigned int *room)
{
	struct skb_shared_info *shinfo = skb_shinfo(skb);
	struct page_frag *frag;
	unsigned int size;
	u8 *start = NULL;

	drop_unused(skb);
	if (!len || len > U16_MAX || expected > U16_MAX ||
	    shinfo->nr_frags >= MAX_SKB_FRAGS)
		return NULL;
	local_bh_disable();
	local_lock_nested_bh(&train_memory.bh_lock);
	frag = this_cpu_ptr(&train_memory.frag);
	if (refill(frag, len)) {
		size = min(frag->size - frag->offset, len + expected);
		get_page(frag->page);
		/* As skb_fill_page_desc(), which has the index checked. */
		skb_frag_fill_page_desc(shinfo->frags + shinfo->nr_frags++,
					frag->page, frag->offset, 0);
		if (page_is_pfmemalloc(frag->page))
			skb->pfmemalloc = true;
		skb->truesize += size;
		start = page_address(frag->page) + frag->offset;
		*room = size;
		size = ALIGN(size, SMP_CACHE_BYTES);
		frag->offset = min(frag->offset + size, frag->size);
	}
	local_unlock_nested_bh(&train_memory.bh_lock);
	local_bh_enable();
	return start;
}

static void give_back(struct page_frag *frag)
{
	if (frag->page)
		put_page(frag->page);
	frag->page = NULL;
}

static long give_back_here(void *unused)
{
	local_bh_disable();
	local_lock_nested_bh(&train_memory.bh_lock);
	give_back(this_cpu_ptr(&train_memory.frag));
	local_unlock_nested_bh(&train_memory.bh_lock);
	local_bh_enable();
	return 0;
}

/* As per_cpu_ptr(), which has the CPU checked. */
static struct train_memory *memory_of(int cpu)
{
#ifdef CONFIG_SMP
	return SHIFT_PERCPU_PTR(&train_memory, *(__per_cpu_offset + cpu));
#else
	return per_cpu_ptr(&train_memory, cpu);
#endif
}

/*
 * Gives back the memory that is left: that of an online CPU there, where nobody
 * can be about to take some of it.
 */
void wg_helper_train_memory_free(void)
{
	int cpu;

	cpus_read_lock();
	for_each_possible_cpu(cpu) {
		if (cpu_online(cpu))
			work_on_cpu(cpu, give_back_here, NULL);
		else
			give_back(&memory_of(cpu)->frag);
	}
	cpus_read_unlock();
}

void wg_helper_train_commit(struct sk_buff *skb, unsigned int len)
{
	struct skb_shared_info *shinfo = skb_shinfo(skb);

	skb_frag_size_add(shinfo->frags + shinfo->nr_frags - 1, len);
	skb->len += len;
	skb->data_len += len;
}

/* Makes several messages datagrams. */
void wg_helper_train_finish(struct sk_buff *skb, unsigned int size,
			    unsigned int count)
{
	struct skb_shared_info *shinfo = skb_shinfo(skb);

	drop_unused(skb);
	if (count > 1) {
		shinfo->gso_size = size;
		shinfo->gso_segs = count;
		shinfo->gso_type = SKB_GSO_UDP_L4;
	}
}

/* Lets the packet belong to the same flow as another, and leave when that was to. */
void wg_helper_train_copy_flow(struct sk_buff *skb, const struct sk_buff *from)
{
	skb_copy_hash(skb, from);
	skb->tstamp = from->tstamp;
	skb->tstamp_type = from->tstamp_type;
	/* Else it says when the packet was made. */
	skb_clear_tstamp(skb);
}

/*
 * Who sent a packet is charged for it until it is gone, in bytes. That goes over
 * to what is made of the packet, so that who fills a slow link has to wait.
 *
 * Only who counts bytes can be asked to: others, like the rings of AF_XDP and
 * AF_PACKET, have more in the packet that their destructor looks for.
 */

/* Charges for another packet, in its place. */
void wg_helper_train_take_owner(struct sk_buff *skb, struct sk_buff *from)
{
	if (!is_skb_wmem(from) || skb->destructor)
		return;
	swap(skb->truesize, from->truesize);
	swap(skb->destructor, from->destructor);
	swap(skb->sk, from->sk);
}

/* Charges for a part of another packet, which stays charged for the rest. */
void wg_helper_train_share_owner(struct sk_buff *skb, struct sk_buff *from)
{
	const unsigned int share = min(skb->truesize, from->truesize / 2);

	if (!is_skb_wmem(from) || skb->destructor || !share)
		return;
	from->truesize -= share;
	skb->truesize = share;
	skb->destructor = from->destructor;
	skb->sk = from->sk;
}

/* Charges for another packet besides, if the same socket sent both. */
void wg_helper_skb_join_owner(struct sk_buff *skb, struct sk_buff *from)
{
	unsigned int sum;

	if (!is_skb_wmem(from) || skb->sk != from->sk ||
	    skb->destructor != from->destructor ||
	    check_add_overflow(skb->truesize, from->truesize, &sum))
		return;
	skb->truesize = sum;
	from->destructor = NULL;
	from->sk = NULL;
}

/* Copies a part of the packet, which need not be there, and sums it up. */
bool wg_helper_skb_copy_and_sum(const struct sk_buff *skb, unsigned int offset,
				u8 *to, unsigned int len, u32 *sum)
{
	if (offset > INT_MAX || len > INT_MAX || (u64)offset + len > skb->len ||
	    !skb_frags_readable(skb))
		return false;
	*sum = (__force u32)skb_copy_and_csum_bits(skb, offset, to, len);
	return true;
}

void wg_helper_aead_seal(u8 *to, const u8 *from, unsigned int len, u64 nonce,
			 const u8 *key)
{
	chacha20poly1305_encrypt(to, from, len, NULL, 0, nonce, key);
}

/*
 * The length of each datagram but the last of a train, 0 if it is none. What is
 * in another tunnel besides is cut within that, so here it is one datagram.
 */
u32 wg_helper_skb_train_size(const struct sk_buff *skb)
{
	const struct skb_shared_info *shinfo = skb_shinfo(skb);

	return shinfo->gso_type & SKB_GSO_UDP_L4 && !skb->encapsulation ?
		       shinfo->gso_size :
		       0;
}

/* Bytes of a packet, if they are together and to be read where they are. */
const u8 *wg_helper_skb_bytes_in_place(const struct sk_buff *skb,
				       unsigned int offset, unsigned int len)
{
	const struct skb_shared_info *shinfo = skb_shinfo(skb);
	const skb_frag_t *frag = shinfo->frags;
	unsigned int size = skb_headlen(skb);
	const u8 *bytes = skb->data;
	int i;

	for (i = 0; offset >= size && i < shinfo->nr_frags; i++, frag++) {
		offset -= size;
		size = skb_frag_size(frag);
		bytes = skb_frags_readable(skb) &&
				!PageHighMem(skb_frag_page(frag)) ?
				skb_frag_address(frag) :
				NULL;
	}
	return bytes && len <= size && offset <= size - len ? bytes + offset :
							      NULL;
}

bool wg_helper_skb_copy_bytes(const struct sk_buff *skb, unsigned int offset,
			      u8 *to, unsigned int len)
{
	return offset <= INT_MAX && len <= INT_MAX &&
	       !skb_copy_bits(skb, offset, to, len);
}

/*
 * A part of the payload of a train as the packet that it was, with the headers
 * of the train in front, but for the length and the checksum of UDP.
 */
struct sk_buff *wg_helper_train_part(const struct sk_buff *skb,
				     unsigned int offset, unsigned int len)
{
	const int headers = -skb_network_offset(skb);
	struct sk_buff *part;
	int transport;

	if (!skb_transport_header_was_set(skb))
		return NULL;
	transport = headers + skb_transport_offset(skb);
	if (transport < 0 || headers > skb_headroom(skb) || len > U16_MAX ||
	    transport + (int)sizeof(struct udphdr) > headers)
		return NULL;
	part = wg_helper_skb_alloc(NET_SKB_PAD, headers + len);
	if (!part)
		return NULL;
	skb_put_data(part, skb_network_header(skb), headers);
	if (skb_copy_bits(skb, offset, skb_put(part, len), len)) {
		consume_skb(part);
		return NULL;
	}
	skb_reset_network_header(part);
	skb_set_transport_header(part, transport);
	udp_set_len(udp_hdr(part), headers - transport + len);
	skb_pull(part, headers);
	part->protocol = skb->protocol;
	part->skb_iif = skb->skb_iif;
	part->ip_summed = CHECKSUM_UNNECESSARY;
	return part;
}

/*
 * A part of the packet that is in one piece, if it is, and that nobody changes:
 * the tag is checked before the data are read once more to be decrypted, so they
 * must not be in the pages of a file or a process.
 */
static const u8 *in_one_piece(const struct sk_buff *skb, unsigned int offset,
			      unsigned int len)
{
	const struct skb_shared_info *shinfo = skb_shinfo(skb);
	const struct sk_buff *part;
	int i;

	if (offset < skb_headlen(skb))
		return offset + len <= skb_headlen(skb) ? skb->data + offset :
							  NULL;
	if (!skb_frags_readable(skb) || skb_has_shared_frag(skb))
		return NULL;
	offset -= skb_headlen(skb);
	for (i = 0; i < shinfo->nr_frags; i++) {
		const skb_frag_t *frag = shinfo->frags + i;

		if (offset < skb_frag_size(frag)) {
			if (offset + len > skb_frag_size(frag) ||
			    PageHighMem(skb_frag_page(frag)))
				return NULL;
			return skb_frag_address(frag) + offset;
		}
		offset -= skb_frag_size(frag);
	}
	skb_walk_frags(skb, part) {
		if (offset < part->len)
			return offset + len <= skb_headlen(part) ?
				       part->data + offset :
				       NULL;
		offset -= part->len;
	}
	return NULL;
}

/*
 * Decrypts @len bytes and the tag behind them into a new packet.
 * -ENOMEM, or -EBADMSG if they are not authentic.
 */
int wg_helper_train_open_part(const struct sk_buff *skb, unsigned int offset,
			      unsigned int len, u64 nonce, const u8 *key,
			      struct sk_buff **opened)
{
	const unsigned int sealed = len + CHACHA20POLY1305_AUTHTAG_SIZE;
	struct sk_buff *part;
	const u8 *src;
	bool ok;

	if (offset > INT_MAX || len > U16_MAX ||
	    (u64)offset + sealed > skb->len)
		return -EBADMSG;
	part = __netdev_alloc_skb(NULL, sealed, GFP_ATOMIC);
	if (!part)
		return -ENOMEM;
	skb_reset_mac_header(part);
	skb_reset_network_header(part);
	skb_reset_transport_header(part);
	src = in_one_piece(skb, offset, sealed);
	if (!src && !skb_copy_bits(skb, offset, part->data, sealed))
		src = part->data;
	ok = src && chacha20poly1305_decrypt(part->data, src, sealed, NULL, 0,
					     nonce, key);
	if (!ok) {
		consume_skb(part);
		return -EBADMSG;
	}
	skb_put(part, len);
	*opened = part;
	return 0;
}
