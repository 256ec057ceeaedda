# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=x86,kcsan smp=2 mem=512 timeout=240 files=build/cargo/guest/release/order
#
# Packets of a tunnel stay in order on two CPUs, whichever way they take: encrypted where they are sent or by a worker,
# alone or in trains, decrypted by a poll or by others.

. "${0%/*}/lib.sh"

# With order=NUMBER on the kernel's command line so many.
count=$(told order)
: "${count:=$(is_debug && echo 20000 || echo 60000)}"

check "load the module" dut_load
check "a tunnel" tunnel_of_two
check "ping" ping_across a "$(inside 4 2)"
# Who receives polls a queue, of which there is one: so the cable keeps the order of what several CPUs send.
check "the cable keeps the order" eval 'features a to-b gro on tso off && features b to-a gro on tso off'

threaded() { at b sh -c "echo $1 >/sys/class/net/wg0/threaded" && at a sh -c "echo $1 >/sys/class/net/wg0/threaded"; }
order() { "${0%/*}/order" a b "$(inside 4 2)" "$count"; }

check "in softirqs packets stay in order" order
check "polls get threads" threaded 1
check "in threads packets stay in order" order
check "polls lose their threads" threaded 0
check "packets stay in order again" order

check "remove everything" eval 'ip netns del a && ip netns del b'
check "unload the module" await 20 dut_unload
done_testing
