// SPDX-License-Identifier: GPL-2.0
/*
 * Calls a notifier function of the driver, as a chain of notifiers would:
 *
 *   echo ADDRESS EVENT >/sys/module/wireguard_selftest_notify/parameters/call
 *
 * For kernels that have no such chain. Whoever writes sees to it that the driver stays loaded.
 */

#include <linux/module.h>
#include <linux/notifier.h>

static int call(const char *value, const struct kernel_param *kp)
{
	unsigned long address, event;

	if (sscanf(value, "%lx %lu", &address, &event) != 2 || !address)
		return -EINVAL;
	((notifier_fn_t)address)(NULL, event, NULL);
	return 0;
}

static const struct kernel_param_ops call_ops = { .set = call };

module_param_cb(call, &call_ops, NULL, 0200);
MODULE_PARM_DESC(call, "address of a function and the event to call it with");

static int __init notify_init(void)
{
	return 0;
}

static void __exit notify_exit(void)
{
}

module_init(notify_init);
module_exit(notify_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Calls notifiers of the driver");
