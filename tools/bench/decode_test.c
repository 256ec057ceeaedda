// SPDX-License-Identifier: GPL-2.0
/* Tests decode.h; tells the results in TAP without a plan. */
#include <stdio.h>

#include "decode.h"

#define CODE(...) ((const uint8_t[]){ __VA_ARGS__ }), sizeof((const uint8_t[]){ __VA_ARGS__ })

static int failed;

static void check(int held, const char *what)
{
	printf("%sok - %s\n", held ? "" : "not ", what);
	failed |= !held;
}

int main(void)
{
	check(string_kind(CODE(0xf3, 0xa4)) == STRING_MOVE, "rep movsb moves");
	check(string_kind(CODE(0xf3, 0x48, 0xa5)) == STRING_MOVE, "rep movsq moves");
	check(string_kind(CODE(0xf3, 0xaa)) == STRING_STORE, "rep stosb stores");
	check(string_kind(CODE(0x48, 0xab)) == STRING_STORE, "stosq stores");
	check(string_kind(CODE(0x48, 0x89, 0xa4)) == NOT_STRING, "an operand that looks like movsb is none");
	check(string_kind(CODE(0xf3, 0xa6)) == NOT_STRING, "rep cmpsb is neither");
	check(string_kind(CODE(0x66, 0x66, 0x66)) == NOT_STRING, "prefixes alone are neither");

	check(target_of(CODE(0xe8, 0x10, 0, 0, 0), 0x1000) == 0x1015, "a call goes forward from its end");
	check(target_of(CODE(0xe9, 0xf0, 0xff, 0xff, 0xff), 0x1000) == 0xff5, "a jump goes back");
	check(target_of(CODE(0x2e, 0xe8, 0x10, 0, 0, 0), 0x1000) == 0x1016, "a prefix is part of the call");
	check(target_of(CODE(0xeb, 0x10), 0x1000) == 0, "a short jump stays where it is");
	check(target_of(CODE(0xff, 0xd0), 0x1000) == 0, "a call through a register names no target");
	check(target_of(CODE(0x0f, 0x84, 0, 1, 0, 0), 0x1000) == 0, "a conditional jump is not always taken");

	check(is_of_frame("pushq %rbx") && is_of_frame("callq *%rax"), "push and call write to the stack");
	check(is_of_frame("movq %rbx, 8(%rsp)"), "so does what is relative to its pointer");
	check(!is_of_frame("movq %r8, (%rsi)"), "other stores are data");
	return failed;
}
