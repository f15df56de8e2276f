/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bare machine. See bare.h. Physical addresses with nothing behind them read as ones and swallow writes.
 */
#include "hw/bare.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "cpu/x86/decode.h"
#include "cpu/x86/model.h"
#include "vm/x86.h"

#define ROM_TOP 0x100000000ULL
#define ROM_LOW 0x100000u

/* Guest-visible. */
struct bare_state {
	u32 exit_code; /* of port 0xf4 */
	u8 exited;
	u8 vector;     /* of the pending interrupt */
	u8 port92;
	u8 pad;
};
static const struct state_field bare_fields[] = {
	STATE_INT(struct bare_state, exit_code), STATE_INT(struct bare_state, exited), STATE_INT(struct bare_state, vector),
	STATE_INT(struct bare_state, port92),    STATE_INT(struct bare_state, pad),
};
static STATE_DESC(bare_state_desc, "bare", 1, struct bare_state, bare_fields);

struct bare_machine {
	struct domain *d;
	struct bare_state s;
	void (*out)(void *opaque, u8 c);
	void *opaque;
};

static struct bare_machine *machine_of(const struct domain *d)
{
	assert(d->kind == DOMAIN_BARE);
	return d->machine;
}

static struct bare_machine *machine(struct x86 *c)
{
	return machine_of(x86_vcpu(c)->d);
}

static u32 port_read(struct x86 *c, u16 port, u32 size)
{
	struct bare_machine *m = machine(c);
	u32 v = ~0u;

	if (port == 0xe9)
		v = 0xe9;
	else if (port == 0x92)
		v = m->s.port92;
	return size == 1 ? (u8)v : size == 2 ? (u16)v : v;
}

static void port_write(struct x86 *c, u16 port, u32 size, u32 v)
{
	struct bare_machine *m = machine(c);

	switch (port) {
	case 0x92:
		m->s.port92 = (u8)v;
		x86_set_a20(c, v & 2);
		break;
	case 0xb2:
		x86_smi(c);
		break;
	case 0xe9:
		if (m->out)
			m->out(m->opaque, (u8)v);
		break;
	case 0xf4:
		m->s.exit_code = v << 1 | 1;
		m->s.exited = 1;
		domain_end(m->d, END_POWEROFF);
		cpu_stop(&c->cpu);
		break;
	case 0xf5:
		m->s.vector = (u8)v;
		x86_set_intr(c, true);
		break;
	case 0xf6:
		x86_nmi(c);
		break;
	case 0xf7:
		x86_signal_init(c, (u8)v);
		x86_signal_sipi(c, (u8)v);
		break;
	default:
		break;
	}
}

static u8 intack(struct x86 *c)
{
	x86_set_intr(c, false);
	return machine(c)->s.vector;
}

static u64 tsc(struct x86 *c)
{
	return domain_now(x86_vcpu(c)->d);
}

static const struct x86_ops bare_cpu_ops = {
	.cpuid = x86_cpuid, .tsc = tsc, .in = port_read, .out = port_write, .intack = intack
};

static bool nothing_there(void *opaque, struct mmu *mmu, u64 paddr, void *buf, u32 n, bool write)
{
	if (!write)
		memset(buf, 0xff, n);
	return true;
}

static const struct mmu_hooks bare_mmu_hooks = { .device = nothing_there };

/* A processor that waits for what cannot come sleeps for good; one that has shut down is a crash to be told of. */
static void leave(struct vcpu *v)
{
	if (v->s.run != VCPU_RUNNABLE || x86_has_work(x86_of(v)))
		return;
	if (x86_of(v)->sys.blocked & BLOCK_SHUTDOWN) {
		vcpu_block(v);
		domain_crash(v->d, v, "its processor has shut down after a triple fault");
	} else if (x86_of(v)->s.halted || (x86_of(v)->sys.blocked & BLOCK_SIPI)) {
		vcpu_block(v);
	}
}

static void report(struct domain *d, FILE *out)
{
	const struct bare_machine *m = machine_of(d);

	if (m->s.exited)
		fprintf(out, "exit code %u from port 0xf4\n", m->s.exit_code);
}

static void destroy(struct domain *d)
{
	free(machine_of(d));
	d->machine = NULL;
}

static const struct domain_ops bare_domain_ops = { NULL, leave, report, destroy };

/* Frames of [from, to). */
static int add_memory(struct domain *d, u64 from, u64 to)
{
	u64 f;
	int rc;

	for (f = from >> PAGE_SHIFT; f < to >> PAGE_SHIFT; f++) {
		rc = mem_add(&d->mem, f);
		if (rc && rc != -EEXIST)
			return rc;
	}
	return 0;
}

static int load_image(struct domain *d, const struct bare_config *cfg)
{
	u64 rom = ALIGN_UP((u64)cfg->len, PAGE_SIZE);
	int rc;

	if (cfg->boot == BARE_EMPTY)
		return 0;
	if (cfg->boot != BARE_ROM)
		return mem_write(&d->mem, cfg->boot == BARE_BOOT ? 0x7c00 : cfg->load, cfg->image, cfg->len);
	rc = add_memory(d, ROM_TOP - rom, ROM_TOP);
	if (!rc)
		rc = mem_write(&d->mem, ROM_TOP - cfg->len, cfg->image, cfg->len);
	if (!rc)
		rc = mem_write(&d->mem, ROM_LOW - cfg->len, cfg->image, cfg->len);
	return rc;
}

static void start(struct vcpu *v, const struct bare_config *cfg, u64 features)
{
	struct x86 *c = x86_of(v);
	u64 at = cfg->boot == BARE_BOOT ? 0x7c00 : cfg->load;

	c->ops = &bare_cpu_ops;
	x86_set_features(c, features, x86_model_named(cfg->cpu ? cfg->cpu : "max"));
	c->mmu.hooks = &bare_mmu_hooks;
	c->mmu.opaque = c;
	x86_reset(c);
	/* Offsets, not linear addresses, are what the reset state has. */
	c->rip = c->s.seg[SEG_CS].base + 0xfff0;
	if (cfg->boot == BARE_BOOT || cfg->boot == BARE_FLAT) {
		u16 sel = cfg->boot == BARE_BOOT ? 0 : (u16)(at >> 4);

		x86_set_seg(c, SEG_CS, sel, (u64)sel << 4, 0xffff, c->s.seg[SEG_CS].attr);
		c->rip = at;
	}
	x86_mode_changed(c);
	x86_sync(c);
	v->s.run = VCPU_RUNNABLE;
}

static int check(const struct bare_config *cfg, u64 *features, struct error *e)
{
	u64 room = cfg->boot == BARE_ROM ? BARE_ROM_MAX : cfg->boot == BARE_BOOT ? 0x100000 - 0x7c00 : ROM_LOW - cfg->load;

	if (!cfg->len && cfg->boot != BARE_EMPTY)
		return error_set(e, -EINVAL, "the image is empty: give a flat binary");
	if (cfg->boot == BARE_FLAT && cfg->load >= ROM_LOW)
		return error_set(e, -EINVAL, "load address 0x%llx: real mode starts below 0x100000",
				 (unsigned long long)cfg->load);
	if (cfg->len > room)
		return error_set(e, -EFBIG, "the image has %llu bytes: at most %llu fit there", (unsigned long long)cfg->len,
				 (unsigned long long)room);
	if (cfg->memory > BARE_MEMORY_MAX)
		return error_set(e, -EINVAL, "%llu MiB of memory: the bare machine can have %u at most",
				 (unsigned long long)(cfg->memory >> 20), (u32)(BARE_MEMORY_MAX >> 20));
	return x86_features_parse(cfg->cpu ? cfg->cpu : "max", features, e);
}

struct domain *bare_create(struct host *h, const char *name, const struct bare_config *cfg, struct error *e)
{
	u64 memory = ALIGN_UP(MAX(cfg->memory, (u64)ROM_LOW), PAGE_SIZE);
	u64 features = x86_features_implemented();
	struct bare_machine *m;
	struct domain *d;

	if (check(cfg, &features, e))
		return NULL;
	d = domain_create(h, name, ROM_TOP >> PAGE_SHIFT, 1, cfg->shift);
	m = calloc(1, sizeof *m);
	if (!d || !m)
		goto no_memory;
	m->d = d;
	m->s.port92 = 2;
	m->out = cfg->out;
	m->opaque = cfg->opaque;
	domain_become(d, DOMAIN_BARE, m, &bare_domain_ops);
	if (add_memory(d, 0, memory) || load_image(d, cfg) ||
	    state_add(&d->states, "x86_sys", 0, &x86_sys_desc, &x86_of(d->vcpus[0])->sys, 1) ||
	    state_add(&d->states, "bare", 0, &bare_state_desc, &m->s, 1))
		goto no_memory;
	start(d->vcpus[0], cfg, features);
	return d;
no_memory:
	error_set(e, -ENOMEM, "not enough memory for a machine of %llu MiB", (unsigned long long)(memory >> 20));
	if (d && !d->ops)
		free(m);
	if (d)
		domain_destroy(d);
	else
		free(m);
	return NULL;
}

int bare_exit_code(const struct domain *d)
{
	const struct bare_machine *m = machine_of(d);

	return m->s.exited ? (int)m->s.exit_code : -1;
}
