/* SPDX-License-Identifier: GPL-2.0 */
/* Shims for UDP sockets, routes, ICMP. */
#ifndef WG_HELPERS_UDP_TUNNEL_H
#define WG_HELPERS_UDP_TUNNEL_H

#include <net/udp_tunnel.h>

#endif
