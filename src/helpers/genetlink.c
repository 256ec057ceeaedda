// SPDX-License-Identifier: GPL-2.0

#include "genetlink.h"

struct net *wg_helper_genl_info_net(const struct genl_info *info)
{
	return genl_info_net(info);
}

void wg_helper_genl_dump_check_consistent(struct netlink_callback *cb,
					  void *user_hdr)
{
	genl_dump_check_consistent(cb, user_hdr);
}

void wg_helper_genlmsg_end(struct sk_buff *skb, void *user_hdr)
{
	genlmsg_end(skb, user_hdr);
}

/* Trimming alone would leave the bytes behind, in a buffer that is freed as it is. */
static void trim_wipe(struct sk_buff *skb, void *mark)
{
	memzero_explicit(mark, skb_tail_pointer(skb) - (unsigned char *)mark);
	nlmsg_trim(skb, mark);
}

void wg_helper_genlmsg_cancel_wipe(struct sk_buff *skb, void *user_hdr)
{
	trim_wipe(skb, genlmsg_nlhdr(user_hdr));
}

bool wg_helper_genl_has_listeners(const struct genl_family *family, struct net *net,
				  unsigned int group)
{
	return group < family->n_mcgrps && genl_has_listeners(family, net, group) > 0;
}

struct sk_buff *wg_helper_genlmsg_new(void)
{
	return genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
}

void wg_helper_nlmsg_free(struct sk_buff *skb)
{
	nlmsg_free(skb);
}

int wg_helper_genlmsg_multicast_netns(const struct genl_family *family, struct net *net,
				      struct sk_buff *skb, unsigned int group)
{
	if (group >= family->n_mcgrps) {
		nlmsg_free(skb);
		return -EINVAL;
	}
	return genlmsg_multicast_netns(family, net, skb, 0, group, GFP_KERNEL);
}

struct nlattr *wg_helper_nla_nest_start(struct sk_buff *skb, int attrtype)
{
	return nla_nest_start(skb, attrtype);
}

int wg_helper_nla_nest_end_safe(struct sk_buff *skb, struct nlattr *start)
{
	return nla_nest_end_safe(skb, start);
}

void wg_helper_nla_nest_cancel_wipe(struct sk_buff *skb, struct nlattr *start)
{
	trim_wipe(skb, start);
}

#if IS_ENABLED(CONFIG_KUNIT)
static const struct nla_policy test_nested[] = {
	{ .type = NLA_REJECT },
	{ .type = NLA_U8 },
};

const struct nla_policy *wg_helper_test_nla_policy(void)
{
	static const struct nla_policy table[] = {
		{ .type = NLA_U8 },
		{ .type = NLA_U16 },
		{ .type = NLA_U32 },
		{ .type = NLA_U64 },
		NLA_POLICY_MASK(NLA_U32, 0x80000007),
		NLA_POLICY_EXACT_LEN(32),
		NLA_POLICY_MIN_LEN(16),
		{ .type = NLA_NUL_STRING, .len = 15 },
		NLA_POLICY_RANGE(NLA_U16, 0, 5000),
		{ .type = NLA_FLAG },
		{ .type = NLA_NUL_STRING },
		NLA_POLICY_RANGE(NLA_BINARY, 2, 22),
		{ .type = NLA_NESTED },
		NLA_POLICY_NESTED_ARRAY(test_nested),
	};

	return table;
}
#endif
