/* SPDX-License-Identifier: GPL-2.0 */
/* Shims for devices, namespaces, notifiers. */
#ifndef WG_HELPERS_NETDEV_H
#define WG_HELPERS_NETDEV_H

#include <linux/ethtool.h>
#include <linux/if_arp.h>
#include <linux/netdevice.h>
#include <linux/notifier.h>
#include <net/net_namespace.h>
#include <net/rtnetlink.h>

/* What a driver chooses in rtnl_link_ops.setup, before the core adds its own. */
struct netdev_properties {
	const struct net_device_ops *ops;
	const struct ethtool_ops *ethtool_ops;
	netdev_features_t features;
	unsigned int flags;
	unsigned int mtu;
	unsigned int max_mtu;
	unsigned int tso_max_size;
	unsigned short type;
	unsigned short needed_headroom;
	unsigned short needed_tailroom;
	bool ip_tunnel_header_ops;
	bool keep_dst;
	bool lltx;
	bool no_queue;
};

/* bindgen does not see through the macros, but through initialisers. */
static const netdev_features_t WG_CONST_NETIF_F_HW_CSUM = NETIF_F_HW_CSUM;
static const netdev_features_t WG_CONST_NETIF_F_RXCSUM = NETIF_F_RXCSUM;
static const netdev_features_t WG_CONST_NETIF_F_SG = NETIF_F_SG;
static const netdev_features_t WG_CONST_NETIF_F_GSO = NETIF_F_GSO;
static const netdev_features_t WG_CONST_NETIF_F_GSO_SOFTWARE = NETIF_F_GSO_SOFTWARE;
static const netdev_features_t WG_CONST_NETIF_F_HIGHDMA = NETIF_F_HIGHDMA;
static const size_t WG_CONST_NETDEV_PRIV_OFFSET = offsetof(struct net_device, priv);
static const unsigned short WG_CONST_ARPHRD_NONE = ARPHRD_NONE;

void wg_helper_netdev_setup(struct net_device *dev, const struct netdev_properties *p);
void wg_helper_netdev_set_devtype(struct net_device *dev, const struct device_type *devtype);
void wg_helper_netdev_set_destructor(struct net_device *dev,
				    void (*destructor)(struct net_device *));
const struct rtnl_link_ops *wg_helper_netdev_link_ops(const struct net_device *dev);
struct net *wg_helper_newlink_net(struct rtnl_newlink_params *params);

void wg_helper_netdev_copy_name(const struct net_device *dev, char *name);
int wg_helper_netdev_ifindex(const struct net_device *dev);
unsigned int wg_helper_netdev_mtu(const struct net_device *dev);
void wg_helper_netdev_set_headroom(struct net_device *dev, unsigned short headroom);
bool wg_helper_may_xmit_here(unsigned int max_depth);
bool wg_helper_netif_running(const struct net_device *dev);
bool wg_helper_netdev_registered(const struct net_device *dev);
struct net *wg_helper_netdev_get_net(const struct net_device *dev);
void wg_helper_dev_put(struct net_device *dev);
void wg_helper_disable_send_redirects(struct net_device *dev);
void wg_helper_addr_gen_mode_none(struct net_device *dev);

void wg_helper_dev_sw_netstats_rx_add(struct net_device *dev, unsigned int packets,
				      unsigned int bytes);
void wg_helper_dev_stats_rx_errors(struct net_device *dev, unsigned int n);
void wg_helper_dev_stats_rx_dropped(struct net_device *dev, unsigned int n);
void wg_helper_dev_stats_rx_frame_errors(struct net_device *dev, unsigned int n);
void wg_helper_dev_stats_rx_length_errors(struct net_device *dev, unsigned int n);
void wg_helper_dev_stats_tx_errors(struct net_device *dev, unsigned int n);
void wg_helper_dev_stats_tx_dropped(struct net_device *dev, unsigned int n);

void wg_helper_napi_add(struct net_device *dev, struct napi_struct *napi,
			int (*poll)(struct napi_struct *, int));
void wg_helper_napi_remove(struct napi_struct *napi);
void wg_helper_napi_schedule(struct napi_struct *napi);
void wg_helper_napi_flush(struct napi_struct *napi);
bool wg_helper_napi_gro_receive(struct net_device *dev, struct napi_struct *napi,
				struct sk_buff *skb);

struct net *wg_helper_maybe_get_net(struct net *net);
struct net *wg_helper_get_net_by_cookie(u64 cookie);
struct net *wg_helper_current_net(void);
void wg_helper_put_net(struct net *net);

int wg_helper_register_pm_notifier(struct notifier_block *nb);
void wg_helper_unregister_pm_notifier(struct notifier_block *nb);
int wg_helper_register_vmfork_notifier(struct notifier_block *nb);
void wg_helper_unregister_vmfork_notifier(struct notifier_block *nb);

#endif
