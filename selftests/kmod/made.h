/* SPDX-License-Identifier: GPL-2.0 */
/* Packets made to order, for what the driver's own code has no way to make. Mirrored in made.rs. */
#ifndef WG_SELFTEST_MADE_H
#define WG_SELFTEST_MADE_H

#include <linux/net.h>
#include <linux/skbuff.h>

enum {
	WG_MADE_ECN = 1,
	WG_MADE_FIXED_ID = 2,
	WG_MADE_ACCECN = 4,
};

/* A packet of TCP or UDP that stands for several. */
struct wg_made_packet {
	/* Bytes of payload in all, and in each segment. */
	u32 payload, segment;
	/* Bytes of TCP options, and of IPv4 options or IPv6 extension headers. */
	u32 options, extensions;
	/* How many fragments the payload is in, if it isn't in the linear part. */
	u32 frags;
	/* More of the kind of segmentation: ECN, a fixed id, accurate ECN. */
	u32 kind;
	u32 seq;
	u16 id;
	u8 flags;
	bool is_v6, is_tcp;
};

/* Where the payload of a received packet is: how much in which part. */
struct wg_made_shape {
	u32 head, frags, list;
};

struct sk_buff *wg_made_super_packet(const struct wg_made_packet *made);
bool wg_made_spoil(struct sk_buff *skb, u32 how);
int wg_made_segments(const struct sk_buff *skb, u8 *to, u32 room, u32 *lens,
		     u32 count);
struct sk_buff *wg_made_train(const u8 *payload, u32 len, u32 size,
			      const struct wg_made_shape *shape);
bool wg_made_before(const struct sk_buff *skb, u8 *to, u32 len);
struct sk_buff *wg_made_clone(struct sk_buff *skb);
u32 wg_made_headroom(const struct sk_buff *skb);
u32 wg_made_room(u32 len, u32 expected);
bool wg_made_unused_room(void);

struct socket *wg_made_socket(void);
void wg_made_socket_free(struct socket *socket);
u32 wg_made_charged(const struct socket *socket);
void wg_made_own(struct sk_buff *skb, struct socket *socket);
void wg_made_own_by_packet(struct sk_buff *skb);
int wg_made_owners_left(void);

int wg_trouble_cut_list(bool head_in_fragment, bool fails);
int wg_trouble_written_pages(void);

#endif
