// SPDX-License-Identifier: GPL-2.0
/* What the module! macro has no key for. */

#include <linux/module.h>

MODULE_VERSION("1.0.0");
