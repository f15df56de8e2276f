/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What "info" shows (QEMU's HMP). Looking changes nothing in the guest. Disks and networks are in ui/monitor_device.c.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "guest/disks.h"
#include "pv/mm/mm.h"
#include "ui/monitor_impl.h"
#include "vm/x86.h"
#include "xen/control.h"
#include "xen/store/xenstore.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "0.1"
#endif

MON_HANDLER(info_name)
{
	mon_printf(m, "%s\n", mon_guest(m)->node->name);
}

MON_HANDLER(info_version)
{
	mon_printf(m, "%s\n", PACKAGE_VERSION);
}

static const char *status(const struct guest *g)
{
	if (!g->d)
		return "paused (prelaunch)";
	switch (g->d->end) {
	case END_RUNNING:
		if (g->d->suspended)
			return "paused (suspended)";
		if (g->d->paused)
			return domain_icount(g->d) ? "paused" : "paused (prelaunch)";
		return "running";
	case END_CRASH:
		return "paused (guest-panicked)";
	case END_MIGRATED:
		return "paused (postmigrate)";
	default:
		return "paused (shutdown)";
	}
}

/* Why the guest's time is held, when it is (timeline_hold()). */
static void say_held(struct mon *m)
{
	struct guest *g = mon_guest(m);
	const char *disk = guest_disk_late(g);

	if (!g->d || g->d->end != END_RUNNING || !g->d->time.held)
		return;
	if (g->held)
		mon_printf(m, "time is held until somebody reads more of the console\n");
	if (disk)
		mon_printf(m, "time is held until disk %s has done what was asked of it ('info block' shows its file)\n", disk);
	if (!g->held && !disk)
		mon_printf(m, "time is held until the host has done its part\n");
}

MON_HANDLER(info_status)
{
	struct domain *d = mon_domain(m);

	mon_printf(m, "VM status: %s\n", status(mon_guest(m)));
	if (d)
		mon_printf(m, "guest time %" PRIu64 ".%09" PRIu64 " s, %" PRIu64 " instructions\n", domain_now(d) / 1000000000,
			   domain_now(d) % 1000000000, domain_icount(d));
	say_held(m);
}

MON_HANDLER(info_uuid)
{
	const u8 *h = xen_dom(mon_domain(m))->s.handle;
	u32 i;

	for (i = 0; i < 16; i++)
		mon_printf(m, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", h[i]);
	mon_printf(m, "\n");
}

MON_HANDLER(info_balloon)
{
	struct xen_control_info i;

	xen_control_info(xen_dom(mon_domain(m)), &i);
	mon_printf(m, "balloon: actual=%" PRIu64 " target=%" PRIu64 " max=%" PRIu64 " (MiB)\n", i.actual_kib >> 10,
		   i.target_kib >> 10, i.max_kib >> 10);
}

MON_HANDLER(info_control)
{
	struct xen_control_info i;

	xen_control_info(xen_dom(mon_domain(m)), &i);
	mon_printf(m, "the guest listens for:%s%s%s%s\n", i.can_poweroff ? " poweroff" : "", i.can_reboot ? " reboot" : "",
		   i.can_suspend ? " suspend" : "",
		   i.can_poweroff || i.can_reboot || i.can_suspend ? "" : " nothing so far");
	mon_printf(m, "asked and not acknowledged: %s\n", *i.pending ? i.pending : "nothing");
	mon_printf(m, "vCPUs: %u up, %u wanted, %u at most\n", i.vcpus_up, i.vcpus_wanted, mon_domain(m)->nvcpus);
	mon_printf(m, "memory: %" PRIu64 " KiB, %" PRIu64 " wanted, %" PRIu64 " at most\n", i.actual_kib, i.target_kib, i.max_kib);
}

MON_HANDLER(info_memory)
{
	struct domain *d = mon_domain(m);
	struct frame_pool *f = &m->all->env.host->frames;

	if (!mon_guest(m)->bare)
		mon_printf(m, "guest: %" PRIu64 " KiB\n", xen_dom(d)->ops->total(xen_dom(d)) << (PAGE_SHIFT - 10));
	mon_printf(m, "host, for all frames with anything in them: %" PRIu64 " KiB\n", f->live << (PAGE_SHIFT - 10));
}

MON_HANDLER(info_chardev)
{
	struct guest *g = mon_guest(m);
	const struct mon *o;
	u32 i;

	mon_printf(m, "serial0: %s", node_str(g->node, "serial0", "null"));
	if (g->console && chardev_path(g->console))
		mon_printf(m, " (%s)", chardev_path(g->console));
	mon_printf(m, "\n");
	for (i = 0; i < MONITORS_MAX; i++) {
		o = m->all->list[i];
		if (!o)
			continue;
		mon_printf(m, "monitor%u: %s", i, o->owned ? "a device of its own" : "behind Ctrl-A c of serial0");
		if (o->owned && chardev_path(o->cd))
			mon_printf(m, " (%s)", chardev_path(o->cd));
		mon_printf(m, "\n");
	}
	if (g->store)
		mon_printf(m, "xenstore: %s\n", node_str(g->node, "xenstore", ""));
}

MON_HANDLER(info_history)
{
	const char *line;
	u32 i;

	for (i = 0; (line = line_history(m->le, i)); i++)
		mon_printf(m, "%u: '%s'\n", i, line);
}

/* ---- processors -------------------------------------------------------------------------------------------------- */

MON_HANDLER(info_cpus)
{
	static const char *const run[] = { "off", "running", "sleeping" };
	struct domain *d = mon_domain(m);
	u32 i;

	for (i = 0; i < d->nvcpus; i++) {
		struct vcpu *v = d->vcpus[i];

		cpu_sync(v->cpu);
		mon_printf(m, "%c CPU #%u: pc=0x%016" PRIx64 " %s, %" PRIu64 " instructions\n", v == mon_vcpu(m) ? '*' : ' ', i,
			   x86_of(v)->s.rip, run[MIN(v->s.run, 2u)], cpu_icount(v->cpu));
	}
}

static void show_segment(struct mon *m, const char *name, const struct x86_seg *s)
{
	mon_printf(m, "%-3s=%04x %016" PRIx64 " %08" PRIx32 " %04x\n", name, s->sel, (u64)s->base, (u32)s->limit, (u32)s->attr);
}

static void show_registers(struct mon *m, struct vcpu *v)
{
	static const char *const gpr[] = { "RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "RSP",
					   "R8 ", "R9 ", "R10", "R11", "R12", "R13", "R14", "R15" };
	static const u8 order[] = { RAX, RBX, RCX, RDX, RSI, RDI, RBP, RSP, R8, R9, R10, R11, R12, R13, R14, R15 };
	static const char *const seg[] = { "ES", "CS", "SS", "DS", "FS", "GS" };
	static const char flag[] = "CPAZSTIDO";
	static const u8 bit[] = { 0, 2, 4, 6, 7, 8, 9, 10, 11 };
	const struct x86_state *s = &x86_of(v)->s;
	char flags[10];
	u32 i;

	cpu_sync(v->cpu);
	for (i = 0; i < 16; i++)
		mon_printf(m, "%s=%016" PRIx64 "%s", gpr[i], s->gpr[order[i]], i % 4 == 3 ? "\n" : " ");
	for (i = 0; i < 9; i++)
		flags[i] = s->rflags >> bit[i] & 1 ? flag[i] : '-';
	flags[9] = 0;
	mon_printf(m, "RIP=%016" PRIx64 " RFL=%08" PRIx64 " [%s] CPL=%u HLT=%u\n", s->rip, s->rflags, flags, (u32)s->cpl,
		   v->s.run != VCPU_RUNNABLE);
	for (i = 0; i < ARRAY_SIZE(seg); i++)
		show_segment(m, seg[i], &s->seg[i]);
	mon_printf(m, "CR0=%08" PRIx64 " CR2=%016" PRIx64 " CR3=%016" PRIx64 " CR4=%08" PRIx64 " EFER=%016" PRIx64 "\n", s->cr0,
		   s->cr2, s->cr3, s->cr4, s->efer);
	if (!mon_guest(m)->bare) {
		const struct pv_vcpu_state *p = &pv_of(v)->s;

		mon_printf(m, "%s mode, kernel root %" PRIx64 ", user root %" PRIx64 ", guest's CR2=%016" PRIx64 "\n",
			   pv_kernel_mode(v) ? "kernel" : "user", p->kernel_root, p->user_root, p->ctrlreg[2]);
	}
	mon_printf(m, "FCW=%04x FSW=%04x [ST=%u] MXCSR=%08x\n", (u32)s->fpu.cw, (u32)s->fpu.sw, (u32)s->fpu.top, (u32)s->fpu.mxcsr);
	for (i = 0; i < 16; i++)
		mon_printf(m, "XMM%02u=%016" PRIx64 "%016" PRIx64 "%s", i, VQ(&s->vec[i], 1), VQ(&s->vec[i], 0), i % 2 ? "\n" : " ");
}

MON_HANDLER(info_registers)
{
	struct domain *d = mon_domain(m);
	u32 i;

	if (!a->n) {
		show_registers(m, mon_vcpu(m));
		return;
	}
	if (strcmp(a->w[0], "-a")) {
		mon_printf(m, "usage: info registers [-a]\n");
		return;
	}
	for (i = 0; i < d->nvcpus; i++) {
		mon_printf(m, "CPU#%u\n", i);
		show_registers(m, d->vcpus[i]);
	}
}

/* ---- the xenstore ------------------------------------------------------------------------------------------------ */

#define STORE_DEPTH 24u

static void show_value(struct mon *m, const char *v, size_t n)
{
	size_t i;

	mon_printf(m, " = \"");
	for (i = 0; i < n && !m->full; i++) {
		u8 c = (u8)v[i];

		if (c < ' ' || c > '~' || c == '"' || c == '\\')
			mon_printf(m, c == '\n' ? "\\n" : "\\%03o", c);
		else
			mon_write(m, v + i, 1);
	}
	mon_printf(m, "\"\n");
}

static void show_store(struct mon *m, struct xenstore *s, char *path, size_t len, u32 depth)
{
	size_t n, at, k;
	const char *v = xs_read(s, path, &n), *dir;

	mon_write(m, path, len);
	if (v)
		show_value(m, v, n);
	dir = xs_directory(s, path, &n);
	if (!dir || depth == STORE_DEPTH)
		return;
	for (at = 0; at < n && !m->full; at += k + 1) {
		k = strlen(dir + at);
		if (len + k + 2 > XS_ABS_PATH_MAX)
			continue;
		if (len > 1)
			path[len] = '/';
		memcpy(path + len + (len > 1), dir + at, k + 1);
		show_store(m, s, path, len + (len > 1) + k, depth + 1);
		path[len] = 0;
	}
}

MON_HANDLER(info_xenstore)
{
	struct xen_domain *d = xen_dom(mon_domain(m));
	char path[XS_ABS_PATH_MAX + 1] = "/";
	size_t n = a->n ? strlen(a->w[0]) : 1;

	if (n > XS_REL_PATH_MAX) {
		mon_printf(m, "the path is too long\n");
		return;
	}
	if (a->n && *a->w[0] != '/')
		snprintf(path, sizeof path, "/local/domain/%u/%.2048s", d->d->id, a->w[0]);
	else if (a->n)
		memcpy(path, a->w[0], n + 1);
	n = strlen(path);
	while (n > 1 && path[n - 1] == '/')
		path[--n] = 0;
	if (!xs_read(d->store, path, NULL))
		mon_printf(m, "there is no node %.200s\n", path);
	else
		show_store(m, d->store, path, n, 0);
}
