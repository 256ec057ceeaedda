/* SPDX-License-Identifier: GPL-2.0 */
/* A fragment of a packet, for the tests that make packets. */
#ifndef WG_SELFTEST_FRAG_H
#define WG_SELFTEST_FRAG_H

#include <linux/skbuff.h>

/* Appends data in pages of their own, not from a round place on. */
static inline bool add_frag(struct sk_buff *skb, const u8 *data, u32 len)
{
	const unsigned int order = get_order(len + 3);
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, order);

	if (!page)
		return false;
	memcpy(page_address(page) + 3, data, len);
	skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page, 3, len,
			PAGE_SIZE << order);
	return true;
}

#endif
