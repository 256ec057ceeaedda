# SPDX-License-Identifier: GPL-2.0
"""Defects to be planted into a copy of the files, and what must break of each."""

import re
from dataclasses import dataclass


@dataclass
class Defect:
    name: str
    file: str
    right: str
    wrong: str
    theorem: str = ""
    test: str = ""
    """In place of a theorem: a part of the names of tests."""

    def plant(self, tree):
        path = tree / self.file
        text = path.read_text()
        if text.count(self.right) != 1:
            raise SystemExit(f"prove: {self.name}: not once in {self.file}: {self.right}")
        path.write_text(text.replace(self.right, self.wrong))
        if self.file == REPLAY:
            make_window_small(tree)


def make_window_small(tree):
    """An eighth will do to find a defect, and sooner; the proofs themselves are about the whole."""
    path = tree / "src/proto/constants.rs"
    text = re.sub(r"const _: .*;\n", "", path.read_text())
    path.write_text(text.replace("REPLAY_BITS: u64 = 8192", "REPLAY_BITS: u64 = 1024"))


REPLAY = "src/proto/replay.rs"
TRANSPORT = "src/proto/transport.rs"
PREFIX = "src/proto/prefix.rs"
SESSION = "src/session/mod.rs"
SLOTS = "src/session/slots.rs"

DEFECTS = [
    # The replay window.
    Defect(
        "the window is not cleared when it moves",
        REPLAY,
        "                *word = 0;",
        "                *word &= u64::MAX;",
        "all_others_stay_as_they_were",
    ),
    Defect(
        "the word where the window ends is not cleared",
        REPLAY,
        "for ahead in 1..=fresh.min(WORDS as u64)",
        "for ahead in 1..fresh.min(WORDS as u64)",
        "the_answer_is_right",
    ),
    Defect(
        "the word where the window began is cleared too",
        REPLAY,
        "for ahead in 1..=fresh.min(WORDS as u64)",
        "for ahead in 0..=fresh.min(WORDS as u64)",
        "all_others_stay_as_they_were",
    ),
    Defect(
        "a far jump clears one word too few",
        REPLAY,
        "fresh.min(WORDS as u64)",
        "fresh.min(WORDS as u64 - 1)",
        "all_others_stay_as_they_were",
    ),
    Defect(
        "a window longer than what is cleared allows",
        REPLAY,
        "if place.wrapping_add(REPLAY_WINDOW) < self.next",
        "if place.wrapping_add(REPLAY_WINDOW + 1) < self.next",
        "the_answer_is_right",
    ),
    Defect(
        "a window shorter by one",
        REPLAY,
        "if place.wrapping_add(REPLAY_WINDOW) < self.next",
        "if place.wrapping_add(REPLAY_WINDOW) <= self.next",
        "the_answer_is_right",
    ),
    Defect(
        "the first counter beyond the limit",
        REPLAY,
        "if counter.0 >= REJECT_AFTER_MESSAGES",
        "if counter.0 > REJECT_AFTER_MESSAGES",
        "nothing_from_the_limit_on",
    ),
    Defect(
        "no limit, so that sums wrap",
        REPLAY,
        "if counter.0 >= REJECT_AFTER_MESSAGES",
        "if counter.0 == REJECT_AFTER_MESSAGES",
        "nothing_from_the_limit_on",
    ),
    Defect(
        "accepting without marking",
        REPLAY,
        "        *word |= bit;\n",
        "        let _ = &word;\n",
        "what_is_accepted_is_known",
    ),
    Defect(
        "marking the neighbour",
        REPLAY,
        "let bit = 1 << (place % WORD_BITS);",
        "let bit = 1 << (place.wrapping_add(1) % WORD_BITS);",
        "what_is_accepted_is_known",
    ),
    Defect(
        "the head goes back",
        REPLAY,
        "        if place > self.next {\n",
        "        if place != self.next {\n",
        "what_is_accepted_is_known",
    ),
    Defect(
        "a word beyond the ring",
        REPLAY,
        "self.bitmap.get_mut(index as usize & (WORDS - 1))",
        "self.bitmap.get_mut(index as usize & WORDS)",
        "the_answer_is_right",
    ),
    Defect(
        "a sum that overflows",
        REPLAY,
        "if counter.0 >= REJECT_AFTER_MESSAGES {\n            return false;\n        }",
        "if counter.0 + REPLAY_WINDOW + 2 > u64::MAX {\n            return false;\n        }",
        "nothing_from_the_limit_on",
    ),
    # Lengths and limits.
    Defect(
        "padding beyond the MTU",
        TRANSPORT,
        "round_up(last).min(mtu.saturating_sub(last))",
        "round_up(last)",
        "padding_respects_the_mtu",
    ),
    Defect(
        "padding of the whole, not of the last fragment",
        TRANSPORT,
        "round_up(last).min(mtu.saturating_sub(last))",
        "round_up(len).min(mtu.saturating_sub(last))",
        "padding_fills_block_or_mtu",
    ),
    Defect(
        "padding to another block",
        TRANSPORT,
        "len.wrapping_neg() % PADDING_MULTIPLE",
        "len.wrapping_neg() % (PADDING_MULTIPLE * 2)",
        "padding_is_short",
    ),
    Defect(
        "a padded length that overflows",
        TRANSPORT,
        "len.saturating_add(padding(len, mtu))",
        "len + padding(len, mtu)",
        "padded_len_only_grows",
    ),
    Defect(
        "the tag is forgotten",
        TRANSPORT,
        "padded_len.checked_add(DATA_HEADER_LEN + TAG_LEN)",
        "padded_len.checked_add(DATA_HEADER_LEN)",
        "message_len_is_exact_or_none",
    ),
    Defect(
        "a message length that wraps",
        TRANSPORT,
        "padded_len.checked_add(DATA_HEADER_LEN + TAG_LEN)",
        "Some(padded_len.wrapping_add(DATA_HEADER_LEN + TAG_LEN))",
        "message_len_is_exact_or_none",
    ),
    Defect(
        "a nonce without the highest byte",
        TRANSPORT,
        "[0, 0, 0, 0, a, b, c, d, e, f, g, h]",
        "[0, 0, 0, h, a, b, c, d, e, f, g, 0]",
        "nonces_differ_as_counters_do",
    ),
    Defect(
        "the limit is handed out",
        TRANSPORT,
        "Some(end) => end <= REJECT_AFTER_MESSAGES,",
        "Some(end) => end <= REJECT_AFTER_MESSAGES + 1,",
        "a_batch_is_below_the_limit",
    ),
    Defect(
        "only the first of a batch is looked at",
        TRANSPORT,
        "Some(end) => end <= REJECT_AFTER_MESSAGES,",
        "Some(_) => first < REJECT_AFTER_MESSAGES,",
        "a_batch_is_below_the_limit",
    ),
    Defect(
        "a batch that wraps",
        TRANSPORT,
        "match first.checked_add(count) {",
        "match Some(first.wrapping_add(count)) {",
        "may_number_is_exact",
    ),
    Defect(
        "sending at the limit",
        TRANSPORT,
        "counter < REJECT_AFTER_MESSAGES && !lifetime",
        "counter <= REJECT_AFTER_MESSAGES && !lifetime",
        "may_send_is_exact",
    ),
    Defect(
        "receiving for as long as sending is not due",
        TRANSPORT,
        "next < REJECT_AFTER_MESSAGES && !lifetime.is_over(now)",
        "next < REJECT_AFTER_MESSAGES || !lifetime.is_over(now)",
        "may_receive_is_exact",
    ),
    Defect(
        "a life that is longer by a nanosecond",
        TRANSPORT,
        "now.0 >= self.reject.0",
        "now.0 > self.reject.0",
        "may_send_is_exact",
    ),
    # Prefixes.
    Defect(
        "a mask longer by one",
        PREFIX,
        "let host_bits = <Self as Address>::BITS.saturating_sub(len);",
        "let host_bits = <Self as Address>::BITS.saturating_sub(len).saturating_sub(1);",
        "u32_masked_keeps_the_first_bits",
    ),
    Defect(
        "a shift too far at length zero",
        PREFIX,
        "let mask = Self::MAX.checked_shl(u32::from(host_bits)).unwrap_or(0);",
        "let mask = Self::MAX << u32::from(host_bits);",
        "u128_new_clears_the_rest",
    ),
    Defect(
        "at length zero nothing is cleared",
        PREFIX,
        "let mask = Self::MAX.checked_shl(u32::from(host_bits)).unwrap_or(0);",
        "let mask = Self::MAX.wrapping_shl(u32::from(host_bits));",
        "u128_new_clears_the_rest",
    ),
    Defect(
        "bits counted from one",
        PREFIX,
        ".and_then(|n| n.checked_sub(1));",
        ".and_then(|n| n.checked_sub(2));",
        "u32_bits_count_from_the_left",
    ),
    Defect(
        "common bits counted from the right",
        PREFIX,
        "(self ^ other).leading_zeros() as u8",
        "(self ^ other).trailing_zeros() as u8",
        "u128_common_bits_end_where_addresses_differ",
    ),
    Defect(
        "host bits stay",
        PREFIX,
        "        Ok(Self {\n            address: address.masked(len),",
        "        Ok(Self {\n            address,",
        "u32_new_clears_the_rest",
    ),
    Defect(
        "a length beyond the address",
        PREFIX,
        "if len > A::BITS {",
        "if len > A::BITS.saturating_add(1) {",
        "u128_new_clears_the_rest",
    ),
    Defect(
        "the edge is not inside",
        PREFIX,
        "self.address.common_bits(address) >= self.len",
        "self.address.common_bits(address) > self.len",
        "u32_host_is_one_address",
    ),
    Defect(
        "a shorter prefix is covered",
        PREFIX,
        "self.len <= other.len && self.contains(other.address)",
        "self.contains(other.address)",
        "u32_covers_only_subsets",
    ),
    Defect(
        "a prefix does not cover itself",
        PREFIX,
        "self.len <= other.len && self.contains(other.address)",
        "self.len < other.len && self.contains(other.address)",
        "u32_covers_all_subsets",
    ),
    Defect(
        "a network does not contain what differs in the last bit of it",
        PREFIX,
        "self.address.common_bits(address) >= self.len",
        "self.address.common_bits(address) >= self.len && address.bit(self.len)",
        "u128_contains_those_with_its_bits",
    ),
    Defect(
        "covering without looking at the address",
        PREFIX,
        "self.len <= other.len && self.contains(other.address)",
        "self.len <= other.len",
        "u128_covers_only_subsets",
    ),
    Defect(
        "common beyond the shorter one",
        PREFIX,
        "let len = bits.min(self.len).min(other.len);",
        "let len = bits.min(self.len);",
        "u128_common_covers_both",
    ),
    Defect(
        "common shorter than it could be",
        PREFIX,
        "let len = bits.min(self.len).min(other.len);",
        "let len = bits.min(self.len).min(other.len) & !1;",
        "u32_common_is_the_longest",
    ),
    Defect(
        "common with host bits",
        PREFIX,
        "        Self {\n            address: self.address.masked(len),",
        "        Self {\n            address: self.address,",
        "u32_common_covers_both",
    ),
    Defect(
        "the branch is the last bit inside",
        PREFIX,
        "address.bit(self.len)",
        "address.bit(self.len.saturating_sub(1))",
        "u128_branches_part",
    ),
    Defect(
        "half of the arithmetic of prefixes, on sets",
        PREFIX,
        "self.len <= other.len && self.contains(other.address)",
        "self.len < other.len && self.contains(other.address)",
        test="covering_is_inclusion",
    ),
    # Numbers of a session.
    Defect(
        "the counter before the last one",
        SESSION,
        "            return Some(first);",
        "            return Some(first.saturating_sub(1));",
        "counters_are_reserved_once",
    ),
    Defect(
        "one is reserved for all",
        SESSION,
        "self.sent.fetch_add(count, Ordering::Relaxed)",
        "self.sent.fetch_add(count.min(1), Ordering::Relaxed)",
        "reservations_do_not_overlap",
    ),
    Defect(
        "numbers are looked at and not taken",
        SESSION,
        "self.sent.fetch_add(count, Ordering::Relaxed)",
        "self.sent.load(Ordering::Relaxed)",
        "counters_are_reserved_once",
    ),
    Defect(
        "the limit is not asked for",
        SESSION,
        "if transport::may_number(first, count) {",
        "if transport::may_number(first, 0) {",
        "counters_are_reserved_once",
    ),
    Defect(
        "a session without numbers is still used",
        SESSION,
        "        self.stop_sending();\n        None",
        "        None",
        "stopped_after_the_end",
    ),
    Defect(
        "stopping is not heeded",
        SESSION,
        "        self.may_send.load(Ordering::Relaxed)\n            && transport::may_send(",
        "        true\n            && transport::may_send(",
        "stopped_is_stopped",
    ),
    Defect(
        "receiving begins again",
        SESSION,
        "        if !may {\n            self.may_receive.store(false, Ordering::Relaxed);\n        }\n",
        "",
        "receiving_ends_once",
    ),
    # The slots.
    Defect(
        "the initiator's session replaces what waits",
        SLOTS,
        "                let previous = if next.is_some() {",
        "                let previous = if next.is_none() {",
        test="slots",
    ),
    Defect(
        "what was in use is forgotten",
        SLOTS,
        "                retire(table, self.previous.replace(previous));",
        "                retire(table, self.previous.replace(None));",
        test="slots",
    ),
    Defect(
        "the previous session stays beside the next",
        SLOTS,
        "                retire(table, self.next.replace(Some(session)));\n"
        "                retire(table, self.previous.replace(None));",
        "                retire(table, self.next.replace(Some(session)));",
        test="slots",
    ),
    Defect(
        "any session confirms",
        SLOTS,
        "self.next.load(rcu).is_some_and(|next| next.is(session))",
        "self.next.load(rcu).is_some()",
        test="slots",
    ),
    Defect(
        "a session in two slots",
        SLOTS,
        "        let confirmed = self.next.replace(None);",
        "        let confirmed = self.next.get();",
        test="slots",
    ),
    Defect(
        "what waits is not stopped",
        SLOTS,
        "[self.current.load(rcu), self.next.load(rcu)]",
        "[self.current.load(rcu), None]",
        test="slots",
    ),
    Defect(
        "open after it was closed",
        SLOTS,
        "        *rotation = Rotation::Closed;\n",
        "        *rotation = Rotation::Open;\n",
        test="slots",
    ),
    Defect(
        "a refused session stays in the table",
        SLOTS,
        "            retire(table, Some(session));\n            return Err(ESHUTDOWN);",
        "            return Err(ESHUTDOWN);",
        test="slots",
    ),
    Defect(
        "one slot is not cleared",
        SLOTS,
        "for slot in [&self.next, &self.current, &self.previous]",
        "for slot in [&self.next, &self.current, &self.current]",
        test="slots",
    ),
    Defect(
        "a retired session still sends",
        SLOTS,
        "    if let Some(session) = session {\n        session.stop_sending();",
        "    if let Some(session) = session {",
        test="slots",
    ),
    Defect(
        "a retired session can be found",
        SLOTS,
        "let _ = table.remove_session(session.local_index, &session);",
        "let _ = table;",
        test="slots",
    ),
]
