/* SPDX-License-Identifier: GPL-2.0 */
/* Shims for UDP sockets, routes, ICMP. */
#ifndef WG_HELPERS_UDP_TUNNEL_H
#define WG_HELPERS_UDP_TUNNEL_H

#include <linux/in6.h>
#include <net/dst.h>
#include <net/udp_tunnel.h>

struct wg_helper_flow4 {
	__be32 daddr;
	__be32 saddr;		/* in: 0 for any; out: the one to use */
	__be16 dport;
	u32 mark;
	u32 priority;		/* 0 to leave that of packets as it is */
	int source_ifindex;	/* where saddr was learnt, 0 if unknown */
	bool source_cleared;	/* out: saddr or source_ifindex no longer hold */
};

struct wg_helper_flow6 {
	struct in6_addr daddr;
	struct in6_addr saddr;	/* in: :: for any; out: the one to use */
	__be16 dport;
	u32 mark;
	u32 priority;		/* as above */
	int oif;		/* of the destination's scope, 0 if it has none */
	bool source_cleared;	/* out: saddr no longer holds */
};

/* What a socket is to be bound to. */
struct wg_helper_binding {
	u8 addr[16];		/* 0 for any; of IPv4 addresses the rest is 0 */
	int ifindex;		/* of an interface or a VRF, 0 for none */
	u16 port;		/* 0 for any */
	u8 family;
	bool shares;		/* the port, with those that let it be shared */
};

/* Where a datagram came from and by which way; of IPv4 addresses the rest is 0. */
struct wg_helper_origin {
	u8 source[16];
	u8 local[16];
	u32 scope_id;
	int ifindex;
	__be16 port;
	bool is_v6;
};

/* A route, and the source address to use with it, for users under one lock. */
struct wg_helper_route {
	struct dst_entry *dst;	/* referenced; NULL if none is remembered */
	struct in6_addr saddr;	/* or an IPv4 address in the first word */
	u32 cookie;
};

struct sock *wg_helper_udp_encap_open(struct net *net,
				      const struct wg_helper_binding *to,
				      void *user_data,
				      int (*receive)(struct sock *,
						     struct sk_buff *),
				      u16 *local_port);
void wg_helper_udp_encap_let_share(struct sock *sk, bool shares);
void wg_helper_udp_encap_unhash(struct sock *sk);
void wg_helper_udp_encap_close(struct sock *sk);
bool wg_helper_has_interface(struct net *net, int ifindex);
void *wg_helper_udp_encap_enter(struct sock *sk, struct sk_buff *skb);
bool wg_helper_ipv6_mod_enabled(void);

struct dst_entry *wg_helper_udp_route4(struct sock *sk,
				       struct wg_helper_flow4 *flow,
				       struct wg_helper_route *known);
struct dst_entry *wg_helper_udp_route6(struct sock *sk,
				       struct wg_helper_flow6 *flow,
				       struct wg_helper_route *known);
int wg_helper_udp_xmit4(struct sock *sk, struct dst_entry *dst,
			struct sk_buff *skb, struct net_device *dev,
			const struct wg_helper_flow4 *flow, u8 ds);
int wg_helper_udp_xmit6(struct sock *sk, struct dst_entry *dst,
			struct sk_buff *skb, struct net_device *dev,
			const struct wg_helper_flow6 *flow, u8 ds);
void wg_helper_udp_ask4(struct sock *sk, struct dst_entry *dst,
			const struct sk_buff *skb, unsigned int len,
			const struct wg_helper_flow4 *flow, u8 ds);
void wg_helper_udp_set_mark(struct sock *sk, u32 mark);
void wg_helper_dst_hold(struct dst_entry *dst);
u32 wg_helper_dst_mtu(const struct dst_entry *dst);

int wg_helper_udp_datagram_prepare(struct sk_buff *skb,
				   unsigned int min_linear);
int wg_helper_udp_origin(const struct sk_buff *skb,
			 struct wg_helper_origin *origin);

void wg_helper_icmp_unreachable(struct sk_buff *skb, struct net_device *dev);
void wg_helper_icmp_too_big(struct sk_buff *skb, struct net_device *dev,
			    u32 mtu);

#endif
