/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tracepoints of the module, see Documentation/tracing.rst. Rust looks at
 * their static keys, and calls them by what CREATE_RUST_TRACE_POINTS defines.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM wireguard

#if !defined(WG_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define WG_TRACE_H

#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/tracepoint.h>

/*
 * Names are copied whole: they end with a zero at the last place at least, and
 * a length that is asked for may be checked, which ends in a panic.
 */
TRACE_EVENT(wg_xmit,
	TP_PROTO(const struct net_device *dev, u64 peer,
		 const struct sk_buff *skb, u32 messages),
	TP_ARGS(dev, peer, skb, messages),
	TP_STRUCT__entry(
		__array(char, name, IFNAMSIZ)
		__field(u64, peer)
		__field(const void *, skbaddr)
		__field(u32, len)
		__field(u32, messages)
	),
	TP_fast_assign(
		memcpy(__entry->name, dev->name, IFNAMSIZ);
		__entry->peer = peer;
		__entry->skbaddr = skb;
		__entry->len = skb->len;
		__entry->messages = messages;
	),
	TP_printk("dev=%s peer=%llu skbaddr=%p len=%u messages=%u",
		  __entry->name, __entry->peer, __entry->skbaddr,
		  __entry->len, __entry->messages)
);

/*
 * A packet of a session. It becomes so many messages, or holds them, of which
 * the first has that counter. The index is the one in the messages.
 */
DECLARE_EVENT_CLASS(wg_packet,
	TP_PROTO(const struct net_device *dev, u64 peer, u32 index, u64 counter,
		 const struct sk_buff *skb, u32 len, u32 messages),
	TP_ARGS(dev, peer, index, counter, skb, len, messages),
	TP_STRUCT__entry(
		__array(char, name, IFNAMSIZ)
		__field(u64, peer)
		__field(u64, counter)
		__field(const void *, skbaddr)
		__field(u32, index)
		__field(u32, len)
		__field(u32, messages)
	),
	TP_fast_assign(
		memcpy(__entry->name, dev->name, IFNAMSIZ);
		__entry->peer = peer;
		__entry->counter = counter;
		__entry->skbaddr = skb;
		__entry->index = index;
		__entry->len = len;
		__entry->messages = messages;
	),
	TP_printk("dev=%s peer=%llu skbaddr=%p len=%u messages=%u index=%08x counter=%llu",
		  __entry->name, __entry->peer, __entry->skbaddr,
		  __entry->len, __entry->messages, __entry->index,
		  __entry->counter)
);

#define WG_PACKET_EVENT(event)						\
	DEFINE_EVENT(wg_packet, event,					\
		TP_PROTO(const struct net_device *dev, u64 peer,	\
			 u32 index, u64 counter,			\
			 const struct sk_buff *skb, u32 len,		\
			 u32 messages),					\
		TP_ARGS(dev, peer, index, counter, skb, len, messages))

WG_PACKET_EVENT(wg_stage);
WG_PACKET_EVENT(wg_encrypt);
WG_PACKET_EVENT(wg_transmit);
WG_PACKET_EVENT(wg_receive);
WG_PACKET_EVENT(wg_decrypt);
WG_PACKET_EVENT(wg_deliver);

/* The peer is 0 if there is none. */
TRACE_EVENT(wg_drop,
	TP_PROTO(const struct net_device *dev, u64 peer, const char *reason,
		 u32 messages),
	TP_ARGS(dev, peer, reason, messages),
	TP_STRUCT__entry(
		__array(char, name, IFNAMSIZ)
		__string(reason, reason)
		__field(u64, peer)
		__field(u32, messages)
	),
	TP_fast_assign(
		memcpy(__entry->name, dev->name, IFNAMSIZ);
		__assign_str(reason);
		__entry->peer = peer;
		__entry->messages = messages;
	),
	TP_printk("dev=%s peer=%llu messages=%u reason=%s", __entry->name,
		  __entry->peer, __entry->messages, __get_str(reason))
);

#define wg_show_phase(phase)						\
	__print_symbolic(phase,						\
		{ 0, "zeroed" },					\
		{ 1, "created-initiation" },				\
		{ 2, "consumed-initiation" },				\
		{ 3, "created-response" },				\
		{ 4, "consumed-response" })

#define wg_show_role(role)						\
	__print_symbolic(role,						\
		{ 0, "initiator" },					\
		{ 1, "responder" })

/* The index is ours, in the handshake or in the session that came of it. */
TRACE_EVENT(wg_handshake,
	TP_PROTO(const struct net_device *dev, u64 peer, u8 role, u8 old_phase,
		 u8 new_phase, u32 index),
	TP_ARGS(dev, peer, role, old_phase, new_phase, index),
	TP_STRUCT__entry(
		__array(char, name, IFNAMSIZ)
		__field(u64, peer)
		__field(u32, index)
		__field(u8, role)
		__field(u8, old_phase)
		__field(u8, new_phase)
	),
	TP_fast_assign(
		memcpy(__entry->name, dev->name, IFNAMSIZ);
		__entry->peer = peer;
		__entry->index = index;
		__entry->role = role;
		__entry->old_phase = old_phase;
		__entry->new_phase = new_phase;
	),
	TP_printk("dev=%s peer=%llu role=%s %s -> %s index=%08x",
		  __entry->name, __entry->peer, wg_show_role(__entry->role),
		  wg_show_phase(__entry->old_phase),
		  wg_show_phase(__entry->new_phase), __entry->index)
);

#endif

/*
 * Relative to the folders that are searched, which this folder's parent is among
 * for trace.c.
 */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH trace
#include <trace/define_trace.h>
