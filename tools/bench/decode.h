/* SPDX-License-Identifier: GPL-2.0 */
/* The little that count.c has to know of x86 instructions: those of a kernel, in 64-bit mode. */
#ifndef DECODE_H
#define DECODE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum string_kind { STRING_MOVE, STRING_STORE, NOT_STRING };

/* movs and stos, which move and fill memory, mostly repeated. */
static inline enum string_kind string_kind(const uint8_t *code, size_t length)
{
	size_t at = 0;

	while (at < length && (code[at] == 0xf2 || code[at] == 0xf3 || code[at] == 0x66 || (code[at] & 0xf0) == 0x40))
		at++;
	if (at + 1 != length)
		return NOT_STRING;
	switch (code[at]) {
	case 0xa4:
	case 0xa5:
		return STRING_MOVE;
	case 0xaa:
	case 0xab:
		return STRING_STORE;
	default:
		return NOT_STRING;
	}
}

/*
 * Where an instruction goes on whenever it is executed, if it says so itself: a call or a jump with a distance of 32
 * bits, as have all that lead to another object file. 0 for all others.
 */
static inline uint64_t target_of(const uint8_t *code, size_t length, uint64_t address)
{
	size_t at = 0;
	int32_t distance;

	/* Compilers fill up calls with prefixes that mean nothing. */
	while (at < length && (code[at] == 0x2e || code[at] == 0x3e))
		at++;
	if (length - at != 1 + sizeof(distance) || (code[at] != 0xe8 && code[at] != 0xe9))
		return 0;
	memcpy(&distance, code + at + 1, sizeof(distance));
	return address + length + distance;
}

/* Whether an instruction, as text, writes to the frame of the function that it is in: what it saves there is no data. */
static inline int is_of_frame(const char *text)
{
	return !strncmp(text, "push", 4) || !strncmp(text, "call", 4) || strstr(text, "(%rsp");
}

#endif
