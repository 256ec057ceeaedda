/* SPDX-License-Identifier: GPL-2.0 */
/* Shims for generic netlink. */
#ifndef WG_HELPERS_GENETLINK_H
#define WG_HELPERS_GENETLINK_H

#include <net/genetlink.h>

#endif
