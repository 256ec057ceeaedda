// SPDX-License-Identifier: GPL-2.0
/*
 * Tells the kernel, when it is loaded, that this virtual machine has been copied: what a hypervisor
 * does by way of a VM generation ID.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/random.h>

typedef void (*vmfork_fn)(const void *unique_vm_id, size_t len);

/* It is for the drivers of such devices, and exported only if those are modules. */
static vmfork_fn find_function(void)
{
	struct kprobe probe = { .symbol_name = "add_vmfork_randomness" };
	vmfork_fn found;

	if (register_kprobe(&probe))
		return NULL;
	found = (vmfork_fn)probe.addr;
	unregister_kprobe(&probe);
	return found;
}

static int __init vmfork_init(void)
{
	vmfork_fn fork = find_function();
	u8 id[16];

	if (!fork)
		return -ENOENT;
	get_random_bytes(id, sizeof(id));
	fork(id, sizeof(id));
	return 0;
}

static void __exit vmfork_exit(void)
{
}

module_init(vmfork_init);
module_exit(vmfork_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Pretends that this virtual machine was copied");
