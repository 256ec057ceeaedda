// SPDX-License-Identifier: GPL-2.0

#include <linux/icmpv6.h>
#include <linux/inetdevice.h>
#include <linux/ipv6.h>
#include <net/addrconf.h>
#include <net/dsfield.h>
#include <net/icmp.h>
#include <net/ip6_route.h>
#include <net/ip_tunnels.h>
#include <net/ipv6.h>
#include <net/l3mdev.h>
#include <net/route.h>
#include <net/sock.h>
#include <net/udp.h>

#include "train.h"
#include "udp_tunnel.h"

bool wg_helper_has_interface(struct net *net, int ifindex)
{
	bool found;

	rcu_read_lock();
	found = dev_get_by_index_rcu(net, ifindex);
	rcu_read_unlock();
	return found;
}

static int bind4(struct socket *sock, const struct wg_helper_binding *to)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(to->port),
	};
	int err;

	memcpy(&addr.sin_addr, to->addr, sizeof(addr.sin_addr));
	err = kernel_bind(sock, (struct sockaddr_unsized *)&addr, sizeof(addr));
	/* What is a broadcast address of some network is bound to all the same. */
	if (!err && addr.sin_addr.s_addr && !inet_sk(sock->sk)->inet_saddr)
		err = -EINVAL;
	return err;
}

static int bind6(struct socket *sock, const struct wg_helper_binding *to)
{
	struct sockaddr_in6 addr = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(to->port),
	};

	memcpy(&addr.sin6_addr, to->addr, sizeof(addr.sin6_addr));
	return kernel_bind(sock, (struct sockaddr_unsized *)&addr, sizeof(addr));
}

/*
 * As udp_sock_create(), with checksums in both directions; but a port can be
 * shared with sockets that let it be.
 */
static struct socket *bound_socket(struct net *net,
				   const struct wg_helper_binding *to)
{
	bool is_v6 = to->family == AF_INET6;
	struct socket *sock;
	int err;

	err = sock_create_kern(net, to->family, SOCK_DGRAM, 0, &sock);
	if (err < 0)
		return ERR_PTR(err);
	if (is_v6) {
		err = ip6_sock_set_v6only(sock->sk);
		if (err < 0)
			goto error;
	}
	if (to->ifindex) {
		err = -ENODEV;
		if (!wg_helper_has_interface(net, to->ifindex))
			goto error;
		err = sock_bindtoindex(sock->sk, to->ifindex, true);
		if (err < 0)
			goto error;
	}
	wg_helper_udp_encap_let_share(sock->sk, to->shares);
	err = is_v6 ? bind6(sock, to) : bind4(sock, to);
	wg_helper_udp_encap_let_share(sock->sk, false);
	if (err < 0)
		goto error;
	return sock;

error:
	kernel_sock_shutdown(sock, SHUT_RDWR);
	sock_release(sock);
	return ERR_PTR(err);
}

/* A kernel socket that is bound so, with receive as hook. */
struct sock *wg_helper_udp_encap_open(struct net *net,
				      const struct wg_helper_binding *to,
				      void *user_data,
				      int (*receive)(struct sock *,
						     struct sk_buff *),
				      u16 *local_port)
{
	struct udp_tunnel_sock_cfg sock_cfg = {
		.sk_user_data = user_data,
		.encap_type = 1,
		.encap_rcv = receive,
	};
	struct socket *sock = bound_socket(net, to);

	if (IS_ERR(sock))
		return ERR_CAST(sock);

	/*
	 * Packets are sent from atomic context, have been accounted before they
	 * got here, and may be what it takes to free memory.
	 */
	sock->sk->sk_allocation = GFP_ATOMIC;
	sock->sk->sk_sndbuf = INT_MAX;
	sk_set_memalloc(sock->sk);

	setup_udp_tunnel_sock(net, sock->sk, &sock_cfg);
	/*
	 * That asks for CHECKSUM_COMPLETE, for the sake of checksums inside of
	 * the tunnel. Nobody looks at those here, and when a train of datagrams
	 * is cut it costs a sum over each of them.
	 */
	inet_dec_convert_csum(sock->sk);
	/* Datagrams of one flow may come in one packet, merged or never cut. */
	udp_set_bit(GRO_ENABLED, sock->sk);
	udp_allow_gso(sock->sk);
	wg_helper_trains_accept(net, receive);
	*local_port = ntohs(inet_sk(sock->sk)->inet_sport);
	return sock->sk;
}

/* Whether others may bind to what the socket is bound to, if they let it as well. */
void wg_helper_udp_encap_let_share(struct sock *sk, bool shares)
{
	sk->sk_reuse = shares ? SK_CAN_REUSE : SK_NO_REUSE;
}

/*
 * Nothing is received any more but what is on its way to the hook, for a grace
 * period: what arrives goes to whoever else is bound there. It can still send.
 */
void wg_helper_udp_encap_unhash(struct sock *sk)
{
	sk->sk_prot->unhash(sk);
}

void wg_helper_udp_encap_close(struct sock *sk)
{
	sk_clear_memalloc(sk);
	udp_tunnel_sock_release(sk);
}

/* What a receive hook does first: it owns the packet, but not its neighbours. */
void *wg_helper_udp_encap_enter(struct sock *sk, struct sk_buff *skb)
{
	skb_mark_not_on_list(skb);
	/* Neither is referenced: they must not go with the packet elsewhere. */
	skb_dst_drop(skb);
	skb->dev = NULL;
	return rcu_dereference_sk_user_data(sk);
}

bool wg_helper_ipv6_mod_enabled(void)
{
	return IS_ENABLED(CONFIG_IPV6) && ipv6_mod_enabled();
}

/* Lets go of a remembered route. */
static void route_forget(struct wg_helper_route *route)
{
	struct dst_entry *dst = route->dst;

	route->dst = NULL;
	dst_release(dst);
}

/* The remembered route and a reference to it, unless it no longer holds. */
static struct dst_entry *route_get(struct wg_helper_route *route)
{
	struct dst_entry *dst = route->dst;

	if (!dst)
		return NULL;
	if (!dst_check(dst, route->cookie)) {
		route_forget(route);
		return NULL;
	}
	dst_hold(dst);
	return dst;
}

/* Remembers a route, of which the caller keeps its own reference. */
static void route_set(struct wg_helper_route *route, struct dst_entry *dst,
		      u32 cookie)
{
	route_forget(route);
	dst_hold(dst);
	route->dst = dst;
	route->cookie = cookie;
}

static struct rtable *lookup4(struct sock *sk, struct wg_helper_flow4 *flow)
{
	struct flowi4 fl = {
		.saddr = flow->saddr,
		.daddr = flow->daddr,
		.fl4_sport = inet_sk(sk)->inet_sport,
		.fl4_dport = flow->dport,
		.flowi4_oif = sk->sk_bound_dev_if,
		.flowi4_mark = flow->mark,
		.flowi4_proto = IPPROTO_UDP,
	};
	struct rtable *rt;

	security_sk_classify_flow(sk, flowi4_to_flowi_common(&fl));
	rt = ip_route_output_flow(sock_net(sk), &fl, sk);
	if (!IS_ERR(rt))
		flow->saddr = fl.saddr;
	return rt;
}

/* The source is the address that the socket is bound to, or any. */
static void clear_source4(struct sock *sk, struct wg_helper_flow4 *flow,
			  struct wg_helper_route *known)
{
	flow->saddr = inet_sk(sk)->inet_saddr;
	flow->source_ifindex = 0;
	flow->source_cleared = true;
	if (known)
		route_forget(known);
}

/*
 * Whether a route contradicts the interface that its source was learnt on. What
 * comes by a VRF has come by the VRF, while it leaves by an interface of it.
 */
static bool leaves_elsewhere(const struct sock *sk, const struct rtable *rt,
			     int ifindex)
{
	struct net_device *dev;

	if (!ifindex)
		return false;
	if (IS_ERR(rt))
		return PTR_ERR(rt) == -EINVAL;
	/* A device that goes is exchanged, while others have the route. */
	dev = dst_dev(&rt->dst);
	if (READ_ONCE(dev->ifindex) == ifindex)
		return false;
	return !sk->sk_bound_dev_if || l3mdev_master_ifindex(dev) != ifindex;
}

/* Whether a source may be used that was learnt. */
static bool is_source4(struct sock *sk, __be32 saddr)
{
	if (inet_sk(sk)->inet_saddr)
		return saddr == inet_sk(sk)->inet_saddr;
	return !saddr || inet_confirm_addr(sock_net(sk), NULL, 0, saddr,
					   RT_SCOPE_HOST);
}

struct dst_entry *wg_helper_udp_route4(struct sock *sk,
				       struct wg_helper_flow4 *flow,
				       struct wg_helper_route *known)
{
	struct dst_entry *dst = known ? route_get(known) : NULL;
	struct rtable *rt;

	if (dst) {
		flow->saddr = known->saddr.s6_addr32[0];
		return dst;
	}

	if (!is_source4(sk, flow->saddr))
		clear_source4(sk, flow, known);
	rt = lookup4(sk, flow);
	if (leaves_elsewhere(sk, rt, flow->source_ifindex)) {
		if (!IS_ERR(rt))
			ip_rt_put(rt);
		clear_source4(sk, flow, known);
		rt = lookup4(sk, flow);
	}
	if (IS_ERR(rt))
		return ERR_CAST(rt);
	if (known) {
		route_set(known, &rt->dst, 0);
		known->saddr.s6_addr32[0] = flow->saddr;
	}
	return &rt->dst;
}

#if IS_ENABLED(CONFIG_IPV6)
/*
 * The interface to leave by: what the socket is bound to, or the scope of the
 * destination, which may be an interface of the VRF that the socket is bound to.
 */
static int oif6(struct sock *sk, int scope)
{
	int bound = sk->sk_bound_dev_if;

	if (!bound || (scope && l3mdev_master_ifindex_by_index(sock_net(sk),
							       scope) == bound))
		return scope;
	return bound;
}

/* Whether an address is ours, as seen from the VRF that the socket is bound to. */
static bool is_ours6(struct sock *sk, const struct in6_addr *addr)
{
	const struct net_device *dev = NULL;
	bool is_ours;

	rcu_read_lock();
	if (sk->sk_bound_dev_if)
		dev = dev_get_by_index_rcu(sock_net(sk), sk->sk_bound_dev_if);
	is_ours = ipv6_chk_addr(sock_net(sk), addr, dev, 0);
	rcu_read_unlock();
	return is_ours;
}

static bool is_source6(struct sock *sk, const struct in6_addr *saddr)
{
	if (!ipv6_addr_any(&sk->sk_v6_rcv_saddr))
		return ipv6_addr_equal(saddr, &sk->sk_v6_rcv_saddr);
	return ipv6_addr_any(saddr) || is_ours6(sk, saddr);
}

/* Of IPv4, routing says so. */
static bool has_lost_address6(struct sock *sk)
{
	return !ipv6_addr_any(&sk->sk_v6_rcv_saddr) &&
	       !ipv6_can_nonlocal_bind(sock_net(sk), inet_sk(sk)) &&
	       !is_ours6(sk, &sk->sk_v6_rcv_saddr);
}
#endif

struct dst_entry *wg_helper_udp_route6(struct sock *sk,
				       struct wg_helper_flow6 *flow,
				       struct wg_helper_route *known)
{
#if IS_ENABLED(CONFIG_IPV6)
	struct flowi6 fl = {
		.daddr = flow->daddr,
		.fl6_sport = inet_sk(sk)->inet_sport,
		.fl6_dport = flow->dport,
		.flowi6_mark = flow->mark,
		.flowi6_proto = IPPROTO_UDP,
	};
	struct dst_entry *dst = known ? route_get(known) : NULL;

	if (dst) {
		flow->saddr = known->saddr;
		return dst;
	}

	if (!is_source6(sk, &flow->saddr)) {
		flow->saddr = sk->sk_v6_rcv_saddr;
		flow->source_cleared = true;
		if (known)
			route_forget(known);
	}
	if (has_lost_address6(sk))
		return ERR_PTR(-EADDRNOTAVAIL);
	fl.saddr = flow->saddr;
	fl.flowi6_oif = oif6(sk, flow->oif);
	security_sk_classify_flow(sk, flowi6_to_flowi_common(&fl));
	dst = ip6_dst_lookup_flow(sock_net(sk), sk, &fl, NULL);
	if (IS_ERR(dst))
		return dst;
	flow->saddr = fl.saddr;
	if (known) {
		route_set(known, dst, rt6_get_cookie(dst_rt6_info(dst)));
		known->saddr = flow->saddr;
	}
	return dst;
#else
	return ERR_PTR(-EAFNOSUPPORT);
#endif
}

/*
 * Makes the packet a UDP payload that udp_tunnel_xmit_skb() can take: with room
 * for the headers, nothing left of what was carried before it was a payload,
 * and, if it is a train of datagrams, the checksum fields that segmentation
 * will look at and udp_set_csum() leaves alone.
 */
static int prepare_payload(struct sk_buff *skb, struct net_device *dev,
			   u32 mark, u32 priority, bool is_v6)
{
	const unsigned int headers = sizeof(struct udphdr) +
				     (is_v6 ? sizeof(struct ipv6hdr) :
					      sizeof(struct iphdr));
	/* Both have a length of 16 bits; that of IPv6 is without its header. */
	const unsigned int max = is_v6 ? IPV6_MAXPLEN - sizeof(struct udphdr) :
					 IP_MAX_MTU - headers;
	int err;

	/* The statistics of a device go away some time after it went down. */
	if (!netif_running(dev))
		return -ENETDOWN;
	if (skb_is_gso(skb)) {
		if (skb_shinfo(skb)->gso_type != SKB_GSO_UDP_L4)
			return -EINVAL;
	} else if (skb->len > max) {
		return -EMSGSIZE;
	}
	err = skb_cow_head(skb, headers);
	if (err)
		return err;

	skb->ip_summed = CHECKSUM_NONE;
	if (skb_is_gso(skb)) {
		skb->ip_summed = CHECKSUM_PARTIAL;
		skb->csum_start = skb_headroom(skb) - sizeof(struct udphdr);
		skb->csum_offset = offsetof(struct udphdr, check);
	}
	skb_dst_drop(skb);
	skb_mark_not_on_list(skb);
	skb_reset_inner_network_header(skb);
	skb->dev = dev;
	skb->mark = mark;
	if (priority)
		skb->priority = priority;
	skb->ignore_df = 1;
	return 0;
}

/*
 * What becomes of a packet is only to be seen in the statistics of the device:
 * the packets that this CPU has sent. Nobody else counts here meanwhile, but for
 * what sending it makes others send, or preempts it on a real-time kernel: then a
 * refusal may be taken for a success.
 */
static u64 sent_here(const struct net_device *dev)
{
	return u64_stats_read(&this_cpu_ptr(dev->tstats)->tx_packets);
}

/* Counts datagrams as the tunnel code does those that IP has refused. */
static void count_refused(struct net_device *dev, unsigned int datagrams,
			  bool is_v6)
{
	if (is_v6) {
		DEV_STATS_ADD(dev, tx_errors, datagrams);
		DEV_STATS_ADD(dev, tx_aborted_errors, datagrams);
	} else {
		DEV_STATS_ADD(dev, tx_dropped, datagrams);
	}
}

/*
 * The tunnel code counts a train of datagrams as one packet: counts the others
 * as it has counted that one.
 */
static void count_others(struct net_device *dev, unsigned int others,
			 bool was_sent, bool is_v6)
{
	if (was_sent)
		dev_sw_netstats_tx_add(dev, others, 0);
	else
		count_refused(dev, others, is_v6);
}

/* The datagrams that a packet stands for, besides one. */
static unsigned int others_in(const struct sk_buff *skb)
{
	return max_t(unsigned int, skb_shinfo(skb)->gso_segs, 1) - 1;
}

/* Counts a packet that IP is not even asked to send, and leaves it to the caller. */
static void refuse(struct dst_entry *dst, const struct sk_buff *skb,
		   struct net_device *dev, int err, bool is_v6)
{
	if (err == -EMSGSIZE || err == -ENOMEM)
		count_refused(dev, others_in(skb) + 1, is_v6);
	dst_release(dst);
}

int wg_helper_udp_xmit4(struct sock *sk, struct dst_entry *dst,
			struct sk_buff *skb, struct net_device *dev,
			const struct wg_helper_flow4 *flow, u8 ds)
{
	int err = prepare_payload(skb, dev, flow->mark, flow->priority, false);
	unsigned int others;
	u64 sent;

	if (unlikely(err)) {
		refuse(dst, skb, dev, err, false);
		return err;
	}
	others = others_in(skb);
	sent = others ? sent_here(dev) : 0;
	udp_tunnel_xmit_skb(dst_rtable(dst), sk, skb, flow->saddr, flow->daddr,
			    ds, ip4_dst_hoplimit(dst), 0,
			    inet_sk(sk)->inet_sport, flow->dport, false, false,
			    0);
	if (others)
		count_others(dev, others, sent_here(dev) != sent, false);
	return 0;
}

int wg_helper_udp_xmit6(struct sock *sk, struct dst_entry *dst,
			struct sk_buff *skb, struct net_device *dev,
			const struct wg_helper_flow6 *flow, u8 ds)
{
#if IS_ENABLED(CONFIG_IPV6)
	int err = prepare_payload(skb, dev, flow->mark, flow->priority, true);
	unsigned int others;
	u64 sent;
#else
	int err = -EAFNOSUPPORT;
#endif

	if (unlikely(err)) {
		refuse(dst, skb, dev, err, true);
		return err;
	}
#if IS_ENABLED(CONFIG_IPV6)
	others = others_in(skb);
	sent = others ? sent_here(dev) : 0;
	udp_tunnel6_xmit_skb(dst, sk, skb, dev, &flow->saddr, &flow->daddr, ds,
			     ip6_dst_hoplimit(dst), 0, inet_sk(sk)->inet_sport,
			     flow->dport, false, 0);
	if (others)
		count_others(dev, others, sent_here(dev) != sent, true);
#endif
	return 0;
}

/*
 * Sends a copy of the first @len bytes of a packet that no router may cut: one
 * that would have to says so, and the table of routes learns it. What becomes of
 * the copy is counted nowhere.
 */
void wg_helper_udp_ask4(struct sock *sk, struct dst_entry *dst,
			const struct sk_buff *skb, unsigned int len,
			const struct wg_helper_flow4 *flow, u8 ds)
{
	const unsigned int headroom = MAX_HEADER + sizeof(struct iphdr) +
				      sizeof(struct udphdr);
	struct sk_buff *copy;

	/* By users: then they know. */
	if (len > skb->len || ip_mtu_locked(dst))
		return;
	copy = alloc_skb(headroom + len, GFP_ATOMIC | __GFP_NOWARN);
	if (!copy)
		return;
	skb_reserve(copy, headroom);
	if (skb_copy_bits(skb, 0, skb_put(copy, len), len)) {
		consume_skb(copy);
		return;
	}
	skb_reset_inner_network_header(copy);
	copy->mark = flow->mark;
	copy->priority = flow->priority;
	dst_hold(dst);
	udp_tunnel_xmit_skb(dst_rtable(dst), sk, copy, flow->saddr, flow->daddr,
			    ds, ip4_dst_hoplimit(dst), htons(IP_DF),
			    inet_sk(sk)->inet_sport, flow->dport, false, false,
			    0);
}

/*
 * The mark that the socket's packets have anyway: by that, what routers say of
 * them is noted for the route that they take.
 */
void wg_helper_udp_set_mark(struct sock *sk, u32 mark)
{
	WRITE_ONCE(sk->sk_mark, mark);
}

void wg_helper_dst_hold(struct dst_entry *dst)
{
	dst_hold(dst);
}

u32 wg_helper_dst_mtu(const struct dst_entry *dst)
{
	return dst_mtu(dst);
}

/* Whether the IP header is what the packet claims, and a UDP header follows. */
static bool has_udp_headers(const struct sk_buff *skb)
{
	__be16 protocol = ip_tunnel_parse_protocol(skb);

	return protocol && protocol == skb->protocol &&
	       skb_transport_header_was_set(skb) &&
	       skb_transport_header(skb) + sizeof(struct udphdr) <=
		       skb_tail_pointer(skb);
}

int wg_helper_udp_datagram_prepare(struct sk_buff *skb, unsigned int min_linear)
{
	unsigned int payload, len;
	int offset;

	if (unlikely(!has_udp_headers(skb)))
		return -EINVAL;
	offset = skb_transport_offset(skb);
	if (unlikely(offset < 0 || offset + sizeof(struct udphdr) > skb->len))
		return -EINVAL;
	payload = offset + sizeof(struct udphdr);

	len = ntohs(udp_hdr(skb)->len);
	if (unlikely(len < sizeof(struct udphdr) || len > skb->len - offset))
		return -EINVAL;
	if (unlikely(len - sizeof(struct udphdr) < min_linear))
		return -EMSGSIZE;
	if (unlikely(!pskb_may_pull(skb, payload + min_linear) ||
		     pskb_trim(skb, offset + len)))
		return -ENOMEM;
	return pskb_pull(skb, payload) ? 0 : -ENOMEM;
}

/*
 * Fills in what is all 0 so far, and returns the DS field; negative if the packet
 * isn't a datagram.
 */
int wg_helper_udp_origin(const struct sk_buff *skb,
			 struct wg_helper_origin *origin)
{
	if (unlikely(!has_udp_headers(skb)))
		return -EINVAL;

	origin->port = udp_hdr(skb)->source;
	origin->ifindex = skb->skb_iif;
	origin->is_v6 = skb->protocol == htons(ETH_P_IPV6);
	if (origin->is_v6) {
		const struct ipv6hdr *hdr = ipv6_hdr(skb);

		memcpy(origin->source, &hdr->saddr, sizeof(hdr->saddr));
		memcpy(origin->local, &hdr->daddr, sizeof(hdr->daddr));
		origin->scope_id = ipv6_iface_scope_id(&hdr->saddr,
						       skb->skb_iif);
	} else {
		const struct iphdr *hdr = ip_hdr(skb);

		memcpy(origin->source, &hdr->saddr, sizeof(hdr->saddr));
		memcpy(origin->local, &hdr->daddr, sizeof(hdr->daddr));
	}
	return ip_tunnel_get_dsfield(ip_hdr(skb), skb);
}

void wg_helper_icmp_unreachable(struct sk_buff *skb, struct net_device *dev)
{
	/* A device that has gone away may have left its namespace behind. */
	if (!netif_running(dev))
		return;
	skb->dev = dev;
	if (skb->protocol == htons(ETH_P_IP))
		icmp_ndo_send(skb, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0);
	else if (skb->protocol == htons(ETH_P_IPV6))
		icmpv6_ndo_send(skb, ICMPV6_DEST_UNREACH, ICMPV6_ADDR_UNREACH,
				0);
	skb->dev = NULL;
}

void wg_helper_icmp_too_big(struct sk_buff *skb, struct net_device *dev, u32 mtu)
{
	if (!netif_running(dev))
		return;
	skb->dev = dev;
	if (skb->protocol == htons(ETH_P_IP))
		icmp_ndo_send(skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED,
			      htonl(mtu));
	else if (skb->protocol == htons(ETH_P_IPV6))
		icmpv6_ndo_send(skb, ICMPV6_PKT_TOOBIG, 0, mtu);
	skb->dev = NULL;
}
