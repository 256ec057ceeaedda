// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin for QEMU's TCG: counts the instructions of a guest between two marks, by the address of each block of code.
 *
 *   -plugin count.so,out=FOLDER
 *
 * The guest makes marks by instructions that do nothing (see mark.h). What comes between BEGIN and END is written to
 * FOLDER/counts: a line `section`, then one line for each block of kernel code that was run,
 *
 *   ADDRESS INSTRUCTIONS-OF-THE-BLOCK TIMES
 *
 * and a line `user INSTRUCTIONS` for all that was not the kernel's. Of a repeated string instruction each round counts as
 * one. At SYMBOLS the plugin writes the text that the guest has at SYMBOLS_AT to FOLDER/symbols.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mark.h"
#include "qemu-plugin.h"

/* Blocks of code that have been translated, in an open hash table. A block's place there is that of its counters. */
#define BLOCKS (1u << 21)

struct block {
	uint64_t address;
	uint32_t instructions;
	bool used;
};

static struct block blocks[BLOCKS];
static unsigned int used;
/* How often each block was run, for each processor. */
static struct qemu_plugin_scoreboard *runs;
/* The same, of all processors, at the last BEGIN. */
static uint64_t *before;
static const char *folder;

_Noreturn static void give_up(const char *why)
{
	fprintf(stderr, "count: %s\n", why);
	exit(1);
}

static FILE *open_file(const char *name, const char *mode)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, mode);
	if (!file)
		give_up("cannot write to the folder that 'out' names");
	return file;
}

static unsigned int place_of(uint64_t address, uint32_t instructions)
{
	uint64_t hash = (address ^ ((uint64_t)instructions << 48)) * 0x9e3779b97f4a7c15;
	unsigned int place = hash >> 43;

	while (blocks[place].used && (blocks[place].address != address || blocks[place].instructions != instructions))
		place = (place + 1) % BLOCKS;
	return place;
}

/* Times that a block was run, on all processors. */
static uint64_t times(unsigned int place)
{
	return qemu_plugin_u64_sum((qemu_plugin_u64){ runs, place * sizeof(uint64_t) });
}

static bool is_kernel(uint64_t address)
{
	return address >> 63;
}

static void begin(void)
{
	unsigned int place;

	for (place = 0; place < BLOCKS; place++)
		if (blocks[place].used)
			before[place] = times(place);
}

static void end(void)
{
	FILE *file = open_file("counts", "a");
	uint64_t user = 0, more;
	unsigned int place;

	fprintf(file, "section\n");
	for (place = 0; place < BLOCKS; place++) {
		struct block *block = &blocks[place];

		more = block->used ? times(place) - before[place] : 0;
		if (!more)
			continue;
		if (is_kernel(block->address))
			fprintf(file, "%" PRIx64 " %u %" PRIu64 "\n", block->address, block->instructions, more);
		else
			user += block->instructions * more;
	}
	fprintf(file, "user %" PRIu64 "\n", user);
	fclose(file);
}

static void symbols(void)
{
	GByteArray *bytes = g_byte_array_new();
	FILE *file = open_file("symbols", "w");
	uint64_t length;

	if (!qemu_plugin_read_memory_vaddr(SYMBOLS_AT, bytes, sizeof(length)))
		give_up("the guest has no symbols where they are looked for");
	memcpy(&length, bytes->data, sizeof(length));
	if (!qemu_plugin_read_memory_vaddr(SYMBOLS_AT + sizeof(length), bytes, length))
		give_up("the guest's symbols cannot be read");
	fwrite(bytes->data, 1, length, file);
	fclose(file);
	g_byte_array_free(bytes, 1);
}

static void at_mark(unsigned int processor, void *mark)
{
	switch ((uintptr_t)mark) {
	case MARK_BEGIN: begin(); break;
	case MARK_END: end(); break;
	case MARK_SYMBOLS: symbols(); break;
	}
}

/* Which mark an instruction is, 0 if none. */
static uintptr_t mark_of(const uint8_t *code, size_t length)
{
	static const uint8_t mark[] = { MARK_BYTES };

	return length == sizeof(mark) + 1 && !memcmp(code, mark, 3) && !memcmp(code + 4, mark + 3, 3) ? code[3] : 0;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb), index;
	unsigned int place = place_of(qemu_plugin_tb_vaddr(tb), count);
	struct block *block = &blocks[place];
	uint8_t code[16];

	for (index = 0; index < count; index++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, index);
		size_t length = qemu_plugin_insn_data(insn, code, sizeof(code));
		uintptr_t mark = mark_of(code, length);

		if (mark)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, at_mark, QEMU_PLUGIN_CB_NO_REGS, (void *)mark);
	}
	if (!block->used) {
		if (++used > BLOCKS / 2)
			give_up("more blocks of code than there is room for: raise BLOCKS");
		*block = (struct block){ qemu_plugin_tb_vaddr(tb), count, true };
	}
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64,
		(qemu_plugin_u64){ runs, place * sizeof(uint64_t) }, 1);
}

int qemu_plugin_version = QEMU_PLUGIN_VERSION;

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
	if (argc != 1 || strncmp(argv[0], "out=", 4))
		return -1;
	folder = strdup(argv[0] + 4);
	before = calloc(BLOCKS, sizeof(*before));
	runs = qemu_plugin_scoreboard_new(BLOCKS * sizeof(uint64_t));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
