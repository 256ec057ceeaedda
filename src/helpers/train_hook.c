// SPDX-License-Identifier: GPL-2.0

#include <linux/in_route.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <linux/udp.h>
#include <net/inet6_hashtables.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>
#include <net/route.h>
#include <net/udp.h>

#include "train.h"

/*
 * A socket with a receive hook gets trains of datagrams only if they are marked
 * as those of a UDP tunnel; any others UDP cuts first, since the hook might not
 * know what to do with them, see udp_unexpected_gso(). Those of ours do, so what
 * is for one of them is marked on its way there, where packets for this machine
 * have passed all that may still want to see them as plain UDP.
 */

#if IS_ENABLED(CONFIG_NETFILTER)

static unsigned int trains_net_id __read_mostly;

/* Whether the hooks are registered in a namespace. */
struct trains_net {
	bool hooked;
};

static int (*trains_receive)(struct sock *, struct sk_buff *);

/*
 * The UDP header of a train that goes to the one socket that it is addressed to:
 * neither in another tunnel, nor given to a socket already.
 */
static const struct udphdr *train_header(struct sk_buff *skb)
{
	if (likely(!skb_is_gso(skb)) ||
	    !(skb_shinfo(skb)->gso_type & SKB_GSO_UDP_L4) ||
	    skb->encapsulation || skb->sk ||
	    !pskb_may_pull(skb, skb_transport_offset(skb) +
					sizeof(struct udphdr)))
		return NULL;
	return udp_hdr(skb);
}

static unsigned int mark(struct sk_buff *skb, const struct sock *sk)
{
	const void *receive = sk ? READ_ONCE(udp_sk(sk)->encap_rcv) : NULL;

	/* The mark is not for those who look at the packet from elsewhere. */
	if (receive && receive == READ_ONCE(trains_receive) &&
	    !skb_unclone(skb, GFP_ATOMIC))
		skb_shinfo(skb)->gso_type |= SKB_GSO_UDP_TUNNEL_CSUM;
	return NF_ACCEPT;
}

static unsigned int mark4(void *priv, struct sk_buff *skb,
			  const struct nf_hook_state *state)
{
	const struct udphdr *uh = train_header(skb);

	if (likely(!uh) || ip_hdr(skb)->protocol != IPPROTO_UDP ||
	    skb_rtable(skb)->rt_flags & (RTCF_BROADCAST | RTCF_MULTICAST))
		return NF_ACCEPT;
	return mark(skb, __udp4_lib_lookup(state->net, ip_hdr(skb)->saddr,
					   uh->source, ip_hdr(skb)->daddr,
					   uh->dest, inet_iif(skb),
					   inet_sdif(skb), NULL));
}

#if IS_ENABLED(CONFIG_IPV6)
static unsigned int mark6(void *priv, struct sk_buff *skb,
			  const struct nf_hook_state *state)
{
	const struct udphdr *uh = train_header(skb);

	if (likely(!uh) || ipv6_hdr(skb)->nexthdr != IPPROTO_UDP ||
	    ipv6_addr_is_multicast(&ipv6_hdr(skb)->daddr))
		return NF_ACCEPT;
	return mark(skb, __udp6_lib_lookup(state->net, &ipv6_hdr(skb)->saddr,
					   uh->source, &ipv6_hdr(skb)->daddr,
					   uh->dest, inet6_iif(skb),
					   inet6_sdif(skb), NULL));
}
#endif

static const struct nf_hook_ops trains_hooks[] = {
	{
		.hook = mark4,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_LOCAL_IN,
		.priority = NF_IP_PRI_LAST,
	},
#if IS_ENABLED(CONFIG_IPV6)
	{
		.hook = mark6,
		.pf = NFPROTO_IPV6,
		.hooknum = NF_INET_LOCAL_IN,
		.priority = NF_IP6_PRI_LAST,
	},
#endif
};

static void __net_exit trains_net_exit(struct net *net)
{
	struct trains_net *trains = net_generic(net, trains_net_id);

	if (trains->hooked)
		nf_unregister_net_hooks(net, trains_hooks,
					ARRAY_SIZE(trains_hooks));
}

static struct pernet_operations trains_net_ops = {
	.exit = trains_net_exit,
	.id = &trains_net_id,
	.size = sizeof(struct trains_net),
};

int wg_helper_trains_register(void)
{
	return register_pernet_subsys(&trains_net_ops);
}

void wg_helper_trains_unregister(void)
{
	unregister_pernet_subsys(&trains_net_ops);
	/* A hook may still be at work; netfilter waits for none of them. */
	synchronize_net();
}

/*
 * Lets sockets in a namespace with that receive hook have trains; one at a time.
 * Without memory for that they are cut, as before.
 */
void wg_helper_trains_accept(struct net *net,
			     int (*receive)(struct sock *, struct sk_buff *))
{
	struct trains_net *trains = net_generic(net, trains_net_id);

	WRITE_ONCE(trains_receive, receive);
	if (!trains->hooked)
		trains->hooked = !nf_register_net_hooks(
			net, trains_hooks, ARRAY_SIZE(trains_hooks));
}

#else

int wg_helper_trains_register(void)
{
	return 0;
}

void wg_helper_trains_unregister(void)
{
}

void wg_helper_trains_accept(struct net *net,
			     int (*receive)(struct sock *, struct sk_buff *))
{
}

#endif
