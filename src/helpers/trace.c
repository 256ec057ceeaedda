// SPDX-License-Identifier: GPL-2.0
/* Where the tracepoints are defined. */

#define CREATE_TRACE_POINTS
#define CREATE_RUST_TRACE_POINTS
#include "trace/wireguard.h"
