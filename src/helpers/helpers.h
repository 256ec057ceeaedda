/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every shim and callback prototype of the module, once: bindgen reads this,
 * and the C files that define the shims are checked against it by the compiler.
 */
#ifndef WG_HELPERS_H
#define WG_HELPERS_H

#include "sync.h"
#include "skbuff.h"
#include "train.h"
#include "netdev.h"
#include "udp_tunnel.h"
#include "genetlink.h"
#include "crypto.h"
#include "trace/wireguard.h"

#endif
