// SPDX-License-Identifier: GPL-2.0

#include <linux/mm.h>
#include <linux/netdevice.h>

#include "sync.h"

void wg_helper_local_bh_disable(void)
{
	local_bh_disable();
}

void wg_helper_local_bh_enable(void)
{
	local_bh_enable();
}

void wg_helper_synchronize_net(void)
{
	synchronize_net();
}

bool wg_helper_refcount_inc_not_zero(refcount_t *r)
{
	return refcount_inc_not_zero(r);
}

void wg_helper_call_rcu_hurry(struct rcu_head *head, rcu_callback_t func)
{
	call_rcu_hurry(head, func);
}

/* Of an object that begins with its head. */
void wg_helper_kfree_rcu(struct rcu_head *head)
{
	struct {
		struct rcu_head head;
	} *object = (void *)head;

	kfree_rcu(object, head);
}

void wg_helper_spin_lock_bh(spinlock_t *lock)
{
	spin_lock_bh(lock);
}

void wg_helper_spin_unlock_bh(spinlock_t *lock)
{
	spin_unlock_bh(lock);
}

int wg_helper_spin_trylock_bh(spinlock_t *lock)
{
	return spin_trylock_bh(lock);
}

struct workqueue_struct *wg_helper_alloc_workqueue(const char *prefix,
						   const char *name,
						   unsigned int flags)
{
	return alloc_workqueue("%s-%s", flags, 0, prefix, name);
}

unsigned int wg_helper_next_online_cpu(unsigned int cpu)
{
	unsigned int next = cpumask_next(cpu, cpu_online_mask);

	return next < nr_cpu_ids ? next : cpumask_first(cpu_online_mask);
}

unsigned int wg_helper_smp_processor_id(void)
{
	return raw_smp_processor_id();
}

/* Whether there is per-CPU memory for a CPU of that number. */
bool wg_helper_cpu_possible(unsigned int cpu)
{
	return cpu < nr_cpu_ids && cpu_possible(cpu);
}

bool wg_helper_cpu_online(unsigned int cpu)
{
	return cpu_online(cpu);
}

unsigned int wg_helper_num_online(void)
{
	return num_online_cpus();
}

void wg_helper_cond_resched(void)
{
	cond_resched();
}

size_t wg_helper_totalram_bytes(void)
{
	return (size_t)totalram_pages() << PAGE_SHIFT;
}

void wg_helper_timer_setup(struct timer_list *timer,
			   void (*func)(struct timer_list *),
			   struct lock_class_key *key)
{
	timer_init_key(timer, func, 0, "wg_timer", key);
}

void wg_helper_timer_arm(struct timer_list *timer, unsigned long delay)
{
	mod_timer(timer, jiffies + delay);
}
