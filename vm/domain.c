/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hosts, domains and vCPUs: their lives and their state.
 */
#include "vm/domain.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/hash.h"

static const struct state_field vcpu_fields[] = {
	STATE_INT(struct vcpu_state, run),
	STATE_INTS(struct vcpu_state, pad),
	STATE_INT(struct vcpu_state, retired),
};
STATE_DESC(vcpu_state_desc, "vcpu", 1, struct vcpu_state, vcpu_fields);

static const struct state_field domain_fields[] = {
	STATE_INT(struct domain_state, round),
	STATE_INT(struct domain_state, retired),
};
STATE_DESC(domain_state_desc, "domain", 1, struct domain_state, domain_fields);

/* What no guest sees, and what decides how things go on. */
struct domain_outside {
	u32 end; /* enum domain_end */
	u8 suspended;
	u8 owed;  /* struct timeline's */
	u8 culprit; /* 1: crash_vcpu is the number of struct domain's */
	u8 crash_vcpu;
	u8 crash[CRASH_REASON];
};
static const struct state_field outside_fields[] = {
	STATE_INT(struct domain_outside, end),     STATE_INT(struct domain_outside, suspended),
	STATE_INT(struct domain_outside, owed),    STATE_INT(struct domain_outside, culprit),
	STATE_INT(struct domain_outside, crash_vcpu), STATE_BYTES(struct domain_outside, crash),
};
STATE_DESC(domain_outside_desc, "outside", 1, struct domain_outside, outside_fields);

#define SHIFT_MAX 32u /* an instruction of some seconds */

#define DEFAULT_QUANTUM 20000

/* Items about code are wanted now. Decoded blocks were made without them, so all are decoded anew. */
static void log_code_wanted(void *opaque)
{
	struct host *h = opaque;

	if (h->code)
		h->arch->code_flush(h->code);
}

/* Where the run is, for the log. */
static void log_clock(const void *who, u64 *icount, u64 *now)
{
	*icount = domain_icount(who);
	*now = domain_now(who);
}

int host_init(struct host *h, const struct cpu_arch *arch, u64 tb_bytes)
{
	int rc;

	memset(h, 0, sizeof *h);
	h->arch = arch;
	log_init(&h->log);
	h->log.clock = log_clock;
	h->log.code = log_code_wanted;
	h->log.code_opaque = h;
	h->quantum = DEFAULT_QUANTUM;
	h->idle_sleep = true;
	rc = frame_pool_init(&h->frames);
	if (rc)
		return rc;
	h->code = arch->code_new((size_t)tb_bytes);
	h->poll = poll_set_new();
	if (!h->code || !h->poll) {
		host_exit(h);
		return -ENOMEM;
	}
	h->frames.code_dropped = arch->code_dropped;
	h->frames.opaque = h->code;
	return 0;
}

void host_exit(struct host *h)
{
	while (h->domains)
		domain_destroy(h->domains);
	h->arch->code_free(h->code);
	poll_set_free(h->poll);
	frame_pool_free(&h->frames);
	log_close(&h->log);
	h->code = NULL;
	h->poll = NULL;
}

/* Memory tells the CPUs: bytes of a frame with decoded code change. */
static void mem_code_written(void *opaque, struct frame *f, u32 off, u32 len)
{
	struct domain *d = opaque;

	d->host->arch->code_written(d->host->code, f, off, len);
}

/* ... or what addresses lead to. */
static void mem_code_unmapped(void *opaque)
{
	struct domain *d = opaque;
	u32 i;

	for (i = 0; i < d->nvcpus; i++)
		cpu_code_unmapped(d->vcpus[i]->cpu);
}

static const struct mem_hooks domain_mem_hooks = { mem_code_written, mem_code_unmapped };

static struct vcpu *vcpu_create(struct domain *d, u32 id)
{
	struct vcpu *v = calloc(1, sizeof *v);

	if (!v)
		return NULL;
	v->cpu = d->host->arch->create(&d->mem, d->host->code, &d->host->log, id);
	if (!v->cpu) {
		free(v);
		return NULL;
	}
	v->cpu->vcpu = v;
	v->cpu->uncached = d->host->singlestep;
	v->d = d;
	v->id = id;
	v->s.run = VCPU_OFFLINE;
	return v;
}

/* ---- state ----------------------------------------------------------------------------------------------------- */

static void outside_save(void *opaque, struct buf *out)
{
	const struct domain *d = opaque;
	struct domain_outside o = { .end = d->end, .suspended = d->suspended, .owed = d->time.owed };

	if (d->crash_vcpu) {
		o.culprit = 1;
		o.crash_vcpu = (u8)d->crash_vcpu->id;
	}
	memcpy(o.crash, d->crash, sizeof o.crash);
	state_save(&domain_outside_desc, &o, out);
}

static int outside_load(void *opaque, struct reader *in)
{
	struct domain *d = opaque;
	struct domain_outside o;
	int rc = state_load(&domain_outside_desc, &o, in);

	if (rc || (o.end > END_SOFT_RESET && (o.end < END_RUNNING || o.end > END_KILLED)) ||
	    (o.culprit && o.crash_vcpu >= d->nvcpus))
		return -EINVAL;
	d->end = (enum domain_end)o.end;
	d->suspended = o.suspended;
	d->time.owed = o.owed;
	d->crash_vcpu = o.culprit ? d->vcpus[o.crash_vcpu] : NULL;
	memcpy(d->crash, o.crash, sizeof d->crash);
	d->crash[sizeof d->crash - 1] = 0;
	return 0;
}

/* The scheduler and the clock go by these without a further look. */
static bool sensible(const struct domain *d)
{
	u32 i;

	for (i = 0; i < d->nvcpus; i++)
		if (d->vcpus[i]->s.run > VCPU_BLOCKED)
			return false;
	return !(d->nvcpus < 64 && d->s.round >> d->nvcpus) && d->time.s.div && d->time.s.div <= MAX_VCPUS &&
	       d->time.s.frac < d->time.s.div && d->time.s.shift <= SHIFT_MAX;
}

/* Processors work with their registers, not with the state they came from, and have caches of another memory. */
static int loaded(void *opaque, struct error *e)
{
	struct domain *d = opaque;
	u32 i;

	if (!sensible(d))
		return error_set(e, -EINVAL, "The state of guest %s is damaged, or of a guest with more processors.", d->name);
	for (i = 0; i < d->nvcpus; i++) {
		struct cpu *c = d->vcpus[i]->cpu;

		c->retired = d->vcpus[i]->s.retired;
		cpu_load(c);
		cpu_code_unmapped(c);
		mmu_flush(c->mmu);
	}
	return 0;
}

static int add_state(struct domain *d)
{
	u32 i;

	if (state_add_unseen(&d->states, "outside", 0, outside_save, outside_load, d) ||
	    state_add_unseen(&d->states, "door", 0, door_save, door_load, &d->door) ||
	    state_add_loaded(&d->states, loaded, d))
		return -ENOMEM;
	if (state_add(&d->states, "timeline", 0, &timeline_state_desc, &d->time.s, 1) ||
	    state_add(&d->states, "domain", 0, &domain_state_desc, &d->s, 1))
		return -ENOMEM;
	for (i = 0; i < d->nvcpus; i++)
		if (d->host->arch->add_state(d->vcpus[i]->cpu, &d->states, i) ||
		    state_add(&d->states, "vcpu", i, &vcpu_state_desc, &d->vcpus[i]->s, 1))
			return -ENOMEM;
	return 0;
}

/* Host time went by while the guest slept. */
static void time_passed(void *opaque, const struct door_input *in)
{
	struct domain *d = opaque;

	if (in->len == 8)
		timeline_skip(&d->time, d->time.s.now + ld64(in->data));
}

struct domain *domain_create(struct host *h, const char *name, u64 mfn_limit, u32 nvcpus, u32 shift)
{
	struct domain *d = calloc(1, sizeof *d);
	struct domain *o;

	if (!d)
		return NULL;
	d->host = h;
	d->id = 1;
	for (o = h->domains; o; o = o->next)
		d->id = MAX(d->id, o->id + 1);
	d->next = h->domains;
	h->domains = d;
	h->log.who = d;
	d->end = END_RUNNING;
	door_init(&d->door);
	timeline_init(&d->time, shift);
	if (strlen(name) < sizeof d->name)
		strcpy(d->name, name);
	else
		memcpy(d->name, name, sizeof d->name - 1);
	if (mem_init(&d->mem, &h->frames, mfn_limit))
		goto fail;
	d->mem.hooks = &domain_mem_hooks;
	d->mem.opaque = d;
	for (; d->nvcpus < nvcpus && d->nvcpus < MAX_VCPUS; d->nvcpus++) {
		d->vcpus[d->nvcpus] = vcpu_create(d, d->nvcpus);
		if (!d->vcpus[d->nvcpus])
			goto fail;
	}
	if (add_state(d) || door_handle(&d->door, DOOR_TIME, 0, time_passed, d))
		goto fail;
	return d;
fail:
	domain_destroy(d);
	return NULL;
}

void domain_become(struct domain *d, enum domain_kind kind, void *machine, const struct domain_ops *ops)
{
	d->kind = kind;
	d->machine = machine;
	d->ops = ops;
}

struct domain *host_domain(const struct host *h, u32 id)
{
	struct domain *d;

	for (d = h->domains; d && d->id != id; d = d->next)
		;
	return d;
}

void domain_destroy(struct domain *d)
{
	struct domain **p;
	u32 i;

	if (d->ops && d->ops->destroy)
		d->ops->destroy(d);
	for (i = 0; i < d->nvcpus; i++) {
		d->host->arch->destroy(d->vcpus[i]->cpu);
		free(d->vcpus[i]);
	}
	d->nvcpus = 0;
	mem_free(&d->mem);
	door_free(&d->door);
	timeline_free(&d->time);
	state_list_free(&d->states);
	if (d->host->log.who == d)
		d->host->log.who = NULL;
	for (p = &d->host->domains; *p; p = &(*p)->next)
		if (*p == d) {
			*p = d->next;
			break;
		}
	free(d);
}

void domain_end(struct domain *d, enum domain_end why)
{
	if (d->end == END_RUNNING)
		d->end = why;
	if (d->running)
		cpu_stop(d->running->cpu);
}

void domain_crash(struct domain *d, struct vcpu *v, const char *fmt, ...)
{
	va_list ap;

	if (d->end == END_RUNNING) {
		va_start(ap, fmt);
		vsnprintf(d->crash, sizeof d->crash, fmt, ap);
		va_end(ap);
		d->crash_vcpu = v;
	}
	domain_end(d, END_CRASH);
}

u64 domain_icount(const struct domain *d)
{
	return d->s.retired + (d->running ? cpu_icount(d->running->cpu) - d->slot_start_icount : 0);
}

u64 domain_now(const struct domain *d)
{
	return timeline_at(&d->time, d->running ? cpu_icount(d->running->cpu) - d->slot_start_icount : 0);
}

int domain_arm(struct domain *d, struct vtimer *tm, u64 deadline)
{
	int rc = vtimer_arm(&d->time, tm, deadline);

	if (d->running && deadline != TIME_NEVER) {
		u64 at = timeline_until(&d->time, deadline);
		u64 done = cpu_icount(d->running->cpu) - d->slot_start_icount;

		cpu_limit(d->running->cpu, at > done ? at - done : 0);
	}
	return rc;
}

void vcpu_wake(struct vcpu *v)
{
	if (v->s.run != VCPU_BLOCKED)
		return;
	v->s.run = VCPU_RUNNABLE;
	/* It waits for the next round: do not let it wait long. */
	if (v->d->running && v->d->running != v)
		cpu_limit(v->d->running->cpu, 0);
}

void vcpu_block(struct vcpu *v)
{
	v->s.run = VCPU_BLOCKED;
	cpu_stop(v->cpu);
}

void domain_sync(struct domain *d)
{
	u32 i;

	for (i = 0; i < d->nvcpus; i++) {
		cpu_sync(d->vcpus[i]->cpu);
		d->vcpus[i]->s.retired = cpu_icount(d->vcpus[i]->cpu);
	}
}

u64 domain_hash(struct domain *d)
{
	domain_sync(d);
	return state_list_hash(&d->states, mem_hash(&d->mem, HASH_SEED));
}
