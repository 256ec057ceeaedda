// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin for QEMU's TCG: counts the instructions of a guest between two marks, by the address of each block of code.
 *
 *   -plugin count.so,out=FOLDER
 *
 * The guest makes marks by instructions that do nothing (see mark.h). From COUNT on blocks are counted: the boot is
 * quicker without. What comes between BEGIN and END is written to FOLDER/counts: a line `section`, then one line for
 * each block of kernel code that was run,
 *
 *   ADDRESS INSTRUCTIONS-OF-THE-BLOCK TIMES TARGET MOVED FILLED STORED
 *
 * and a line `user INSTRUCTIONS` for all that was not the kernel's. Of a repeated string instruction each round counts as
 * one. TARGET is where the block goes on if its last instruction is a call or a jump that says so, else 0. The rest are
 * bytes that it wrote: MOVED by movs, FILLED by stos, STORED by others, but not to its function's frame. At SYMBOLS the
 * plugin writes the text that the guest has at SYMBOLS_AT to FOLDER/symbols.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "mark.h"
#include "qemu-plugin.h"

/* Blocks of code that have been translated, in an open hash table. */
#define BLOCKS (1u << 21)

/* How often a block was run, and how many bytes it wrote by which kind of instruction. */
struct tally {
	uint64_t runs;
	uint64_t written[NOT_STRING + 1];
};

struct block {
	uint64_t address;
	uint64_t target;
	uint32_t instructions;
	bool used;
	/* Up to now, and up to the last BEGIN. All processors take turns in one thread. */
	struct tally now;
	struct tally before;
};

static struct block blocks[BLOCKS];
static unsigned int used;
static const char *folder;
static qemu_plugin_id_t self;
static bool counting;

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);

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

static struct block *find_block(uint64_t address, uint32_t instructions)
{
	uint64_t hash = (address ^ ((uint64_t)instructions << 48)) * 0x9e3779b97f4a7c15;
	unsigned int place = hash >> 43;

	while (blocks[place].used && (blocks[place].address != address || blocks[place].instructions != instructions))
		place = (place + 1) % BLOCKS;
	return &blocks[place];
}

static bool is_kernel(uint64_t address)
{
	return address >> 63;
}

static void begin(void)
{
	unsigned int place;

	for (place = 0; place < BLOCKS; place++)
		blocks[place].before = blocks[place].now;
}

static void write_block(FILE *file, const struct block *block, uint64_t runs)
{
	int kind;

	fprintf(file, "%" PRIx64 " %u %" PRIu64 " %" PRIx64, block->address, block->instructions, runs, block->target);
	for (kind = 0; kind <= NOT_STRING; kind++)
		fprintf(file, " %" PRIu64, block->now.written[kind] - block->before.written[kind]);
	fprintf(file, "\n");
}

static void end(void)
{
	FILE *file = open_file("counts", "a");
	uint64_t user = 0, more;
	unsigned int place;

	fprintf(file, "section\n");
	for (place = 0; place < BLOCKS; place++) {
		struct block *block = &blocks[place];

		more = block->now.runs - block->before.runs;
		if (!more)
			continue;
		if (is_kernel(block->address))
			write_block(file, block, more);
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

static void restart(qemu_plugin_id_t id)
{
	counting = true;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
}

/* Makes QEMU translate everything anew. */
static void count(void)
{
	static bool asked;

	if (!asked)
		qemu_plugin_reset(self, restart);
	asked = true;
}

static void at_mark(unsigned int processor, void *mark)
{
	switch ((uintptr_t)mark) {
	case MARK_COUNT: count(); break;
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

/*
 * A call for each block, since counters in line (qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu) make guests of two
 * processors fail in QEMU 10.0: it stops with `Bad icount read`, or the guest computes wrong.
 */
static void was_run(unsigned int processor, void *block)
{
	((struct block *)block)->now.runs++;
}

#define WRITTEN_BY(name, kind)                                                                                       \
	static void name(unsigned int processor, qemu_plugin_meminfo_t info, uint64_t address, void *block)          \
	{                                                                                                            \
		((struct block *)block)->now.written[kind] += 1ull << qemu_plugin_mem_size_shift(info);              \
	}

WRITTEN_BY(was_stored, NOT_STRING)
WRITTEN_BY(was_moved, STRING_MOVE)
WRITTEN_BY(was_filled, STRING_STORE)

static bool stores_to_frame(const struct qemu_plugin_insn *insn)
{
	char *text = qemu_plugin_insn_disas(insn);
	bool frame;

	if (!text)
		give_up("this QEMU cannot disassemble: it has to be built with Capstone");
	frame = is_of_frame(text);
	g_free(text);
	return frame;
}

static void watch_stores(struct qemu_plugin_insn *insn, enum string_kind kind, struct block *block)
{
	static void (*const calls[])(unsigned int, qemu_plugin_meminfo_t, uint64_t, void *) = {
		[NOT_STRING] = was_stored,
		[STRING_MOVE] = was_moved,
		[STRING_STORE] = was_filled,
	};

	if (kind != NOT_STRING || !stores_to_frame(insn))
		qemu_plugin_register_vcpu_mem_cb(insn, calls[kind], QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_W, block);
}

/* What its instructions write, and where the last of them leads. */
static void look_into(struct qemu_plugin_tb *tb, size_t instructions, struct block *block)
{
	uint8_t code[16];
	size_t index;

	for (index = 0; index < instructions; index++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, index);
		size_t length = qemu_plugin_insn_data(insn, code, sizeof(code));

		block->target = target_of(code, length, qemu_plugin_insn_vaddr(insn));
		watch_stores(insn, string_kind(code, length), block);
	}
}

static void count_block(struct qemu_plugin_tb *tb, size_t instructions)
{
	uint64_t address = qemu_plugin_tb_vaddr(tb);
	struct block *block = find_block(address, instructions);

	if (!block->used) {
		if (++used > BLOCKS / 2)
			give_up("more blocks of code than there is room for: raise BLOCKS");
		*block = (struct block){ .address = address, .instructions = instructions, .used = true };
	}
	qemu_plugin_register_vcpu_tb_exec_cb(tb, was_run, QEMU_PLUGIN_CB_NO_REGS, block);
	if (is_kernel(address))
		look_into(tb, instructions, block);
}

static void look_for_marks(struct qemu_plugin_tb *tb, size_t instructions)
{
	uint8_t code[16];
	size_t index;

	for (index = 0; index < instructions; index++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, index);
		size_t length = qemu_plugin_insn_data(insn, code, sizeof(code));
		uintptr_t mark = mark_of(code, length);

		if (mark)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, at_mark, QEMU_PLUGIN_CB_NO_REGS, (void *)mark);
	}
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t instructions = qemu_plugin_tb_n_insns(tb);

	if (counting)
		count_block(tb, instructions);
	if (!is_kernel(qemu_plugin_tb_vaddr(tb)))
		look_for_marks(tb, instructions);
}

int qemu_plugin_version = QEMU_PLUGIN_VERSION;

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
	if (argc != 1 || strncmp(argv[0], "out=", 4))
		return -1;
	self = id;
	folder = strdup(argv[0] + 4);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
