// SPDX-License-Identifier: GPL-2.0

#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <net/dst_metadata.h>
#include <net/gso.h>
#include <net/inet_ecn.h>
#include <net/ip_tunnels.h>
#include <net/ipv6.h>
#include <net/route.h>
#include <net/sock.h>

#include "skbuff.h"

struct sk_buff *wg_helper_skb_alloc(unsigned int headroom, unsigned int size)
{
	struct sk_buff *skb;

	if (headroom > U16_MAX || size > U16_MAX)
		return NULL;
	skb = alloc_skb(headroom + size, GFP_ATOMIC);
	if (skb) {
		skb_reserve(skb, headroom);
		skb_reset_network_header(skb);
		skb_reset_inner_headers(skb);
	}
	return skb;
}

void wg_helper_skb_free(struct sk_buff *skb)
{
	kfree_skb(skb);
}

void wg_helper_skb_consume(struct sk_buff *skb)
{
	consume_skb(skb);
}

/* The other side reads it as that. */
static_assert(sizeof_field(struct sk_buff, network_header) == sizeof(u16));

bool wg_helper_skb_may_pull(struct sk_buff *skb, unsigned int len)
{
	return pskb_may_pull(skb, len);
}

int wg_helper_skb_trim_to(struct sk_buff *skb, unsigned int len)
{
	return pskb_trim(skb, len);
}

void *wg_helper_skb_put_checked(struct sk_buff *skb, unsigned int len)
{
	if (skb_is_nonlinear(skb) || skb_cloned(skb) || skb_tailroom(skb) < len)
		return NULL;
	return skb_put(skb, len);
}

bool wg_helper_skb_push_checked(struct sk_buff *skb, unsigned int len)
{
	if (skb_header_cloned(skb) || skb_headroom(skb) < len)
		return false;
	skb_push(skb, len);
	return true;
}

/*
 * The first @len bytes of the packet, in the linear part and nobody else's; NULL
 * if there are not so many, or no memory.
 */
u8 *wg_helper_skb_writable(struct sk_buff *skb, unsigned int len)
{
	return pskb_may_pull(skb, len) && !skb_unclone(skb, GFP_ATOMIC) ?
		       skb->data :
		       NULL;
}

bool wg_helper_skb_is_gso(const struct sk_buff *skb)
{
	return skb_is_gso(skb);
}

/* Takes off the length of a list of fragments that is gone. */
static void forget_frag_list(struct sk_buff *skb)
{
	const struct skb_shared_info *shinfo = skb_shinfo(skb);
	const unsigned int headlen = skb_headlen(skb);
	int i;

	/* As skb_pagelen(), which has the index checked. */
	skb->data_len = 0;
	for (i = 0; i < shinfo->nr_frags; i++)
		skb->data_len += skb_frag_size(shinfo->frags + i);
	skb->len = headlen + skb->data_len;
}

/*
 * Some kinds of segmentation ask @dev what it can; the segments do not keep it.
 * On an error the packet is whole but for its list, which skb_segment_list()
 * gives up by then, and goes on counting.
 */
struct sk_buff *wg_helper_skb_gso_segment(struct sk_buff *skb,
					  struct net_device *dev,
					  netdev_features_t features)
{
	const bool had_list = skb_has_frag_list(skb);
	struct sk_buff *segs, *seg;

	skb->dev = dev;
	segs = skb_gso_segment(skb, features);
	skb->dev = NULL;
	if (IS_ERR(segs) && had_list && !skb_has_frag_list(skb))
		forget_frag_list(skb);
	for (seg = IS_ERR(segs) ? NULL : segs; seg; seg = seg->next)
		seg->dev = NULL;
	return segs;
}

/* Takes over a packet, a clone of it if others have it as well. */
struct sk_buff *wg_helper_skb_take_over(struct sk_buff *skb)
{
	skb = skb_share_check(skb, GFP_ATOMIC);
	/* It isn't referenced: it must not go with the packet elsewhere. */
	if (skb)
		skb->dev = NULL;
	return skb;
}

/* 0 if there is no route to ask. */
u32 wg_helper_skb_route_mtu(const struct sk_buff *skb)
{
	return skb_valid_dst(skb) ? dst_mtu(skb_dst(skb)) : 0;
}

/*
 * Notes for the route of a packet on its way out by @dev, if that is up, how long
 * packets by it may be.
 */
void wg_helper_skb_update_route_mtu(struct sk_buff *skb, struct net_device *dev,
				    u32 mtu)
{
	if (!netif_running(dev) || !skb_valid_dst(skb))
		return;
	skb->dev = dev;
	skb_dst_update_pmtu_no_confirm(skb, mtu);
	skb->dev = NULL;
}

/*
 * Whether the packet is of a socket that gets to know what its route takes, and goes
 * by that: one of this namespace, and not of those that ask for the interface's MTU
 * alone, have no route (packet sockets, redirected packets), or send to many.
 */
bool wg_helper_skb_heeds_route_mtu(const struct sk_buff *skb,
				   const struct net_device *dev)
{
	struct sock *sk = skb->sk;

	if (!sk || sk->sk_state == TCP_TIME_WAIT ||
	    sk->sk_state == TCP_NEW_SYN_RECV || !netif_running(dev) ||
	    !net_eq(sock_net(sk), dev_net(dev)) || !skb_valid_dst(skb))
		return false;
	if (sk->sk_family != AF_INET && sk->sk_family != AF_INET6)
		return false;
	if (skb->protocol == htons(ETH_P_IP)) {
		u8 pmtudisc = READ_ONCE(inet_sk(sk)->pmtudisc);

		return pmtudisc != IP_PMTUDISC_INTERFACE &&
		       pmtudisc != IP_PMTUDISC_OMIT &&
		       !(skb_rtable(skb)->rt_flags &
			 (RTCF_MULTICAST | RTCF_BROADCAST));
	}
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6 && inet_sk(sk)->pinet6) {
		u8 pmtudisc = READ_ONCE(inet_sk(sk)->pinet6->pmtudisc);

		return pmtudisc != IPV6_PMTUDISC_INTERFACE &&
		       pmtudisc != IPV6_PMTUDISC_OMIT &&
		       !ipv6_addr_is_multicast(&ipv6_hdr(skb)->daddr);
	}
#endif
	return false;
}

/*
 * Whether the packet, or each of those that it stands for, is no longer than @mtu;
 * also if there is no telling.
 */
bool wg_helper_skb_fits(const struct sk_buff *skb, u32 mtu)
{
	int offset;

	if (!skb_is_gso(skb))
		return skb->len <= mtu;
	if (!skb_transport_header_was_set(skb))
		return true;
	offset = skb->encapsulation ? skb_inner_transport_offset(skb) :
				      skb_transport_offset(skb);
	if (skb_is_gso_tcp(skb))
		offset += sizeof(struct tcphdr);
	return offset < 0 || offset > skb_headlen(skb) ||
	       skb_gso_validate_network_len(skb, mtu);
}

void wg_helper_skb_orphan(struct sk_buff *skb)
{
	if (skb->destructor)
		skb_orphan(skb);
	/* skb_orphan() alone makes a socket that nobody holds a BUG(). */
	skb->sk = NULL;
}

/*
 * The protocol that the packet is labelled as, if its network header speaks that,
 * or 0. The header's fixed part is in the linear part then.
 */
static __always_inline u16 ip_protocol(const struct sk_buff *skb)
{
	const __be16 protocol = ip_tunnel_parse_protocol(skb);

	return protocol == skb->protocol ? ntohs(protocol) : 0;
}

u16 wg_helper_skb_ip_protocol(const struct sk_buff *skb)
{
	return ip_protocol(skb);
}

/*
 * Takes a packet off its route, and returns the outer DS byte for it, if nothing
 * but ECN goes outside; 0 if it isn't IP.
 */
u8 wg_helper_skb_leave_route(struct sk_buff *skb)
{
	skb_dst_drop(skb);
	return ip_protocol(skb) ?
		       ip_tunnel_ecn_encap(0, ip_hdr(skb), skb) :
		       0;
}

u8 wg_helper_skb_ds(const struct sk_buff *skb)
{
	return ip_protocol(skb) ? ip_tunnel_get_dsfield(ip_hdr(skb), skb) : 0;
}

void wg_helper_skb_ecn_decap(struct sk_buff *skb, u8 outer)
{
	/* The header may be changed. */
	if (!ip_protocol(skb) || skb_unclone(skb, GFP_ATOMIC))
		return;
	if (skb->protocol == htons(ETH_P_IP))
		INET_ECN_decapsulate(skb, outer, ip_hdr(skb)->tos);
	else if (skb->protocol == htons(ETH_P_IPV6))
		INET_ECN_decapsulate(skb, outer,
				     ipv6_get_dsfield(ipv6_hdr(skb)));
}

/*
 * Hashes the flow that a packet on its way out by @dev belongs to, for good.
 * A device that has gone away may have left its namespace behind.
 */
void wg_helper_skb_hash_flow(struct sk_buff *skb, const struct net_device *dev)
{
	rcu_read_lock();
	if (netif_running(dev))
		skb_get_hash_net(dev_net_rcu(dev), skb);
	rcu_read_unlock();
}

/*
 * The hash of the packet's flow, and when it is to leave, by the clock of its
 * choice; 0 if at once.
 */
u32 wg_helper_skb_flow(const struct sk_buff *skb, u64 *time)
{
	*time = skb->tstamp_type ? skb->tstamp : 0;
	if (*time && skb->tstamp_type == SKB_CLOCK_MONOTONIC &&
	    *time <= ktime_get_ns())
		*time = 0;
	return skb->hash;
}

/*
 * Makes the packet writable, with at least @headroom bytes in front, and
 * appends @padding and @tail zero bytes.
 */
bool wg_helper_skb_extend(struct sk_buff *skb, unsigned int headroom,
			  unsigned int padding, unsigned int tail)
{
	struct sk_buff *trailer;
	int nsegs;

	if (headroom > U16_MAX || padding > U16_MAX || tail > U16_MAX)
		return false;
	if (skb_cow_head(skb, headroom) < 0)
		return false;
	if (skb->ip_summed == CHECKSUM_PARTIAL && skb_checksum_help(skb))
		return false;
	if (!skb_is_nonlinear(skb) && !skb_cloned(skb) &&
	    skb_tailroom(skb) >= padding + tail) {
		trailer = skb;
	} else {
		nsegs = skb_cow_data(skb, padding + tail, &trailer);
		if (nsegs < 0)
			return false;
	}
	memset(skb_tail_pointer(trailer), 0, padding + tail);
	pskb_put(skb, trailer, padding + tail);
	skb_set_inner_network_header(skb, 0);
	return true;
}

/*
 * Forgets what the packet was before, as on crossing a namespace, and all that
 * is known of its headers. If @keep_flow, the flow's hash stays.
 */
void wg_helper_skb_reset(struct sk_buff *skb, bool keep_flow)
{
	const struct {
		u32 hash;
		u8 l4_hash, sw_hash, tstamp_type;
	} flow = {
		skb->hash, skb->l4_hash, skb->sw_hash, skb->tstamp_type
	};
	const bool unreadable = skb->unreadable;

	skb_scrub_packet(skb, true);
	/* Also the priority, the security mark, VLAN, tc and redirect state. */
	memset(&skb->headers, 0, sizeof(skb->headers));
	if (keep_flow) {
		skb->hash = flow.hash;
		skb->l4_hash = flow.l4_hash;
		skb->sw_hash = flow.sw_hash;
		skb->tstamp_type = flow.tstamp_type;
	}
	/* Whatever it stood for as it came: it is one packet now. */
	if (skb_is_gso(skb))
		skb_gso_reset(skb);
	/* That is about the memory that the packet is in, whatever it was. */
	skb->unreadable = unreadable;

	skb->dev = NULL;
	skb->queue_mapping = 0;
	skb->nohdr = 0;
	skb->peeked = 0;
	skb->mac_len = 0;
	skb->hdr_len = skb_headroom(skb);
	skb_reset_mac_header(skb);
	skb_reset_network_header(skb);
	skb_reset_transport_header(skb);
	skb_reset_inner_headers(skb);
}

/* Presents the packet as received, its checksums verified. */
void wg_helper_skb_receive_as(struct sk_buff *skb, u16 protocol)
{
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb->csum_level = ~0;
	skb->protocol = htons(protocol);
}
