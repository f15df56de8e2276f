/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making, resetting and loading a CPU; its state table; what is derived from control registers and segments.
 */
#include "cpu/x86/x86.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/x86/block.h"
#include "cpu/x86/decode.h"
#include "cpu/x86/flags.h"
#include "cpu/x86/model.h"
#include "cpu/x86/seg.h"

static const struct state_field seg_fields[] = {
	STATE_INT(struct x86_seg, base),
	STATE_INT(struct x86_seg, limit),
	STATE_INT(struct x86_seg, sel),
	STATE_INT(struct x86_seg, attr),
};
static STATE_DESC(seg_desc, "seg", 1, struct x86_seg, seg_fields);

static const struct state_field dtr_fields[] = {
	STATE_INT(struct x86_dtr, base),
	STATE_INT(struct x86_dtr, limit),
	STATE_INT(struct x86_dtr, pad),
};
static STATE_DESC(dtr_desc, "dtr", 1, struct x86_dtr, dtr_fields);

static const struct state_field fpr_fields[] = {
	STATE_INT(struct x86_fpr, mant),
	STATE_INT(struct x86_fpr, se),
	STATE_INTS(struct x86_fpr, pad),
};
static STATE_DESC(fpr_desc, "fpr", 1, struct x86_fpr, fpr_fields);

static const struct state_field fpu_fields[] = {
	STATE_SUBS(struct x86_fpu, st, &fpr_desc),
	STATE_INT(struct x86_fpu, cw),
	STATE_INT(struct x86_fpu, sw),
	STATE_INT(struct x86_fpu, top),
	STATE_INT(struct x86_fpu, tag),
	STATE_INT(struct x86_fpu, fop),
	STATE_INT(struct x86_fpu, fip),
	STATE_INT(struct x86_fpu, fdp),
	STATE_INT(struct x86_fpu, fcs),
	STATE_INT(struct x86_fpu, fds),
	STATE_INT(struct x86_fpu, mxcsr),
};
static STATE_DESC(fpu_desc, "fpu", 1, struct x86_fpu, fpu_fields);

static const struct state_field vec_fields[] = {
	STATE_INTS(union x86_vec, q),
};
static STATE_DESC(vec_desc, "vec", 1, union x86_vec, vec_fields);

static const struct state_field x86_fields[] = {
	STATE_INTS(struct x86_state, gpr),
	STATE_INT(struct x86_state, rip),
	STATE_INT(struct x86_state, rflags),
	STATE_SUBS(struct x86_state, seg, &seg_desc),
	STATE_SUB(struct x86_state, gdt, &dtr_desc),
	STATE_SUB(struct x86_state, idt, &dtr_desc),
	STATE_INT(struct x86_state, cr0),
	STATE_INT(struct x86_state, cr2),
	STATE_INT(struct x86_state, cr3),
	STATE_INT(struct x86_state, cr4),
	STATE_INT(struct x86_state, cr8),
	STATE_INT(struct x86_state, xcr0),
	STATE_INTS(struct x86_state, dr),
	STATE_INT(struct x86_state, efer),
	STATE_INT(struct x86_state, star),
	STATE_INT(struct x86_state, lstar),
	STATE_INT(struct x86_state, cstar),
	STATE_INT(struct x86_state, sfmask),
	STATE_INT(struct x86_state, kernel_gs_base),
	STATE_INT(struct x86_state, tsc_aux),
	STATE_INT(struct x86_state, sysenter_cs),
	STATE_INT(struct x86_state, sysenter_esp),
	STATE_INT(struct x86_state, sysenter_eip),
	STATE_INT(struct x86_state, pat),
	STATE_INT(struct x86_state, apic_base),
	STATE_INT(struct x86_state, misc_enable),
	STATE_INT(struct x86_state, tsc_offset),
	STATE_INT(struct x86_state, rng),
	STATE_SUB(struct x86_state, fpu, &fpu_desc),
	STATE_SUBS(struct x86_state, vec, &vec_desc),
	STATE_INT(struct x86_state, cpl),
	STATE_INT(struct x86_state, halted),
	STATE_INT(struct x86_state, shadow),
	STATE_INT(struct x86_state, held),
	STATE_INT(struct x86_state, pkru),
};
STATE_DESC(x86_state_desc, "x86", 1, struct x86_state, x86_fields);

static const struct state_field sys_fields[] = {
	STATE_INTS(struct x86_sys, pdpte),
	STATE_INT(struct x86_sys, debugctl),
	STATE_INT(struct x86_sys, smbase),
	STATE_INT(struct x86_sys, mtrr_def_type),
	STATE_INTS(struct x86_sys, mtrr_fix),
	STATE_INTS(struct x86_sys, mtrr_base),
	STATE_INTS(struct x86_sys, mtrr_mask),
	STATE_INT(struct x86_sys, feature_control),
	STATE_INT(struct x86_sys, apic_tsc_deadline),
	STATE_INT(struct x86_sys, microcode),
	STATE_INT(struct x86_sys, mcg_status),
	STATE_INT(struct x86_sys, monitor),
	STATE_INT(struct x86_sys, db_pending),
	STATE_INT(struct x86_sys, events),
	STATE_INT(struct x86_sys, blocked),
	STATE_INT(struct x86_sys, a20_off),
	STATE_INT(struct x86_sys, sipi),
};
STATE_DESC(x86_sys_desc, "x86_sys", 1, struct x86_sys, sys_fields);

/* What this CPU implements; models take away from it. */
static const u8 implemented[] = {
	F_BASE, F_X87, F_MMX, F_SSE, F_SSE2, F_SSE3, F_SSSE3, F_SSE41, F_SSE42, F_POPCNT, F_CX16, F_FSGSBASE,
	F_RDTSCP, F_RDRAND, F_RDSEED, F_XSAVE, F_SYSCALL, F_FXSR, F_CLFLUSH, F_3DNOWPREFETCH,
	F_MOVBE, F_LZCNT, F_BMI1, F_BMI2, F_ADX, F_AES, F_PCLMUL, F_SHA, F_CLFLUSHOPT, F_CLWB, F_RDPID, F_AVX, F_AVX2,
	F_FMA, F_F16C, F_XSAVEOPT, F_XSAVEC, F_SERIALIZE, F_CMOV, F_CX8, F_TSC, F_SMAP, F_INVPCID, F_MONITOR, F_VME, F_DE,
	F_PSE, F_MSR, F_PAE, F_SEP, F_PGE, F_PAT, F_NX, F_LM, F_LAHF, F_PCID, F_SMEP, F_UMIP, F_LA57, F_ERMS, F_FSRM,
	F_PKU, F_PDPE1GB
};

u64 x86_features_implemented(void)
{
	u64 f = 0;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(implemented); i++)
		f |= BIT(implemented[i]);
	return f;
}

u64 x86_cr4_bits(const struct x86 *c)
{
	static const struct {
		u8 feature;
		u32 bits;
	} rows[] = {
		{ F_VME, CR4_VME | CR4_PVI }, { F_TSC, CR4_TSD },         { F_DE, CR4_DE },
		{ F_PSE, CR4_PSE },           { F_PAE, CR4_PAE },         { F_MSR, CR4_MCE },
		{ F_PGE, CR4_PGE },           { F_MMX, CR4_PCE },         { F_FXSR, CR4_OSFXSR },
		{ F_SSE, CR4_OSXMMEXCPT },    { F_UMIP, CR4_UMIP },       { F_LA57, CR4_LA57 },
		{ F_PCID, CR4_PCIDE },        { F_SMEP, CR4_SMEP },       { F_FSGSBASE, CR4_FSGSBASE },
		{ F_XSAVE, CR4_OSXSAVE },     { F_SMAP, CR4_SMAP },         { F_PKU, CR4_PKE },
	};
	u64 k = 0;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		k |= c->features >> rows[i].feature & 1 ? rows[i].bits : 0;
	return k;
}

u64 x86_efer_bits(const struct x86 *c)
{
	return (c->features & BIT(F_SYSCALL) ? EFER_SCE : 0) | (c->features & BIT(F_LM) ? EFER_LME | EFER_LMA : 0) |
	       (c->features & BIT(F_NX) ? EFER_NXE : 0);
}

/* The number of c's set of features within its cache. False when there is no number left. */
static bool number_set(struct x86 *c)
{
	struct code_cache *cc = c->code;
	u32 i;

	for (i = 0; i < cc->nsets && cc->sets[i] != c->features; i++)
		;
	if (i == CODE_SETS)
		return false;
	cc->sets[i] = c->features;
	cc->nsets = MAX(cc->nsets, i + 1);
	c->feature_set = i;
	return true;
}

void x86_set_features(struct x86 *c, u64 features, const struct x86_model *model)
{
	struct x86 *o;

	c->features = features;
	c->model = model;
	if (!number_set(c)) {
		/* Numbers of CPUs long gone: count anew those that are left. */
		code_cache_flush(c->code);
		c->code->nsets = 0;
		for (o = c->code->cpus; o; o = o->next_in_cache) {
			/* With more kinds of CPUs than numbers the last ones share one, and nothing is kept for them. */
			if (!number_set(o)) {
				o->feature_set = CODE_SETS;
				o->cpu.uncached = true;
			}
			x86_mode_changed(o);
		}
	}
	x86_mode_changed(c);
}

int x86_init(struct x86 *c, struct mem *mem, struct code_cache *code, struct log *log)
{
	int rc;

	memset(c, 0, sizeof *c);
	c->jumps = calloc(JUMP_SLOTS, sizeof *c->jumps);
	if (!c->jumps)
		return -ENOMEM;
	rc = x86_mmu_init(&c->mmu, mem, &c->paging);
	if (rc) {
		free(c->jumps);
		return rc;
	}
	c->cpu.arch = &x86_arch;
	c->cpu.mmu = &c->mmu;
	c->code = code;
	c->cpu.log = log;
	c->next_in_cache = code->cpus;
	code->cpus = c;
	c->features = x86_features_implemented();
	x86_wipe_jumps(c);
	x86_reset(c);
	x86_set_features(c, c->features, NULL);
	return 0;
}

void x86_exit(struct x86 *c)
{
	struct x86 **p;

	if (!c->jumps)
		return;
	for (p = &c->code->cpus; *p; p = &(*p)->next_in_cache)
		if (*p == c) {
			*p = c->next_in_cache;
			break;
		}
	mmu_exit(&c->mmu);
	free(c->jumps);
	c->jumps = NULL;
}

void x86_reset(struct x86 *c)
{
	struct x86_state *s = &c->s;
	u32 i;

	memset(s, 0, sizeof *s);
	s->rip = 0xfff0;
	s->rflags = FL_FIXED1;
	s->gpr[RDX] = c->model ? c->model->signature : 0x600;
	for (i = 0; i < SEG_COUNT; i++)
		s->seg[i] = (struct x86_seg){ .limit = 0xffff, .attr = SEGA_P | SEGA_S | SEGA_RW | SEGA_ACCESSED };
	s->seg[SEG_CS].sel = 0xf000;
	s->seg[SEG_CS].base = 0xffff0000;
	s->seg[SEG_CS].attr |= SEGA_CODE;
	s->seg[SEG_LDTR].attr = SEGA_P | 2;
	s->seg[SEG_TR].attr = SEGA_P | 11;
	s->gdt.limit = s->idt.limit = 0xffff;
	s->cr0 = 0x60000000 | CR0_ET;
	s->xcr0 = 1;
	s->dr[6] = 0xffff0ff0;
	s->dr[7] = 0x400;
	s->pat = 0x0007040600070406ULL;
	s->misc_enable = 1;
	s->fpu.cw = 0x40;
	s->fpu.mxcsr = 0x1f80;
	s->rng = 0x853c49e6748fea9bULL + c->cpu.id;
	memset(&c->sys, 0, sizeof c->sys);
	c->sys.smbase = 0x30000;
	x86_load(c);
}

void x86_sync(struct x86 *c)
{
	memcpy(c->s.gpr, c->r, sizeof c->s.gpr);
	c->s.rip = c->rip;
	c->s.rflags = x86_rflags(c);
	c->sys.monitor = c->mmu.monitor;
	if (!c->native)
		c->s.held = (u8)((c->sys.db_pending & 15) | (c->sys.db_pending & DR6_BS ? HELD_BS : 0));
}

void x86_load(struct x86 *c)
{
	c->native = c->ops && !c->ops->trap;
	c->exact_next = c->exact_now = c->tf_masked = false;
	if (!c->native) {
		c->sys.db_pending = (c->s.held & 15) | (c->s.held & HELD_BS ? DR6_BS : 0);
		c->exact_next = c->s.shadow || c->s.held;
	}
	c->paging.a20 = c->sys.a20_off ? ~0x100ULL : ~0ULL;
	memcpy(c->paging.pdpte, c->sys.pdpte, sizeof c->paging.pdpte);
	debug_changed(c);
	mmu_monitor_off(&c->mmu);
	if (c->sys.monitor)
		mmu_monitor(&c->mmu, c->sys.monitor);
	if (c->native) {
		mmu_flush(&c->mmu);
		mmu_update(&c->mmu);
		c->jumps_stale = true;
	}
	memcpy(c->r, c->s.gpr, sizeof c->s.gpr);
	c->r[REG_ZERO] = 0;
	c->r[REG_M16] = 0xffff;
	c->r[REG_M32] = 0xffffffff;
	c->r[REG_M64] = ~0ULL;
	c->rip = c->s.rip;
	x86_set_rflags(c, c->s.rflags);
	x86_mode_changed(c);
}

u64 x86_rflags(struct x86 *c)
{
	return c->eflags | flags_eval(c);
}

void x86_set_rflags(struct x86 *c, u64 v)
{
	flags_set_all(c, (u32)v);
	c->eflags = ((u32)v & ~(u32)FL_ARITH & 0x3f7fd7) | FL_FIXED1;
	align_changed(c);
}

/* SDM 3A 6.15, vector 17. */
void align_changed(struct x86 *c)
{
	bool on = (c->eflags & FL_AC) && (c->s.cr0 & CR0_AM) && c->s.cpl == 3;

	if (LIKELY(c->mmu.align == on))
		return;
	c->mmu.align = on;
	mmu_update(&c->mmu);
}

static bool flat(const struct x86_seg *s, bool code)
{
	return s->base == 0 && s->limit == 0xffffffff && (s->attr & SEGA_P) && (s->attr & SEGA_RW) &&
	       (code || !(s->attr & (SEGA_CODE | SEGA_CONFORM)));
}

static u32 make_key(const struct x86 *c)
{
	const struct x86_state *s = &c->s;
	bool lma = s->efer & EFER_LMA;
	u32 key = c->feature_set << KEY_SET_SHIFT;

	if (lma && (s->seg[SEG_CS].attr & SEGA_L))
		key |= KEY_CS64;
	else if (s->seg[SEG_CS].attr & SEGA_DB)
		key |= KEY_CS32;
	if (s->seg[SEG_SS].attr & SEGA_DB)
		key |= KEY_SS32;
	key |= (u32)s->cpl << KEY_CPL_SHIFT;
	key |= s->cr0 & CR0_TS ? KEY_TS : 0;
	key |= s->cr0 & CR0_EM ? KEY_EM : 0;
	key |= s->cr0 & CR0_MP ? KEY_MP : 0;
	key |= s->cr4 & CR4_OSFXSR ? KEY_OSFXSR : 0;
	key |= s->cr4 & CR4_OSXSAVE ? KEY_OSXSAVE : 0;
	key |= (s->cr4 & CR4_OSXSAVE) && (s->xcr0 & 6) == 6 ? KEY_AVX : 0;
	key |= lma ? KEY_LMA : 0;
	key |= s->cr0 & CR0_PE ? KEY_PE : 0;
	key |= c->eflags & FL_VM ? KEY_VM : 0;
	if (!(key & KEY_CS64)) {
		u32 i;

		/* FS and GS are only a matter for those who name them: their accesses are always checked. */
		for (i = SEG_ES; i <= SEG_DS; i++)
			if (!flat(&s->seg[i], i == SEG_CS))
				key |= KEY_SEGCHECK;
	}
	return key;
}

void x86_mode_changed(struct x86 *c)
{
	struct x86_state *s = &c->s;
	struct mmu *m = &c->mmu;
	struct x86_paging *p = &c->paging;
	bool keys = (s->cr4 & CR4_PKE) && (s->efer & EFER_LMA);
	bool giant = c->features & BIT(F_PDPE1GB);
	enum mmu_mode mode;
	u32 key, i;

	for (i = SEG_ES; i <= SEG_GS; i++)
		c->r[REG_ES + i] = s->seg[i].base;
	if (!(s->cr0 & CR0_PG))
		mode = MMU_OFF;
	else if (s->efer & EFER_LMA)
		mode = p->top3 ? MMU_LONG3 : s->cr4 & CR4_LA57 ? MMU_LONG5 : MMU_LONG4;
	else
		mode = s->cr4 & CR4_PAE ? MMU_PAE : MMU_LEGACY32;
	if (p->mode != mode || m->user != (s->cpl == 3) || (!p->pv && m->root != s->cr3) ||
	    p->wp != !!(s->cr0 & CR0_WP) || p->nxe != !!(s->efer & EFER_NXE) || p->pse != !!(s->cr4 & CR4_PSE) ||
	    p->smep != !!(s->cr4 & CR4_SMEP) || p->smap != !!(s->cr4 & CR4_SMAP) || p->keys != keys || p->pkru != s->pkru ||
	    p->giant != giant || p->pdptes != (c->native && mode == MMU_PAE)) {
		bool flags_differ = p->mode != mode || p->wp != !!(s->cr0 & CR0_WP) ||
				    p->nxe != !!(s->efer & EFER_NXE) || p->pse != !!(s->cr4 & CR4_PSE) ||
				    p->smep != !!(s->cr4 & CR4_SMEP) || p->smap != !!(s->cr4 & CR4_SMAP) ||
				    p->giant != giant || p->keys != keys || (keys && p->pkru != s->pkru);

		p->mode = mode;
		p->pdptes = c->native && mode == MMU_PAE;
		m->user = s->cpl == 3;
		if (!p->pv)
			m->root = s->cr3;
		p->wp = s->cr0 & CR0_WP;
		p->nxe = s->efer & EFER_NXE;
		p->pse = s->cr4 & CR4_PSE;
		p->smep = s->cr4 & CR4_SMEP;
		p->smap = s->cr4 & CR4_SMAP;
		p->giant = giant;
		p->keys = keys;
		p->pkru = s->pkru;
		if (flags_differ) {
			mmu_flush(m);
			x86_wipe_jumps(c);
		}
		mmu_update(m);
	}
	align_changed(c);
	key = make_key(c);
	if (key == c->mode_key && c->nkeys)
		return;
	c->mode_key = key;
	for (i = 0; i < c->nkeys; i++)
		if (c->keys[i] == key)
			break;
	if (i == c->nkeys) {
		if (i == ARRAY_SIZE(c->keys)) {
			x86_wipe_jumps(c);
			i = c->nkeys = 0;
		}
		c->keys[c->nkeys++] = key;
	}
	c->mode_tag = (u64)i << 60;
}

void x86_set_seg(struct x86 *c, enum x86_segreg sr, u16 sel, u64 base, u32 limit, u16 attr)
{
	c->s.seg[sr] = (struct x86_seg){ .base = base, .limit = limit, .sel = sel, .attr = attr };
	if (sr <= SEG_GS)
		c->r[REG_ES + sr] = base;
}

void x86_set_a20(struct x86 *c, bool on)
{
	if (c->sys.a20_off == !on)
		return;
	c->sys.a20_off = !on;
	c->paging.a20 = on ? ~0ULL : ~0x100ULL;
	mmu_flush(&c->mmu);
	/* Code may run in the very block that turned the gate: it goes on from there, and then finds its way anew. */
	c->jumps_stale = true;
}

bool pdptes_load(struct x86 *c, u64 cr3)
{
	u64 e[4];
	u32 n;

	if (!c->native || !(c->s.cr0 & CR0_PG) || !(c->s.cr4 & CR4_PAE) || long_mode(c))
		return true;
	for (n = 0; n < 4; n++) {
		e[n] = mem_read_u64(c->mmu.mem, (cr3 & 0xffffffe0) + n * 8);
		if ((e[n] & PTE_P) && (e[n] & (0xffffc000000001e6ULL)))
			return false;
	}
	memcpy(c->sys.pdpte, e, sizeof e);
	memcpy(c->paging.pdpte, e, sizeof e);
	mmu_update(&c->mmu);
	c->jumps_stale = true;
	return true;
}

/* Instructions after which a page fault says nothing of a crash: it takes as long to tell of it. One of a program: at once. */
#define FAULT_AGE 20000000u
#define USER_FAULT_AGE 10000u

/* In 64-bit mode programs are in the low half of the address space. */
static bool long_past(const struct x86 *c, u64 from, u64 age)
{
	return age > ((c->s.seg[SEG_CS].attr & SEGA_L) && !(from >> 63) ? USER_FAULT_AGE : FAULT_AGE);
}

u32 x86_print_branches(const struct x86 *c, const char *indent, FILE *out)
{
	u32 n = MIN(c->nbranch, (u32)CPU_BRANCHES), i, shown = 0;
	u64 now = x86_icount(c);

	for (i = 1; i <= n; i++) {
		u32 k = (c->nbranch - i) % CPU_BRANCHES;
		u64 age = now - c->branch_at[k];

		if (c->branch_vector[k] == X86_PF && long_past(c, c->branch_from[k], age))
			continue;
		fprintf(out, "%s%016" PRIx64 " -> %016" PRIx64 "  vector %u, %" PRIu64 " instructions before\n", indent, c->branch_from[k],
			c->branch_to[k], c->branch_vector[k], age);
		shown++;
	}
	return shown;
}
