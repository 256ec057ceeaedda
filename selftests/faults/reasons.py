# SPDX-License-Identifier: GPL-2.0
"""Sites that no test gets to fail, and why; and what is lost without being counted. Patterns for the names of sites."""

# Of AmneziaWG's messages alone.
DISGUISED = r"Guised|seal_guised|undress::|dressed|send_messages|skb_writable"

NOT_FAILED = {
    r"> rtnl_link_register$": "asks for memory of each CPU alone, which fails only when an area of it is full",
    r"receive_initiation > .*(Notice::begin|Family::multicast)$": "tells AmneziaWG's listeners, and does not ask what came of it",
    r"announce_event > .*(Notice::begin|Family::multicast)$": "tells who listens, which nobody does here; numbers show what is lost",
    r"skb_take_over": "only pktgen sends a packet that others hold, and the kernel has none",
    r"rx::deliver::.* > skb_(may_pull|trim_to|ecn_decap)": "private by then, and in one piece",
    r"decrypt::.* > skb_trim_to|skb_open > __pskb_trim|__pskb_trim > |skb_trim_to > |skb_ecn_decap > ": "likewise",
    r"UdpHandler::receive > udp_datagram_prepare$": "of a train: the headers are in one piece, and nothing is behind it",
    r"open_all > skb_trim_to": "likewise",
    r"receive_train > skb_may_pull": "what is looked at is in the head of trains that are made here",
    r"skb_writable > __pskb_pull_tail": "of a message that is in pages it is pulled before, to be looked at",
    r"receive_(one|handshake) > skb_may_pull|skb_may_pull > __pskb_pull_tail": "behind the head of a packet that is made here is room",
    r"> trains_accept$": "happens once for a namespace, when what it calls is failed",
    r"train_grow > alloc_pages": "for a message that is longer than what the stack asks for at once, 32 KiB",
    r"train_header": "the headers of a train are in one piece",
    r"udp_datagram_prepare > __pskb_pull_tail #2$": "the headers that go are in one piece by then",
    r"udp_datagram_prepare > ___pskb_trim": "what is cut off lies in pages",
    r"> prepare_payload$|prepare_payload > ": "a guard: all that is sent has room for headers and is private",
    r"> napi_complete_done$|napi_flush > __gro_flush": "what there is goes on as a list, which is a site of its own",
    r"ip_route_output_flow #2$": "the way that was just found, without its source: the kernel has it at hand",
}

UNCOUNTED = {
    r"napi_flush|napi_gro_receive|netif_receive_skb_list|gro_receive_skb": "delivered: the stack has lost it",
    r"route[46]": "no route, which the C driver does not count",
    r"udp_xmit|udp_tunnel6?_xmit": "sent: the stack has lost it",
}
