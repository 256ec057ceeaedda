/* SPDX-License-Identifier: GPL-2.0 */
/* Shims for devices, namespaces, notifiers. */
#ifndef WG_HELPERS_NETDEV_H
#define WG_HELPERS_NETDEV_H

#include <linux/netdevice.h>

#endif
