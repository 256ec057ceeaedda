/* SPDX-License-Identifier: GPL-2.0 */
/* Shims for packets that stand for several. */
#ifndef WG_HELPERS_TRAIN_H
#define WG_HELPERS_TRAIN_H

#include <linux/skbuff.h>
#include <net/net_namespace.h>
#include <net/sock.h>

/* What is to be known of a packet to cut it into segments. */
struct wg_helper_super_packet {
	/* Where the transport header begins, and the payload, in bytes. */
	u32 transport;
	u32 headers;
	/* The payload of each segment but the last, which may be shorter. */
	u32 segment;
	bool is_v6;
	bool is_tcp;
	/* Whether all segments have the same IPv4 identification. */
	bool has_fixed_id;
	/* Whether CWR stays in all segments. */
	bool keeps_cwr;
};

bool wg_helper_skb_super_packet(const struct sk_buff *skb,
				struct wg_helper_super_packet *packet);

u8 *wg_helper_train_grow(struct sk_buff *skb, unsigned int len,
			 unsigned int expected, unsigned int *room);
void wg_helper_train_memory_free(void);
void wg_helper_train_commit(struct sk_buff *skb, unsigned int len);
void wg_helper_train_finish(struct sk_buff *skb, unsigned int size,
			    unsigned int count);
void wg_helper_train_copy_flow(struct sk_buff *skb, const struct sk_buff *from);
void wg_helper_train_take_owner(struct sk_buff *skb, struct sk_buff *from);
void wg_helper_train_share_owner(struct sk_buff *skb, struct sk_buff *from);
void wg_helper_skb_join_owner(struct sk_buff *skb, struct sk_buff *from);

u32 wg_helper_skb_train_size(const struct sk_buff *skb);
const u8 *wg_helper_skb_bytes_in_place(const struct sk_buff *skb,
				       unsigned int offset, unsigned int len);
bool wg_helper_skb_copy_bytes(const struct sk_buff *skb, unsigned int offset,
			      u8 *to, unsigned int len);
struct sk_buff *wg_helper_train_part(const struct sk_buff *skb,
				     unsigned int offset, unsigned int len);
int wg_helper_train_open_part(const struct sk_buff *skb, unsigned int offset,
			      unsigned int len, u64 nonce, const u8 *key,
			      struct sk_buff **opened);

int wg_helper_trains_register(void);
void wg_helper_trains_unregister(void);
void wg_helper_trains_accept(struct net *net,
			     int (*receive)(struct sock *, struct sk_buff *));

bool wg_helper_skb_copy_and_sum(const struct sk_buff *skb, unsigned int offset,
				u8 *to, unsigned int len, u32 *sum);
void wg_helper_aead_seal(u8 *to, const u8 *from, unsigned int len, u64 nonce,
			 const u8 *key);

#endif
