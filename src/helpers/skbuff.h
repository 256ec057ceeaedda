/* SPDX-License-Identifier: GPL-2.0 */
/* Shims for packets. */
#ifndef WG_HELPERS_SKBUFF_H
#define WG_HELPERS_SKBUFF_H

#include <linux/skbuff.h>

/* A u16: how far from its head the packet's network header is. */
static const size_t WG_CONST_SKB_NETWORK_HEADER =
	offsetof(struct sk_buff, network_header);

struct sk_buff *wg_helper_skb_alloc(unsigned int headroom, unsigned int size);
void wg_helper_skb_free(struct sk_buff *skb);
void wg_helper_skb_consume(struct sk_buff *skb);

bool wg_helper_skb_may_pull(struct sk_buff *skb, unsigned int len);
int wg_helper_skb_trim_to(struct sk_buff *skb, unsigned int len);
void *wg_helper_skb_put_checked(struct sk_buff *skb, unsigned int len);
bool wg_helper_skb_push_checked(struct sk_buff *skb, unsigned int len);
u8 *wg_helper_skb_writable(struct sk_buff *skb, unsigned int len);

bool wg_helper_skb_is_gso(const struct sk_buff *skb);
struct sk_buff *wg_helper_skb_gso_segment(struct sk_buff *skb,
					  struct net_device *dev,
					  netdev_features_t features);
struct sk_buff *wg_helper_skb_take_over(struct sk_buff *skb);
u32 wg_helper_skb_route_mtu(const struct sk_buff *skb);
void wg_helper_skb_update_route_mtu(struct sk_buff *skb, struct net_device *dev,
				    u32 mtu);
bool wg_helper_skb_heeds_route_mtu(const struct sk_buff *skb,
				   const struct net_device *dev);
bool wg_helper_skb_fits(const struct sk_buff *skb, u32 mtu);
void wg_helper_skb_orphan(struct sk_buff *skb);
u16 wg_helper_skb_ip_protocol(const struct sk_buff *skb);
u8 wg_helper_skb_leave_route(struct sk_buff *skb);
u8 wg_helper_skb_ds(const struct sk_buff *skb);
void wg_helper_skb_ecn_decap(struct sk_buff *skb, u8 outer);

void wg_helper_skb_hash_flow(struct sk_buff *skb, const struct net_device *dev);
u32 wg_helper_skb_flow(const struct sk_buff *skb, u64 *time);
bool wg_helper_skb_extend(struct sk_buff *skb, unsigned int headroom,
			  unsigned int padding, unsigned int tail);
void wg_helper_skb_reset(struct sk_buff *skb, bool keep_flow);
void wg_helper_skb_receive_as(struct sk_buff *skb, u16 protocol);

#endif
