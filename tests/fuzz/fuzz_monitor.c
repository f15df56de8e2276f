/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes the monitor: the first byte chooses a terminal or a socket, the rest is what a client sends, keys and lines. Commands
 * that write files or name them are not run. What is looked at may not change.
 */
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "pv/mm/mm.h"
#include "ui/monitor_impl.h"
#include "vm/x86.h"
#include "xen/backend/xenbus.h"
#include "xen/control.h"
#include "xen/evtchn.h"
#include "xen/grant.h"
#include "xen/sched.h"
#include "xen/store/xenstore.h"
#include "xen/time.h"

#define FRAMES 16u
#define VCPUS 2u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct host host;
	struct domain *d;
	struct pv_domain pv;
	struct pv_vcpu vcpu[VCPUS];
	struct guest guest;
	struct monitors *m;
	struct line_edit *le;
	size_t said;
};

static void on_quit(void *opaque, int code)
{
	if (code < 0 || code > 255)
		abort();
}

static void on_restart(void *opaque)
{
}

static struct world *build(void)
{
	struct xenstore_config cfg = { "fuzz", 1 << 20, 2 << 20, 1, VCPUS };
	struct world *w = calloc(1, sizeof *w);
	struct monitors_env env = { .quit = on_quit, .restart = on_restart, .opaque = w };
	u32 i;

	if (!w || host_init(&w->host, &x86_arch, 0))
		abort();
	w->d = domain_create(&w->host, "fuzz", pv_mm_limit(FRAMES), VCPUS, 0);
	domain_become(w->d, DOMAIN_PV, &w->pv, NULL);
	w->pv.xen.d = w->d;
	w->pv.xen.ops = &pv_guest_ops;
	if (pv_mm_init(&w->pv, FRAMES, FRAMES))
		abort();
	w->pv.xen.s.shared_info = PV_MFN_BASE;
	w->pv.xen.s.console_mfn = PV_MFN_BASE + 2;
	w->pv.xen.s.store_mfn = PV_MFN_BASE + 3;
	for (i = 0; i < VCPUS; i++) {
		w->d->vcpus[i]->machine = &w->vcpu[i];
		w->vcpu[i].xen.v = w->d->vcpus[i];
		w->vcpu[i].s.flags = PV_KERNEL_MODE;
	}
	if (evtchn_init(&w->pv.xen) || grants_init(&w->pv.xen) || xen_time_init(&w->pv.xen) || xs_domain_init(&w->pv.xen) ||
	    xenbus_init(&w->pv.xen) || xs_domain_start(&w->pv.xen, &cfg) || xen_control_init(&w->pv.xen))
		abort();
	w->vcpu[0].xen.s.flags |= XEN_VCPU_INITIALISED;
	xen_vcpu_up(w->d->vcpus[0]);
	w->guest.host = env.host = &w->host;
	w->guest.node = node_new("fuzz");
	w->guest.d = w->d;
	env.guest = &w->guest;
	w->m = monitors_new(&env);
	if (!w->guest.node || !w->m || monitors_attach(w->m, w->d))
		abort();
	return w;
}

static void tear_down(struct world *w)
{
	u32 i;

	line_free(w->le);
	monitors_free(w->m);
	xenbus_free(&w->pv.xen);
	xs_domain_free(&w->pv.xen);
	xen_time_free(&w->pv.xen);
	grants_free(&w->pv.xen);
	evtchn_free(&w->pv.xen);
	pv_mm_free(&w->pv);
	for (i = 0; i < VCPUS; i++)
		w->d->vcpus[i]->machine = NULL;
	w->d->machine = NULL;
	domain_destroy(w->d);
	host_exit(&w->host);
	node_free(w->guest.node);
	free(w);
}

static void on_out(void *opaque, const char *p, size_t n)
{
	struct world *w = opaque;

	w->said += n;
}

static bool touches_files(const char *line)
{
	static const char *const words[] = { "memsave", "logfile", "log", "disk", "drive", "change", "netdev", "device_add", "hostfwd",
					     "screendump" };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (strstr(line, words[i]))
			return true;
	return false;
}

static void on_line(void *opaque, const char *line)
{
	struct world *w = opaque;
	const char *word = line + strspn(line, " \t");
	/* Words that only look. */
	bool looks = !strncmp(word, "info", 4) || !strncmp(word, "x ", 2) || !strncmp(word, "x/", 2) || !strncmp(word, "p ", 2);
	u64 before = looks ? domain_hash(w->d) : 0;
	char *text;

	if (strlen(line) > LINE_BYTES)
		abort();
	if (touches_files(line))
		return;
	text = monitors_run(w->m, line);
	if (!text || strlen(text) > MON_OUT_MAX + 100)
		abort();
	free(text);
	if (looks && domain_hash(w->d) != before)
		abort();
}

static void on_too_long(void *opaque)
{
}

static void on_complete(void *opaque, struct line_edit *le, const char *text)
{
	struct world *w = opaque;

	/* Names of files depend on the host. */
	if (!strchr(text, '/'))
		mon_complete(w->m->quiet, le, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct line_ops ops = { on_out, on_line, on_too_long, on_complete };
	struct world *w;
	size_t i;

	if (!size || size > 3 * LINE_BYTES)
		return 0;
	w = build();
	w->le = line_new(&ops, w, MON_PROMPT, data[0] & 1);
	if (!w->le)
		abort();
	for (i = 1; i < size; i++)
		line_byte(w->le, data[i]);
	line_byte(w->le, '\n');
	tear_down(w);
	return 0;
}
