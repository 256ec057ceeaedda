// SPDX-License-Identifier: GPL-2.0

#include "netdev.h"
