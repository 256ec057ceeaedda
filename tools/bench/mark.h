/* SPDX-License-Identifier: GPL-2.0 */
/* The marks that traffic.c makes and count.c sees: long NOPs with an address that no compiler writes. */
#ifndef MARK_H
#define MARK_H

#define MARK_COUNT 1
#define MARK_BEGIN 2
#define MARK_END 3
#define MARK_SYMBOLS 4

/* nopl 0x574742NN(%rax), where NN is the mark: without its fourth byte. */
#define MARK_BYTES 0x0f, 0x1f, 0x80, 0x42, 0x47, 0x57

/* Where the guest's program has /proc/kallsyms when it makes MARK_SYMBOLS: its length, then the text. */
#define SYMBOLS_AT 0x100000000000

#ifdef __x86_64__
#define MAKE_MARK(mark) __asm__ volatile(".byte 0x0f, 0x1f, 0x80, %c0, 0x42, 0x47, 0x57" : : "i"(mark) : "memory")
#else
#define MAKE_MARK(mark) ((void)(mark))
#endif

#endif
