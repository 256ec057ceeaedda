/* SPDX-License-Identifier: GPL-2.0 */
/* Shims for RCU, bottom halves, locks, workqueues and timers. */
#ifndef WG_HELPERS_SYNC_H
#define WG_HELPERS_SYNC_H

#include <linux/bottom_half.h>
#include <linux/cpumask.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

void wg_helper_local_bh_disable(void);
void wg_helper_local_bh_enable(void);
void wg_helper_synchronize_net(void);
bool wg_helper_refcount_inc_not_zero(refcount_t *r);
void wg_helper_call_rcu_hurry(struct rcu_head *head, rcu_callback_t func);
void wg_helper_kfree_rcu(struct rcu_head *head);

void wg_helper_spin_lock_bh(spinlock_t *lock);
void wg_helper_spin_unlock_bh(spinlock_t *lock);
int wg_helper_spin_trylock_bh(spinlock_t *lock);

struct workqueue_struct *wg_helper_alloc_workqueue(const char *prefix,
						   const char *name,
						   unsigned int flags);
unsigned int wg_helper_next_online_cpu(unsigned int cpu);
unsigned int wg_helper_smp_processor_id(void);
bool wg_helper_cpu_possible(unsigned int cpu);
bool wg_helper_cpu_online(unsigned int cpu);
unsigned int wg_helper_num_online(void);
void wg_helper_cond_resched(void);
size_t wg_helper_totalram_bytes(void);

void wg_helper_timer_setup(struct timer_list *timer,
			   void (*func)(struct timer_list *),
			   struct lock_class_key *key);
void wg_helper_timer_arm(struct timer_list *timer, unsigned long delay);

#endif
