/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests to a running PV guest by its xenstore (Xen docs/misc/xenstore-paths: control/, memory/, cpu/). Left out:
 * control/laptop-slate-mode, memory/videoram, and a limit on memory below the guest's first (libxl's "enforce").
 */
#include "xen/control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/endian.h"
#include "xen/sched.h"
#include "xen/store/xenstore.h"

#define INPUT_SIZE 12u /* op, 4 bytes; value, 8 bytes */

struct op_desc {
	const char *word;    /* of control/shutdown, or NULL */
	const char *feature; /* what a guest writes that can do it, or NULL */
};

static const struct op_desc ops[XEN_CONTROL_OPS] = {
	[XEN_CONTROL_POWEROFF] = { "poweroff", "feature-poweroff" },
	[XEN_CONTROL_REBOOT] = { "reboot", "feature-reboot" },
	[XEN_CONTROL_HALT] = { "halt", NULL },
	[XEN_CONTROL_SUSPEND] = { "suspend", "feature-suspend" },
};

static const char *node(struct xen_domain *d, char *path, size_t n, const char *name)
{
	snprintf(path, n, "/local/domain/%u/%s", d->d->id, name);
	return path;
}

static bool says_one(struct xen_domain *d, const char *feature)
{
	char path[96], name[64];
	const char *v;

	snprintf(name, sizeof name, "control/%s", feature);
	v = xs_read(d->store, node(d, path, sizeof path, name), NULL);
	return v && !strcmp(v, "1");
}

/* Whether this request waits for the guest's acknowledgement. */
static bool asked(struct xen_domain *d, const char *word)
{
	char path[96];
	const char *v = xs_read(d->store, node(d, path, sizeof path, "control/shutdown"), NULL);

	return v && !strcmp(v, word);
}

static u64 max_kib(struct xen_domain *d)
{
	char path[96];
	u64 kib;

	if (xs_read_u64(d->store, node(d, path, sizeof path, "memory/static-max"), &kib))
		return kib;
	return d->s.max_pages << (PAGE_SHIFT - 10);
}

static void set_available(struct xen_domain *d, u32 i, bool on)
{
	char path[96], name[48];
	const char *word = on ? "online" : "offline", *old;

	snprintf(name, sizeof name, "cpu/%u/availability", i);
	node(d, path, sizeof path, name);
	old = xs_read(d->store, path, NULL);
	/* Who watches the node need not hear of what stays as it was. */
	if (!old || strcmp(old, word))
		xs_write(d->store, path, "%s", word);
}

static void nmi(struct vcpu *v)
{
	if (xen_of(v)->s.flags & XEN_VCPU_NMI_PENDING)
		return;
	xen_of(v)->s.flags |= XEN_VCPU_NMI_PENDING;
	xen_vcpu_unblock(v);
}

/* A request at its instant. One that came from elsewhere than xen_control_post() may say anything. */
static void control_input(void *opaque, const struct door_input *in)
{
	struct xen_domain *d = opaque;
	enum xen_control_op op;
	char path[96];
	u64 value;
	u32 i;

	if (in->len != INPUT_SIZE || ld32(in->data) >= XEN_CONTROL_OPS)
		return;
	op = (enum xen_control_op)ld32(in->data);
	value = ld64(in->data + 4);
	if (xen_control_check(d, op, value, NULL))
		return;
	switch (op) {
	case XEN_CONTROL_POWEROFF:
	case XEN_CONTROL_REBOOT:
	case XEN_CONTROL_HALT:
	case XEN_CONTROL_SUSPEND:
		xs_write(d->store, node(d, path, sizeof path, "control/shutdown"), "%s", ops[op].word);
		break;
	case XEN_CONTROL_SUSPEND_NOT:
		if (asked(d, ops[XEN_CONTROL_SUSPEND].word))
			xs_write(d->store, node(d, path, sizeof path, "control/shutdown"), "%s", "");
		break;
	case XEN_CONTROL_SYSRQ:
		xs_write(d->store, node(d, path, sizeof path, "control/sysrq"), "%c", (int)value);
		break;
	case XEN_CONTROL_MEMORY:
		xs_write(d->store, node(d, path, sizeof path, "memory/target"), "%llu", (unsigned long long)value);
		break;
	case XEN_CONTROL_VCPUS:
		for (i = 0; i < d->d->nvcpus; i++)
			set_available(d, i, i < value);
		break;
	case XEN_CONTROL_VCPU_ON:
	case XEN_CONTROL_VCPU_OFF:
		set_available(d, (u32)value, op == XEN_CONTROL_VCPU_ON);
		break;
	case XEN_CONTROL_NMI:
		nmi(d->d->vcpus[value]);
		break;
	case XEN_CONTROL_RESET:
		domain_end(d->d, END_REBOOT);
		break;
	case XEN_CONTROL_OPS:
		break;
	}
}

int xen_control_init(struct xen_domain *d)
{
	return door_handle(&d->d->door, DOOR_CONTROL, XEN_CONTROL_TARGET, control_input, d);
}

static int check_memory(struct xen_domain *d, u64 kib, struct error *e)
{
	u64 most = max_kib(d), least = MIN((u64)XEN_BALLOON_MIN_KIB, most);

	if (kib >= least && kib <= most)
		return 0;
	return error_set(e, -ERANGE, "%llu MiB: guest %s can have %llu to %llu MiB of memory", (unsigned long long)(kib >> 10),
			 d->d->name, (unsigned long long)(least >> 10), (unsigned long long)(most >> 10));
}

int xen_control_check(struct xen_domain *d, enum xen_control_op op, u64 value, struct error *e)
{
	u32 n = d->d->nvcpus;

	switch (op) {
	case XEN_CONTROL_SYSRQ:
		if (value <= ' ' || value > '~')
			return error_set(e, -EINVAL, "a sysrq key is one printable character");
		break;
	case XEN_CONTROL_MEMORY:
		return check_memory(d, value, e);
	case XEN_CONTROL_VCPUS:
		if (!value || value > n)
			return error_set(e, -ERANGE, "%llu vCPUs: guest %s can have 1 to %u (-smp maxcpus= sets how many)",
					 (unsigned long long)value, d->d->name, n);
		break;
	case XEN_CONTROL_VCPU_ON:
	case XEN_CONTROL_VCPU_OFF:
	case XEN_CONTROL_NMI:
		if (value >= n)
			return error_set(e, -ERANGE, "guest %s has no vCPU %llu, only 0 to %u", d->d->name,
					 (unsigned long long)value, n - 1);
		if (op == XEN_CONTROL_VCPU_OFF && !value)
			return error_set(e, -EINVAL, "vCPU 0 of guest %s cannot be taken away", d->d->name);
		if (op == XEN_CONTROL_NMI && d->d->vcpus[value]->s.run == VCPU_OFFLINE)
			return error_set(e, -EINVAL, "vCPU %llu of guest %s is off", (unsigned long long)value, d->d->name);
		break;
	case XEN_CONTROL_POWEROFF:
	case XEN_CONTROL_REBOOT:
	case XEN_CONTROL_HALT:
	case XEN_CONTROL_SUSPEND:
	case XEN_CONTROL_SUSPEND_NOT:
	case XEN_CONTROL_RESET:
	case XEN_CONTROL_OPS:
		break;
	}
	return 0;
}

bool xen_control_heeded(struct xen_domain *d, enum xen_control_op op)
{
	return op >= XEN_CONTROL_OPS || !ops[op].feature || says_one(d, ops[op].feature);
}

int xen_control_post(struct xen_domain *d, enum xen_control_op op, u64 value, struct error *e)
{
	u8 b[INPUT_SIZE];
	int rc = xen_control_check(d, op, value, e);

	if (rc)
		return rc;
	st32(b, op);
	st64(b + 4, value);
	rc = door_post(&d->d->door, DOOR_CONTROL, XEN_CONTROL_TARGET, b, sizeof b);
	return rc ? error_set(e, rc, "the host is out of memory") : 0;
}

void xen_control_info(struct xen_domain *d, struct xen_control_info *info)
{
	char path[96], name[48];
	const char *v;
	u32 i;

	memset(info, 0, sizeof *info);
	info->can_poweroff = says_one(d, "feature-poweroff");
	info->can_reboot = says_one(d, "feature-reboot");
	info->can_suspend = says_one(d, "feature-suspend");
	v = xs_read(d->store, node(d, path, sizeof path, "control/shutdown"), NULL);
	snprintf(info->pending, sizeof info->pending, "%s", v ? v : "");
	info->max_kib = max_kib(d);
	if (!xs_read_u64(d->store, node(d, path, sizeof path, "memory/target"), &info->target_kib))
		info->target_kib = info->max_kib;
	info->actual_kib = d->ops->total(d) << (PAGE_SHIFT - 10);
	for (i = 0; i < d->d->nvcpus; i++) {
		snprintf(name, sizeof name, "cpu/%u/availability", i);
		v = xs_read(d->store, node(d, path, sizeof path, name), NULL);
		info->vcpus_wanted += v && !strcmp(v, "online");
		info->vcpus_up += d->d->vcpus[i]->s.run != VCPU_OFFLINE;
	}
}

bool xen_control_resume(struct xen_domain *d)
{
	if (!d->d->suspended)
		return false;
	d->d->suspended = false;
	xs_resumed(d->store, d->d->id);
	return true;
}
