// SPDX-License-Identifier: GPL-2.0

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/gso.h>
#include <net/ip6_checksum.h>
#include <net/sock.h>
#include <net/tcp.h>
#include <net/udp.h>

#include "../../src/helpers/train.h"
#include "frag.h"
#include "made.h"

#define HEADROOM 128

/* Payload in which no two places look alike. */
static void fill(u8 *to, u32 at, u32 len)
{
	u32 i;

	for (i = 0; i < len; i++)
		to[i] = (at + i) * 7 + ((at + i) >> 8) * 3;
}

static bool add_list(struct sk_buff *skb, const u8 *data, u32 len)
{
	struct sk_buff **tail = &skb_shinfo(skb)->frag_list;

	while (*tail)
		tail = &(*tail)->next;
	*tail = alloc_skb(len, GFP_KERNEL);
	if (!*tail)
		return false;
	skb_put_data(*tail, data, len);
	skb->len += len;
	skb->data_len += len;
	skb->truesize += (*tail)->truesize;
	return true;
}

static void put_ip(struct sk_buff *skb, const struct wg_made_packet *made,
		   u32 len)
{
	const u8 protocol = made->is_tcp ? IPPROTO_TCP : IPPROTO_UDP;

	skb_reset_network_header(skb);
	if (made->is_v6) {
		struct ipv6hdr *ip = skb_put_zero(skb, sizeof(*ip));
		u8 *more = skb_put_zero(skb, made->extensions);

		ip->version = 6;
		ip->payload_len = htons(len - sizeof(*ip));
		ip->nexthdr = made->extensions ? IPPROTO_DSTOPTS : protocol;
		ip->hop_limit = 63;
		memset(&ip->saddr, 0x21, sizeof(ip->saddr));
		memset(&ip->daddr, 0x23, sizeof(ip->daddr));
		if (made->extensions) {
			more[0] = protocol;
			more[1] = made->extensions / 8 - 1;
			more[2] = 1;
			more[3] = made->extensions - 4;
		}
		skb->protocol = htons(ETH_P_IPV6);
	} else {
		struct iphdr *ip = skb_put_zero(skb, sizeof(*ip));

		memset(skb_put(skb, made->extensions), IPOPT_NOP,
		       made->extensions);
		ip->version = 4;
		ip->ihl = (sizeof(*ip) + made->extensions) / 4;
		ip->tos = 2;
		ip->tot_len = htons(len);
		ip->id = htons(made->id);
		ip->frag_off = htons(IP_DF);
		ip->ttl = 63;
		ip->protocol = protocol;
		ip->saddr = htonl(0x0a000001);
		ip->daddr = htonl(0x0a000002);
		ip_send_check(ip);
		skb->protocol = htons(ETH_P_IP);
	}
}

static __sum16 pseudo(const struct sk_buff *skb,
		      const struct wg_made_packet *made, u32 len)
{
	const u8 protocol = made->is_tcp ? IPPROTO_TCP : IPPROTO_UDP;

	return made->is_v6 ? ~csum_ipv6_magic(&ipv6_hdr(skb)->saddr,
					      &ipv6_hdr(skb)->daddr, len,
					      protocol, 0) :
			     ~csum_tcpudp_magic(ip_hdr(skb)->saddr,
						ip_hdr(skb)->daddr, len,
						protocol, 0);
}

static void put_transport(struct sk_buff *skb, const struct wg_made_packet *made,
			  u32 len)
{
	skb_set_transport_header(skb, skb->len);
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_transport_header(skb) - skb->head;
	if (made->is_tcp) {
		struct tcphdr *tcp = skb_put_zero(skb, sizeof(*tcp));

		memset(skb_put(skb, made->options), TCPOPT_NOP, made->options);
		tcp->source = htons(4711);
		tcp->dest = htons(80);
		tcp->seq = htonl(made->seq);
		tcp->ack_seq = htonl(0x01020304);
		tcp->doff = (sizeof(*tcp) + made->options) / 4;
		tcp_flag_byte(tcp) = made->flags;
		tcp->window = htons(1000);
		tcp->check = pseudo(skb, made, len);
		skb->csum_offset = offsetof(struct tcphdr, check);
	} else {
		struct udphdr *udp = skb_put_zero(skb, sizeof(*udp));

		udp->source = htons(4711);
		udp->dest = htons(53);
		udp->len = htons(len);
		udp->check = pseudo(skb, made, len);
		skb->csum_offset = offsetof(struct udphdr, check);
	}
}

static bool put_payload(struct sk_buff *skb, const struct wg_made_packet *made)
{
	const u32 piece = DIV_ROUND_UP(made->payload, max(made->frags, 1U));
	u8 *data = kvmalloc(made->payload, GFP_KERNEL);
	u32 at, len;
	bool ok = data;

	for (at = 0; ok && at < made->payload; at += len) {
		len = min(made->payload - at, piece);
		fill(data, at, len);
		if (made->frags)
			ok = add_frag(skb, data, len);
		else
			skb_put_data(skb, data, len);
	}
	kvfree(data);
	return ok;
}

static u32 gso_type(const struct wg_made_packet *made)
{
	u32 type = made->is_v6 ? SKB_GSO_TCPV6 : SKB_GSO_TCPV4;

	if (!made->is_tcp)
		type = SKB_GSO_UDP_L4;
	if (made->kind & WG_MADE_ECN)
		type |= SKB_GSO_TCP_ECN;
	if (made->kind & WG_MADE_FIXED_ID)
		type |= SKB_GSO_TCP_FIXEDID;
	if (made->kind & WG_MADE_ACCECN)
		type |= SKB_GSO_TCP_ACCECN;
	return type;
}

struct sk_buff *wg_made_super_packet(const struct wg_made_packet *made)
{
	const u32 ip = (made->is_v6 ? sizeof(struct ipv6hdr) :
				      sizeof(struct iphdr)) + made->extensions;
	const u32 transport = (made->is_tcp ? sizeof(struct tcphdr) :
					      sizeof(struct udphdr)) +
			      made->options;
	const u32 len = transport + made->payload;
	struct sk_buff *skb = alloc_skb(HEADROOM + ip + transport +
					(made->frags ? 0 : made->payload),
					GFP_KERNEL);

	if (!skb)
		return NULL;
	skb_reserve(skb, HEADROOM);
	put_ip(skb, made, ip + len);
	put_transport(skb, made, len);
	if (!put_payload(skb, made)) {
		kfree_skb(skb);
		return NULL;
	}
	skb_shinfo(skb)->gso_size = made->segment;
	skb_shinfo(skb)->gso_segs = DIV_ROUND_UP(made->payload, made->segment);
	skb_shinfo(skb)->gso_type = gso_type(made);
	return skb;
}

/* Makes such a packet of TCP in IPv4 one that must not be cut by its looks. */
bool wg_made_spoil(struct sk_buff *skb, u32 how)
{
	struct skb_shared_info *shinfo = skb_shinfo(skb);

	switch (how) {
	case 0:
		skb->encapsulation = 1;
		return true;
	case 1:
		shinfo->gso_type |= SKB_GSO_DODGY;
		return true;
	case 2:
		return add_list(skb, (const u8 *)"list", 4);
	case 3:
		skb->ip_summed = CHECKSUM_NONE;
		return true;
	case 4:
		skb_set_transport_header(skb, skb_headlen(skb) - 4);
		skb->csum_start = skb_transport_header(skb) - skb->head;
		return true;
	case 5:
		shinfo->gso_type |= SKB_GSO_UDP_TUNNEL;
		return true;
	case 6:
		shinfo->gso_size = skb->len - skb_transport_offset(skb) -
				   tcp_hdrlen(skb);
		return true;
	case 7:
		skb->transport_header = (typeof(skb->transport_header))~0U;
		return true;
	case 8:
		tcp_hdr(skb)->doff = 4;
		return true;
	case 9:
		tcp_hdr(skb)->doff = 15;
		return true;
	case 10:
		shinfo->gso_type |= SKB_GSO_UDP_L4;
		return true;
	case 11:
		skb->csum_start += 2;
		return true;
	case 12:
		__skb_pull(skb, 2);
		return true;
	case 13:
		skb->unreadable = 1;
		return true;
	case 14:
		shinfo->gso_type = SKB_GSO_TCPV6;
		return true;
	case 15:
		shinfo->gso_type |= SKB_GSO_FRAGLIST;
		return true;
	case 16:
		shinfo->gso_size = 0;
		return true;
	case 17:
		skb_set_transport_header(skb, sizeof(struct iphdr) - 4);
		skb->csum_start = skb_transport_header(skb) - skb->head;
		return true;
	}
	return false;
}

/* What the stack makes of a copy: the segments in a row, and their lengths. */
int wg_made_segments(const struct sk_buff *skb, u8 *to, u32 room, u32 *lens,
		     u32 count)
{
	struct sk_buff *copy = skb_copy(skb, GFP_KERNEL);
	struct sk_buff *segs, *seg;
	int n = 0;

	if (!copy)
		return -ENOMEM;
	segs = skb_gso_segment(copy, 0);
	kfree_skb(copy);
	if (IS_ERR_OR_NULL(segs))
		return segs ? PTR_ERR(segs) : -EINVAL;
	for (seg = segs; seg; seg = seg->next, n++) {
		if (n >= count || seg->len > room ||
		    seg->ip_summed == CHECKSUM_PARTIAL ||
		    skb_copy_bits(seg, 0, to, seg->len)) {
			n = -E2BIG;
			break;
		}
		lens[n] = seg->len;
		to += seg->len;
		room -= seg->len;
	}
	kfree_skb_list(segs);
	return n;
}

/* A received train: the headers of IPv4 and UDP are in front of its payload. */
struct sk_buff *wg_made_train(const u8 *payload, u32 len, u32 size,
			      const struct wg_made_shape *shape)
{
	const struct iphdr ip = { .version = 4, .ihl = 5, .tos = 3,
				  .protocol = IPPROTO_UDP, .ttl = 9 };
	const struct udphdr udp = { .source = htons(1), .dest = htons(2),
				    .len = htons(sizeof(udp) + len) };
	const u32 head = min(shape->head, len);
	const u32 pieces = shape->frags + shape->list;
	const u32 piece = DIV_ROUND_UP(len - head, max(pieces, 1U));
	struct sk_buff *skb = alloc_skb(sizeof(ip) + sizeof(udp) + head,
					GFP_KERNEL);
	u32 at = head, i, n;

	if (!skb)
		return NULL;
	skb_reset_network_header(skb);
	skb_put_data(skb, &ip, sizeof(ip));
	skb_set_transport_header(skb, sizeof(ip));
	skb_put_data(skb, &udp, sizeof(udp));
	skb_put_data(skb, payload, head);
	skb_pull(skb, sizeof(ip) + sizeof(udp));
	skb->protocol = htons(ETH_P_IP);
	skb->skb_iif = 7;
	for (i = 0; i < pieces && at < len; i++, at += n) {
		n = min(piece, len - at);
		if (i < shape->frags ? !add_frag(skb, payload + at, n) :
				       !add_list(skb, payload + at, n)) {
			kfree_skb(skb);
			return NULL;
		}
	}
	skb_shinfo(skb)->gso_size = size;
	skb_shinfo(skb)->gso_type = size ? SKB_GSO_UDP_L4 : 0;
	return skb;
}

/* The last bytes in front of the data. */
bool wg_made_before(const struct sk_buff *skb, u8 *to, u32 len)
{
	if (len > skb_headroom(skb))
		return false;
	memcpy(to, skb->data - len, len);
	return true;
}

/* How much room a train really gets for a message; none is 0. */
u32 wg_made_room(u32 len, u32 expected)
{
	struct sk_buff *skb = alloc_skb(0, GFP_KERNEL);
	u32 room = 0;

	if (!skb)
		return 0;
	if (wg_helper_train_grow(skb, len, expected, &room)) {
		const skb_frag_t *frag = skb_shinfo(skb)->frags;

		room = min(room, (u32)(page_size(skb_frag_page(frag)) -
				       skb_frag_off(frag)));
	}
	kfree_skb(skb);
	return room;
}

/* Whether room that no message came to be in is gone in the end. */
bool wg_made_unused_room(void)
{
	struct sk_buff *skb = alloc_skb(0, GFP_KERNEL);
	u32 room;
	bool ok;

	if (!skb)
		return false;
	ok = wg_helper_train_grow(skb, 100, 0, &room) &&
	     wg_helper_train_grow(skb, 200, 0, &room) &&
	     skb_shinfo(skb)->nr_frags == 1;
	wg_helper_train_commit(skb, 200);
	ok = ok && wg_helper_train_grow(skb, 100, 0, &room) &&
	     skb_shinfo(skb)->nr_frags == 2;
	wg_helper_train_finish(skb, 200, 1);
	ok = ok && skb_shinfo(skb)->nr_frags == 1 && skb->len == 200 &&
	     !skb_is_gso(skb);
	kfree_skb(skb);
	return ok;
}

struct socket *wg_made_socket(void)
{
	struct socket *socket;

	return sock_create_kern(&init_net, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
				&socket) ? NULL : socket;
}

void wg_made_socket_free(struct socket *socket)
{
	sock_release(socket);
}

/* What the socket is charged for; one byte is its own. */
u32 wg_made_charged(const struct socket *socket)
{
	return refcount_read(&socket->sk->sk_wmem_alloc);
}

void wg_made_own(struct sk_buff *skb, struct socket *socket)
{
	skb_set_owner_w(skb, socket->sk);
}

static int owners;

/* As in AF_XDP: what the destructor needs is in the packet, and nowhere else. */
static void destruct_by_packet(struct sk_buff *skb)
{
	if (skb_shinfo(skb)->destructor_arg == &owners)
		owners--;
}

void wg_made_own_by_packet(struct sk_buff *skb)
{
	owners++;
	skb_shinfo(skb)->destructor_arg = &owners;
	skb->destructor = destruct_by_packet;
}

int wg_made_owners_left(void)
{
	return owners;
}

/* Another packet with the same data. */
struct sk_buff *wg_made_clone(struct sk_buff *skb)
{
	return skb_clone(skb, GFP_KERNEL);
}

/* How much room is in front of a packet's data. */
u32 wg_made_headroom(const struct sk_buff *skb)
{
	return skb_headroom(skb);
}
