/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x86 processor behind the common face of cpu/cpu.h.
 */
#include <stdlib.h>

#include "cpu/x86/block.h"

static const struct x86 *const_of(const struct cpu *c)
{
	return (const struct x86 *)(const void *)((const char *)c - offsetof(struct x86, cpu));
}

static struct cpu *create(struct mem *mem, struct code_cache *code, struct log *log, u32 id)
{
	struct x86 *c = calloc(1, sizeof *c);

	if (!c || x86_init(c, mem, code, log)) {
		free(c);
		return NULL;
	}
	c->cpu.id = id;
	c->s.rng += id;
	return &c->cpu;
}

static void destroy(struct cpu *c)
{
	x86_exit(x86_of_cpu(c));
	free(x86_of_cpu(c));
}

static enum cpu_exit run(struct cpu *c, u64 n)
{
	return x86_run(x86_of_cpu(c), n);
}

static u64 icount(const struct cpu *c)
{
	return x86_icount(const_of(c));
}

static void sync(struct cpu *c)
{
	x86_sync(x86_of_cpu(c));
}

static void load(struct cpu *c)
{
	x86_load(x86_of_cpu(c));
}

static void limit(struct cpu *c, u64 left)
{
	x86_limit(x86_of_cpu(c), left);
}

static void code_unmapped(struct cpu *c)
{
	x86_code_unmapped(x86_of_cpu(c));
}

static u32 print_branches(const struct cpu *c, const char *indent, FILE *out)
{
	return x86_print_branches(const_of(c), indent, out);
}

static int add_state(struct cpu *c, struct state_list *list, u32 index)
{
	return state_add(list, x86_arch.name, index, &x86_state_desc, &x86_of_cpu(c)->s, 1);
}

const struct cpu_arch x86_arch = {
	.name = "x86",
	.create = create,
	.destroy = destroy,
	.run = run,
	.icount = icount,
	.sync = sync,
	.load = load,
	.limit = limit,
	.code_unmapped = code_unmapped,
	.print_branches = print_branches,
	.add_state = add_state,
	.code_new = code_cache_new,
	.code_free = code_cache_free,
	.code_flush = code_cache_flush,
	.code_written = code_written,
	.code_dropped = code_drop_frame,
};
