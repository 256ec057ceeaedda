// SPDX-License-Identifier: GPL-2.0
/*
 * Faults on request, one at a time, to see that a debug kernel reports each of them:
 *
 *   insmod wireguard_selftest_faults.ko fault=leak
 */

#include <linux/delay.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

static char *fault;
module_param(fault, charp, 0);
MODULE_PARM_DESC(fault, "the fault to make");

static DEFINE_SPINLOCK(first);
static DEFINE_SPINLOCK(second);
static void __rcu *guarded;

static void leak(void)
{
	void *memory;
	int i;

	/* Large ones: of small ones the allocator keeps stale addresses. */
	for (i = 0; i < 8; i++) {
		memory = kmalloc(4 * PAGE_SIZE, GFP_KERNEL);
		OPTIMIZER_HIDE_VAR(memory);
	}
}

static void out_of_bounds(void)
{
	unsigned char *memory = kzalloc(100, GFP_KERNEL);
	size_t beyond = 100;

	if (!memory)
		return;
	OPTIMIZER_HIDE_VAR(beyond);
	WRITE_ONCE(memory[beyond], 1);
	kfree(memory);
}

static void use_after_free(void)
{
	unsigned char *memory = kzalloc(100, GFP_KERNEL), *copy = memory;

	if (!memory)
		return;
	OPTIMIZER_HIDE_VAR(copy);
	kfree(memory);
	(void)READ_ONCE(copy[1]);
}

static void sleep_in_atomic(void)
{
	spin_lock(&first);
	/* Long enough that there is no time to be had without sleeping. */
	msleep(50);
	spin_unlock(&first);
}

static void lock_order(void)
{
	spin_lock(&first);
	spin_lock(&second);
	spin_unlock(&second);
	spin_unlock(&first);
	spin_lock(&second);
	spin_lock(&first);
	spin_unlock(&first);
	spin_unlock(&second);
}

static void rcu_unlocked(void)
{
	(void)rcu_dereference(guarded);
}

struct timed {
	struct timer_list timer;
};

static void never(struct timer_list *timer)
{
}

static void free_active_timer(void)
{
	struct timed *timed = kzalloc(sizeof(*timed), GFP_KERNEL);

	if (!timed)
		return;
	timer_setup(&timed->timer, never, 0);
	mod_timer(&timed->timer, jiffies + 1000 * HZ);
	kfree(timed);
}

static unsigned long counted;

static void count(struct work_struct *work)
{
	unsigned long end = jiffies + 4 * HZ;

	while (time_before(jiffies, end)) {
		counted++;
		barrier();
	}
}

static DECLARE_WORK(counting, count);

static void race(void)
{
	queue_work(system_dfl_wq, &counting);
	count(NULL);
	flush_work(&counting);
}

static const struct {
	const char *name;
	void (*make)(void);
} faults[] = {
	{ "leak", leak },
	{ "out-of-bounds", out_of_bounds },
	{ "use-after-free", use_after_free },
	{ "sleep-in-atomic", sleep_in_atomic },
	{ "lock-order", lock_order },
	{ "rcu-unlocked", rcu_unlocked },
	{ "free-active-timer", free_active_timer },
	{ "data-race", race },
};

static int __init faults_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		if (fault && !strcmp(fault, faults[i].name)) {
			faults[i].make();
			return 0;
		}
	}
	pr_err("wireguard_selftest_faults: no such fault: %s\n", fault ?: "none named");
	return -EINVAL;
}

static void __exit faults_exit(void)
{
}

module_init(faults_init);
module_exit(faults_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Faults that debug kernels must see");
