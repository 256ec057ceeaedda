# SPDX-License-Identifier: GPL-2.0
"""What the module imports from the kernel, and whether that asks for memory.

Each function has to be here: a new one is looked up in the kernel's source and put where it belongs.
"""

import re

# These free as well, if the flags are zero.
REALLOCATING = frozenset(["rust_helper_krealloc_node_align", "rust_helper_kvrealloc_node_align"])

ALLOCATING = REALLOCATING | frozenset(
    """
    alloc_workqueue_noprof
    rtnl_link_register genl_register_family register_netdevice dev_alloc_name netif_napi_add_weight_locked
    sock_create_kern
    register_pernet_subsys nf_register_net_hooks
    __netdev_alloc_skb skb_page_frag_refill alloc_pages_noprof alloc_pages_node_noprof
    __alloc_skb skb_clone skb_cow_data pskb_expand_head __pskb_pull_tail ___pskb_trim skb_checksum_help
    __skb_gso_segment
    ip_route_output_flow ip6_dst_lookup_flow udp_tunnel_xmit_skb udp_tunnel6_xmit_skb
    icmp_ndo_send icmpv6_ndo_send netlink_broadcast_filtered
    gro_receive_skb __gro_flush napi_complete_done netif_receive_skb_list
    """.split()
)

# Of those on the way down, and of a new MTU, some send notices, which are lost when there is no memory, or would shrink a list, which then
# stays as it is; the operations that are registered as those of devices ask for no memory of their own. kvfree_call_rcu() would have a page
# for what it is given, and makes a list without.
NOT_ALLOCATING = frozenset(
    """
    destroy_workqueue __flush_workqueue queue_work_on free_netdev
    genl_unregister_family rtnl_link_unregister register_pernet_device unregister_pernet_device
    unregister_pernet_subsys nf_unregister_net_hooks __udp4_lib_lookup __udp6_lib_lookup
    sock_wfree __sock_wfree tcp_wfree skb_copy_bits skb_copy_and_csum_bits __folio_put __put_netmem dump_page
    work_on_cpu_key cpus_read_lock cpus_read_unlock softnet_data mem_map uml_physmem
    register_pm_notifier unregister_pm_notifier register_random_vmfork_notifier unregister_random_vmfork_notifier
    setup_udp_tunnel_sock udp_tunnel_sock_release sk_set_memalloc sk_clear_memalloc security_sk_classify_flow
    kernel_bind sock_bindtoindex sock_release kernel_sock_shutdown lock_sock_nested release_sock dev_get_by_index_rcu l3mdev_master_ifindex_rcu
    dev_get_by_index dev_get_by_name dev_set_mtu netif_carrier_off netif_carrier_on netif_set_tso_max_size netif_threaded_enable __put_net ns_capable
    net_namespace_list __napi_schedule napi_schedule_prep napi_enable napi_disable __netif_napi_del_locked net_ratelimit
    skb_pull skb_push skb_put skb_trim skb_to_sgvec skb_scrub_packet skb_dump pskb_put __skb_get_hash_net consume_skb skb_gso_validate_network_len
    kfree_skb_list_reason sk_skb_reason_drop sg_init_table __vlan_get_protocol_offset
    dst_release ipv4_dst_check ip6_dst_check ip4_mtu ip6_mtu ipv4_mtu ip6_dst_hoplimit ip_tunnel_parse_protocol inet_confirm_addr ipv6_chk_addr
    __ipv6_addr_type disable_ipv6_mod in6addr_any kernel_in6addr_any ip_tunnel_header_ops
    genlmsg_put nla_put nla_put_64bit netlink_has_listeners rtnl_lock rtnl_unlock synchronize_net
    blake2s_final blake2s_update chacha_crypt chacha20poly1305_decrypt chacha20poly1305_decrypt_sg_inplace chacha20poly1305_encrypt
    chacha20poly1305_encrypt_sg_inplace hchacha_block xchacha20poly1305_decrypt xchacha20poly1305_encrypt curve25519
    curve25519_generate_public __crypto_memneq get_random_bytes get_random_u32 get_random_u64 rng_is_initialized wait_for_random_bytes
    call_rcu call_rcu_hurry kvfree_call_rcu rcu_barrier rcuref_get_slowpath refcount_warn_saturate complete_all wait_for_completion
    mutex_lock mutex_unlock mod_timer timer_delete timer_delete_sync timer_init_key timer_shutdown_sync
    rb_erase rb_first_postorder rb_insert_color rb_next rb_next_postorder rb_prev rb_replace_node
    jiffies ktime_get ktime_get_coarse_ts64 ktime_get_coarse_with_offset ktime_get_real_ts64 nsecs_to_jiffies
    memcmp memcpy memset bcmp panic warn_slowpath_fmt _printk __dynamic_pr_debug _totalram_pages cpu_tasks
    __cond_resched __might_resched __might_sleep __local_bh_enable_ip __cpu_online_mask
    """.split()
)

# Shims of the kernel crate, what the compiler calls, and code of the kernel's crates, which allocates by those above.
NOT_ALLOCATING_EITHER = re.compile(
    r"rust_helper_(?!k.*alloc)|__asan_|__kasan_|__kunit_|kunit_|_RNv.*(4core|6kernel|8bindings)"
)


def is_known(name):
    return name in ALLOCATING | NOT_ALLOCATING or bool(NOT_ALLOCATING_EITHER.match(name))
