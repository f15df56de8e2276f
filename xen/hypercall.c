/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Serving hypercalls: registers in and out, argument structs of 64-bit and 32-bit guests, multicalls, continuation and
 * the trace (Xen public/xen.h). Left out: struct layouts with holes that natural alignment does not explain.
 */
#include "xen/hypercall.h"

#include "base/endian.h"
#include "vm/x86.h"
#include "xen/spin.h"

#define ARGS_MAX 512u /* bytes of the largest argument struct */

/* Argument registers of the two ABIs. */
static const u8 regs64[6] = { RDI, RSI, RDX, R10, R8, R9 };
static const u8 regs32[6] = { RBX, RCX, RDX, RSI, RDI, RBP };

static bool is32(const struct vcpu *v)
{
	return xen_dom(v->d)->s.is32;
}

static const struct hc_row *row_of(const struct xen_domain *x, u32 nr)
{
	return nr < x->ops->ncalls && x->ops->calls[nr].fn ? &x->ops->calls[nr] : NULL;
}

const char *xen_hypercall_name(const struct xen_domain *x, u32 nr)
{
	const struct hc_row *row = row_of(x, nr);

	return row ? row->name : "unknown";
}

/* ---- guest memory ---------------------------------------------------------------------------------------------- */

static bool range_ok(const struct vcpu *v, u64 va, size_t n)
{
	return xen_dom(v->d)->ops->range_ok(v, va, n);
}

int xen_copy_from(struct vcpu *v, void *dst, u64 va, size_t n)
{
	struct mmu_fault f;

	if (!n)
		return 0;
	if (!range_ok(v, va, n) || mmu_read(v->cpu->mmu, va, dst, n, &f))
		return -XEN_EFAULT;
	return 0;
}

int xen_copy_to(struct vcpu *v, u64 va, const void *src, size_t n)
{
	struct mmu_fault f;

	if (!n)
		return 0;
	if (!range_ok(v, va, n) || mmu_write(v->cpu->mmu, va, src, n, &f))
		return -XEN_EFAULT;
	return 0;
}

/* ---- argument structs ------------------------------------------------------------------------------------------- */

static u32 host_size(u8 kind)
{
	switch (kind) {
	case ARG_U8:
	case ARG_BYTES:
		return 1;
	case ARG_U16:
		return 2;
	case ARG_U32:
		return 4;
	default:
		return 8;
	}
}

static u32 guest_size(u8 kind, bool g32)
{
	return g32 && (kind == ARG_ULONG || kind == ARG_PTR || kind == ARG_LONG) ? 4 : host_size(kind);
}

/* Where a member lies in the guest's struct, given where the one before ended. The i386 ABI aligns u64 to 4. */
static u32 guest_place(const struct arg_field *f, u32 at, bool g32)
{
	u32 align = guest_size(f->kind, g32);

	if (g32 && align > 4)
		align = 4;
	return (u32)ALIGN_UP(at, align);
}

static u32 layout_size(const struct arg_layout *l, bool g32)
{
	const struct arg_field *f;
	u32 at = 0, most = 1;

	for (f = l->fields; f->kind != ARG_END; f++) {
		u32 size = guest_size(f->kind, g32);

		at = guest_place(f, at, g32) + size * f->count;
		most = MAX(most, g32 && size > 4 ? 4 : size);
	}
	return (u32)ALIGN_UP(at, most);
}

u32 arg_guest_size(const struct vcpu *v, const struct arg_layout *l)
{
	return layout_size(l, is32(v));
}

static void field_in(const struct arg_field *f, u8 *dst, const u8 *src, bool g32)
{
	u32 hs = host_size(f->kind), gs = guest_size(f->kind, g32);
	u32 i;

	for (i = 0; i < f->count; i++, dst += hs, src += gs) {
		u16 w = 0;
		u32 d = 0;
		u64 q = 0;

		if (hs == 1) {
			*dst = *src;
		} else if (hs == 2) {
			w = ld16(src);
			memcpy(dst, &w, sizeof w);
		} else if (hs == 4) {
			d = ld32(src);
			memcpy(dst, &d, sizeof d);
		} else {
			q = gs == 8 ? ld64(src) : f->kind == ARG_LONG ? (u64)(i64)(i32)ld32(src) : ld32(src);
			memcpy(dst, &q, sizeof q);
		}
	}
}

static void field_out(const struct arg_field *f, u8 *dst, const u8 *src, bool g32)
{
	u32 hs = host_size(f->kind), gs = guest_size(f->kind, g32);
	u32 i;

	for (i = 0; i < f->count; i++, dst += gs, src += hs) {
		u16 w;
		u32 d;
		u64 q;

		if (hs == 1) {
			*dst = *src;
		} else if (hs == 2) {
			memcpy(&w, src, sizeof w);
			st16(dst, w);
		} else if (hs == 4) {
			memcpy(&d, src, sizeof d);
			st32(dst, d);
		} else {
			memcpy(&q, src, sizeof q);
			if (gs == 8)
				st64(dst, q);
			else
				st32(dst, (u32)q);
		}
	}
}

int arg_copy_in(struct vcpu *v, const struct arg_layout *l, void *dst, u64 va)
{
	bool g32 = is32(v);
	u32 size = layout_size(l, g32), at = 0;
	const struct arg_field *f;
	u8 raw[ARGS_MAX];

	if (size > sizeof raw || xen_copy_from(v, raw, va, size))
		return -XEN_EFAULT;
	memset(dst, 0, l->size);
	for (f = l->fields; f->kind != ARG_END; f++) {
		at = guest_place(f, at, g32);
		field_in(f, (u8 *)dst + f->offset, raw + at, g32);
		at += guest_size(f->kind, g32) * f->count;
	}
	return 0;
}

int arg_copy_out(struct vcpu *v, const struct arg_layout *l, const void *src, u64 va)
{
	bool g32 = is32(v);
	const struct arg_field *f;
	u8 raw[ARGS_MAX];
	u32 at = 0;

	for (f = l->fields; f->kind != ARG_END; f++) {
		u32 n = guest_size(f->kind, g32) * f->count;

		at = guest_place(f, at, g32);
		if (f->out) {
			if (at + n > sizeof raw)
				return -XEN_EFAULT;
			field_out(f, raw + at, (const u8 *)src + f->offset, g32);
			if (xen_copy_to(v, va + at, raw + at, n))
				return -XEN_EFAULT;
		}
		at += n;
	}
	return 0;
}

i64 hc_dispatch_sub(struct hc *h, const struct hc_sub *subs, u32 nsubs, u32 cmd, u64 va)
{
	u64 arg[ARGS_MAX / 8];
	const struct hc_sub *s;
	i64 r;

	h->sub = cmd;
	for (s = subs; s < subs + nsubs && s->cmd != cmd; s++)
		;
	if (s == subs + nsubs) {
		log_line(&h->v->d->host->log, LOG_UNIMP, "d%u v%u: %s has no command %u", h->v->d->id, h->v->id,
			 xen_hypercall_name(xen_dom(h->v->d), h->nr), cmd);
		return -XEN_ENOSYS;
	}
	if (!s->layout)
		return s->fn(h, NULL);
	if (s->layout->size > sizeof arg || arg_copy_in(h->v, s->layout, arg, va))
		return -XEN_EFAULT;
	r = s->fn(h, arg);
	if (r >= 0 && !h->again && !h->no_result && arg_copy_out(h->v, s->layout, arg, va))
		return -XEN_EFAULT;
	return r;
}

i64 hc_continue(struct hc *h)
{
	h->again = true;
	return 0;
}

/* ---- the trace -------------------------------------------------------------------------------------------------- */

static void note_call(struct hc *h, const u64 args[6], i64 result, u64 rip)
{
	struct xen_vcpu *p = xen_of(h->v);
	struct xen_call *c;

	if (h->chatter)
		return;
	c = &p->calls[p->ncalls++ % XEN_CALL_LOG];
	c->nr = h->nr;
	c->sub = h->sub;
	memcpy(c->args, args, sizeof c->args);
	c->result = h->again ? 0 : result;
	c->rip = rip;
}

static COLD void trace_call(struct hc *h, const u64 args[6], i64 result, u64 rip)
{
	const struct hc_row *row = row_of(xen_dom(h->v->d), h->nr);
	u32 i, n = row ? MIN(row->nargs, 5u) : 5;
	char text[160];
	size_t at = 0;

	text[0] = 0;
	for (i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%llx", i ? ", " : "", (unsigned long long)args[i]);
	log_line(&h->v->d->host->log, LOG_HYPERCALL, "d%u v%u: %s%s(%s) = %s%lld at %llx", h->v->d->id, h->v->id,
		 h->in_multicall ? "  " : "", xen_hypercall_name(xen_dom(h->v->d), h->nr), text,
		 h->again ? "again " : h->no_result ? "none " : "", (long long)result, (unsigned long long)rip);
}

/* Calls the function of a row and writes down what came of it. */
static i64 call(struct hc *h)
{
	const struct hc_row *row = row_of(xen_dom(h->v->d), h->nr);
	u64 args[6];
	u64 rip = x86_of(h->v)->rip;
	i64 r = -XEN_ENOSYS;

	memcpy(args, h->args, sizeof args);
	if (row)
		r = row->fn(h);
	else
		log_line(&h->v->d->host->log, LOG_UNIMP, "d%u v%u: no hypercall %u", h->v->d->id, h->v->id, h->nr);
	if (h->v->d->end != END_RUNNING)
		h->no_result = true;
	note_call(h, args, r, rip);
	if (log_at(&h->v->d->host->log, LOG_HYPERCALL, rip))
		trace_call(h, args, r, rip);
	return r;
}

/* ---- multicall -------------------------------------------------------------------------------------------------- */

/* struct multicall_entry: op, result, args[6], all unsigned long. */
struct mc_entry {
	u64 op, result, args[6];
};

static int mc_read(struct vcpu *v, u64 va, struct mc_entry *e)
{
	u32 word = is32(v) ? 4 : 8, i;
	u8 raw[64];

	if (xen_copy_from(v, raw, va, word * 8))
		return -XEN_EFAULT;
	e->op = word == 8 ? ld64(raw) : ld32(raw);
	for (i = 0; i < 6; i++)
		e->args[i] = word == 8 ? ld64(raw + 16 + i * 8) : ld32(raw + 8 + i * 4);
	return 0;
}

static int mc_write_args(struct vcpu *v, u64 va, const u64 args[6])
{
	u32 word = is32(v) ? 4 : 8, i;
	u8 raw[48];

	for (i = 0; i < 6; i++) {
		if (word == 8)
			st64(raw + i * 8, args[i]);
		else
			st32(raw + i * 4, (u32)args[i]);
	}
	return xen_copy_to(v, va + word * 2, raw, word * 6);
}

static int mc_write_result(struct vcpu *v, u64 va, i64 result)
{
	u32 word = is32(v) ? 4 : 8;
	u8 raw[8];

	st64(raw, (u64)result);
	return xen_copy_to(v, va + word, raw, word);
}

/* Comes back for entries from i on. */
static i64 mc_again(struct hc *h, u64 va, u64 left)
{
	h->args[0] = va;
	h->args[1] = left;
	return hc_continue(h);
}

i64 hc_multicall(struct hc *h)
{
	struct vcpu *v = h->v;
	u64 va = h->args[0], left = is32(v) ? h->args[1] : (u32)h->args[1];
	u32 size = is32(v) ? 32 : 64;
	u32 done = 0;

	/* Multicall reentry is disallowed. */
	if (h->in_multicall)
		return -XEN_EINVAL;
	if (left && !range_ok(v, va, (size_t)MIN(left, (u64)SIZE_MAX / size) * size))
		return -XEN_EFAULT;
	for (; left; left--, va += size, done++) {
		struct hc sub = { .v = v, .in_multicall = true };
		struct mc_entry e;
		i64 r;

		if (done && (xen_events_deliverable(v) || v->s.run != VCPU_RUNNABLE || hc_enough(h, done)))
			return mc_again(h, va, left);
		if (mc_read(v, va, &e))
			return -XEN_EFAULT;
		sub.nr = (u32)MIN(e.op, (u64)UINT32_MAX);
		memcpy(sub.args, e.args, sizeof sub.args);
		r = call(&sub);
		if (sub.no_result) {
			/* iret: it wrote rax itself and what follows is dropped. */
			h->no_result = true;
			return 0;
		}
		if (sub.again) {
			if (mc_write_args(v, va, sub.args))
				return -XEN_EFAULT;
			return mc_again(h, va, left);
		}
		if (mc_write_result(v, va, r))
			return -XEN_EFAULT;
	}
	return 0;
}

/* ---- from the CPU ------------------------------------------------------------------------------------------------ */

void xen_work_begin(struct vcpu *v)
{
	xen_dom(v->d)->work = 0;
}

void xen_work_end(struct vcpu *v)
{
	struct xen_domain *p = xen_dom(v->d);

	p->slot_work += p->work;
	if (UNLIKELY(p->slot_work >= SLOT_WORK))
		cpu_stop(v->cpu);
}

void xen_hypercall(struct vcpu *v)
{
	struct x86 *c = x86_of(v);
	bool g32 = is32(v);
	const u8 *order = g32 ? regs32 : regs64;
	struct hc h = { .v = v };
	u64 nr = g32 ? (u32)c->r[RAX] : c->r[RAX];
	u32 i;
	i64 r;

	xen_spin_active(v);
	xen_work_begin(v);
	h.nr = (u32)MIN(nr, (u64)UINT32_MAX);
	for (i = 0; i < 6; i++)
		h.args[i] = g32 ? (u32)c->r[order[i]] : c->r[order[i]];
	r = call(&h);
	xen_work_end(v);
	if (h.no_result)
		return;
	if (h.again) {
		/* SYSCALL and INT 0x82 are two bytes long. */
		c->rip -= 2;
		for (i = 0; i < 6; i++)
			c->r[order[i]] = g32 ? (u32)h.args[i] : h.args[i];
		return;
	}
	c->r[RAX] = g32 ? (u32)r : (u64)r;
}
