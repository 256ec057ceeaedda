/* SPDX-License-Identifier: GPL-2.0 */
/* Shims for generic netlink. */
#ifndef WG_HELPERS_GENETLINK_H
#define WG_HELPERS_GENETLINK_H

#include <net/genetlink.h>

struct net *wg_helper_genl_info_net(const struct genl_info *info);
void wg_helper_genl_dump_check_consistent(struct netlink_callback *cb,
					  void *user_hdr);
void wg_helper_genlmsg_end(struct sk_buff *skb, void *user_hdr);
void wg_helper_genlmsg_cancel_wipe(struct sk_buff *skb, void *user_hdr);

/* bindgen does not see through the macro, but through an initialiser. */
static const u8 WG_CONST_GENL_MCAST_CAP_NET_ADMIN = GENL_MCAST_CAP_NET_ADMIN;

bool wg_helper_genl_has_listeners(const struct genl_family *family, struct net *net,
				  unsigned int group);
struct sk_buff *wg_helper_genlmsg_new(void);
void wg_helper_nlmsg_free(struct sk_buff *skb);
int wg_helper_genlmsg_multicast_netns(const struct genl_family *family, struct net *net,
				      struct sk_buff *skb, unsigned int group);

struct nlattr *wg_helper_nla_nest_start(struct sk_buff *skb, int attrtype);
int wg_helper_nla_nest_end_safe(struct sk_buff *skb, struct nlattr *start);
void wg_helper_nla_nest_cancel_wipe(struct sk_buff *skb, struct nlattr *start);

/* Only with KUnit: what the C macros make of the policies under test. */
const struct nla_policy *wg_helper_test_nla_policy(void);

#endif
