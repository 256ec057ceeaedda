// SPDX-License-Identifier: GPL-2.0

#include <linux/inetdevice.h>
#include <linux/nsproxy.h>
#include <linux/random.h>
#include <linux/rtnetlink.h>
#include <linux/sched/task_stack.h>
#include <linux/suspend.h>
#include <net/addrconf.h>
#include <net/gro.h>
#include <net/ip_tunnels.h>

#include "netdev.h"
#include "skbuff.h"

void wg_helper_netdev_setup(struct net_device *dev, const struct netdev_properties *p)
{
	dev->netdev_ops = p->ops;
	dev->ethtool_ops = p->ethtool_ops;
	dev->features |= p->features;
	dev->hw_features |= p->features;
	dev->hw_enc_features |= p->features;
	dev->flags = p->flags;
	dev->mtu = p->mtu;
	dev->min_mtu = 0;
	dev->max_mtu = p->max_mtu;
	dev->type = p->type;
	dev->hard_header_len = 0;
	dev->addr_len = 0;
	dev->needed_headroom = p->needed_headroom;
	dev->needed_tailroom = p->needed_tailroom;
	dev->lltx = p->lltx;
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;
	/* netpoll would transmit and poll with interrupts off. */
	dev->priv_flags |= IFF_DISABLE_NETPOLL;
	if (p->no_queue)
		dev->priv_flags |= IFF_NO_QUEUE;
	if (p->ip_tunnel_header_ops)
		dev->header_ops = &ip_tunnel_header_ops;
	if (p->keep_dst)
		netif_keep_dst(dev);
	if (p->tso_max_size)
		netif_set_tso_max_size(dev, p->tso_max_size);
}

void wg_helper_netdev_set_devtype(struct net_device *dev, const struct device_type *devtype)
{
	SET_NETDEV_DEVTYPE(dev, devtype);
}

void wg_helper_netdev_set_destructor(struct net_device *dev,
				    void (*destructor)(struct net_device *))
{
	dev->priv_destructor = destructor;
}

const struct rtnl_link_ops *wg_helper_netdev_link_ops(const struct net_device *dev)
{
	return dev->rtnl_link_ops;
}

struct net *wg_helper_newlink_net(struct rtnl_newlink_params *params)
{
	return rtnl_newlink_link_net(params);
}

void wg_helper_netdev_copy_name(const struct net_device *dev, char *name)
{
	const char *from = dev->name;
	int i;

	for (i = 0; i < IFNAMSIZ; i++)
		name[i] = READ_ONCE(from[i]);
}

int wg_helper_netdev_ifindex(const struct net_device *dev)
{
	return READ_ONCE(dev->ifindex);
}

unsigned int wg_helper_netdev_mtu(const struct net_device *dev)
{
	return READ_ONCE(dev->mtu);
}

void wg_helper_netdev_set_headroom(struct net_device *dev, unsigned short headroom)
{
	WRITE_ONCE(dev->needed_headroom, headroom);
}

/*
 * Whether a packet may go through the stack once more on top of what runs here:
 * no more than @max_depth devices without a queue and tunnels are at sending, and
 * half of the task's stack is left. Where softirqs have a stack of their own,
 * little is on it yet; elsewhere they are on top of whatever the task does.
 */
bool wg_helper_may_xmit_here(unsigned int max_depth)
{
	unsigned long left = (unsigned long)__builtin_frame_address(0) -
			     (unsigned long)task_stack_page(current);

	return dev_recursion_level() <= max_depth && left > THREAD_SIZE / 2;
}

bool wg_helper_netif_running(const struct net_device *dev)
{
	return netif_running(dev);
}

bool wg_helper_netdev_registered(const struct net_device *dev)
{
	return READ_ONCE(dev->reg_state) == NETREG_REGISTERED;
}

/*
 * A device is closed before it changes or leaves its namespace, and either waits for readers in
 * between.
 */
struct net *wg_helper_netdev_get_net(const struct net_device *dev)
{
	struct net *net = NULL;

	rcu_read_lock();
	if (netif_running(dev))
		net = maybe_get_net(dev_net_rcu(dev));
	rcu_read_unlock();
	return net;
}

void wg_helper_dev_put(struct net_device *dev)
{
	dev_put(dev);
}

void wg_helper_disable_send_redirects(struct net_device *dev)
{
	struct in_device *in_dev = __in_dev_get_rtnl(dev);

	if (in_dev) {
		IN_DEV_CONF_SET(in_dev, SEND_REDIRECTS, false);
		/* Read for every packet that is forwarded in the namespace. */
		WRITE_ONCE(IPV4_DEVCONF_ALL(dev_net(dev), SEND_REDIRECTS), 0);
	}
}

void wg_helper_addr_gen_mode_none(struct net_device *dev)
{
	struct inet6_dev *in6_dev = __in6_dev_get(dev);

	if (in6_dev)
		WRITE_ONCE(in6_dev->cnf.addr_gen_mode, IN6_ADDR_GEN_MODE_NONE);
}

void wg_helper_dev_sw_netstats_rx_add(struct net_device *dev, unsigned int packets,
				      unsigned int bytes)
{
	struct pcpu_sw_netstats *tstats;

	/* The core frees the statistics a grace period after it has closed the device. */
	if (!netif_running(dev))
		return;
	tstats = this_cpu_ptr(dev->tstats);
	u64_stats_update_begin(&tstats->syncp);
	u64_stats_add(&tstats->rx_packets, packets);
	u64_stats_add(&tstats->rx_bytes, bytes);
	u64_stats_update_end(&tstats->syncp);
}

void wg_helper_dev_stats_rx_errors(struct net_device *dev, unsigned int n)
{
	DEV_STATS_ADD(dev, rx_errors, n);
}

void wg_helper_dev_stats_rx_dropped(struct net_device *dev, unsigned int n)
{
	DEV_STATS_ADD(dev, rx_dropped, n);
}

void wg_helper_dev_stats_rx_frame_errors(struct net_device *dev, unsigned int n)
{
	DEV_STATS_ADD(dev, rx_frame_errors, n);
}

void wg_helper_dev_stats_rx_length_errors(struct net_device *dev, unsigned int n)
{
	DEV_STATS_ADD(dev, rx_length_errors, n);
}

void wg_helper_dev_stats_tx_errors(struct net_device *dev, unsigned int n)
{
	DEV_STATS_ADD(dev, tx_errors, n);
}

void wg_helper_dev_stats_tx_dropped(struct net_device *dev, unsigned int n)
{
	DEV_STATS_ADD(dev, tx_dropped, n);
}

void wg_helper_napi_add(struct net_device *dev, struct napi_struct *napi,
			int (*poll)(struct napi_struct *, int))
{
	set_bit(NAPI_STATE_NO_BUSY_POLL, &napi->state);
	netif_napi_add(dev, napi, poll);
	napi_enable(napi);
}

/* The caller waits for a grace period before it frees the instance. */
void wg_helper_napi_remove(struct napi_struct *napi)
{
	napi_disable(napi);
	__netif_napi_del(napi);
}

void wg_helper_napi_schedule(struct napi_struct *napi)
{
	napi_schedule(napi);
}

void wg_helper_napi_flush(struct napi_struct *napi)
{
	struct gro_node *gro = &napi->gro;

	gro_flush(gro, false);
	/* gro_normal_list(), which modules cannot use */
	if (gro->rx_count) {
		netif_receive_skb_list(&gro->rx_list);
		INIT_LIST_HEAD(&gro->rx_list);
		gro->rx_count = 0;
	}
}

bool wg_helper_napi_gro_receive(struct net_device *dev, struct napi_struct *napi,
				struct sk_buff *skb)
{
	if (!netif_running(dev))
		return false;
	/*
	 * Whatever it was before: on the way in, a socket that the packet holds
	 * would be taken for the one that it is for, with a reference.
	 */
	wg_helper_skb_orphan(skb);
	skb_dst_drop(skb);
	skb_reset_mac_header(skb);
	skb->dev = dev;
	napi_gro_receive(napi, skb);
	return true;
}

struct net *wg_helper_maybe_get_net(struct net *net)
{
	return maybe_get_net(net);
}

struct net *wg_helper_get_net_by_cookie(u64 cookie)
{
	struct net *net, *found = NULL;

	rcu_read_lock();
	for_each_net_rcu(net) {
		if (net->net_cookie == cookie) {
			found = maybe_get_net(net);
			break;
		}
	}
	rcu_read_unlock();
	return found;
}

struct net *wg_helper_current_net(void)
{
	return current->nsproxy ? current->nsproxy->net_ns : NULL;
}

void wg_helper_put_net(struct net *net)
{
	put_net(net);
}

int wg_helper_register_pm_notifier(struct notifier_block *nb)
{
	return register_pm_notifier(nb);
}

void wg_helper_unregister_pm_notifier(struct notifier_block *nb)
{
	unregister_pm_notifier(nb);
}

int wg_helper_register_vmfork_notifier(struct notifier_block *nb)
{
	return register_random_vmfork_notifier(nb);
}

void wg_helper_unregister_vmfork_notifier(struct notifier_block *nb)
{
	unregister_random_vmfork_notifier(nb);
}
