/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor's words that stop, start and ask the guest (QEMU's HMP; xen/control.h for what a Xen guest is asked).
 */
#include <errno.h>
#include <string.h>

#include "base/os_file.h"
#include "ui/monitor_impl.h"
#include "xen/control.h"

MON_HANDLER(stop)
{
	mon_guest(m)->stopped = true;
	mon_domain(m)->paused = true;
}

MON_HANDLER(cont)
{
	struct domain *d = mon_domain(m);

	mon_guest(m)->stopped = false;
	if (d->end != END_RUNNING) {
		mon_printf(m, "cont: the guest has ended; system_reset begins it anew\n");
		return;
	}
	d->paused = false;
	if (!mon_guest(m)->bare)
		xen_control_resume(xen_dom(d));
}

/* Asks, at this very instant where no slot runs. */
static bool ask(struct mon *m, enum xen_control_op op, u64 value)
{
	struct domain *d = mon_domain(m);
	struct error e = { "" };

	if (xen_control_post(xen_dom(d), op, value, &e)) {
		mon_printf(m, "%s\n", e.text);
		return false;
	}
	if (!d->running)
		door_open(&d->door, domain_icount(d), domain_now(d));
	if (!xen_control_heeded(xen_dom(d), op))
		mon_printf(m, "the guest has not said so far that it listens for this; it will find the request when it does\n");
	else if (domain_stopped(d) && op != XEN_CONTROL_RESET)
		mon_printf(m, "the guest is stopped: it will see this when it goes on (%s)\n",
			   d->suspended ? "system_wakeup" : "cont");
	return true;
}

MON_HANDLER(powerdown)
{
	ask(m, XEN_CONTROL_POWEROFF, 0);
}

MON_HANDLER(reboot)
{
	ask(m, XEN_CONTROL_REBOOT, 0);
}

MON_HANDLER(suspend)
{
	ask(m, XEN_CONTROL_SUSPEND, 0);
}

MON_HANDLER(reset)
{
	struct domain *d = mon_domain(m);

	if (d->end != END_RUNNING) {
		m->all->env.restart(m->all->env.opaque);
	} else if (mon_guest(m)->bare) {
		domain_end(d, END_REBOOT);
	} else {
		ask(m, XEN_CONTROL_RESET, 0);
	}
}

MON_HANDLER(wakeup)
{
	if (!xen_control_resume(xen_dom(mon_domain(m))))
		mon_printf(m, "the guest is not suspended\n");
}

MON_HANDLER(balloon)
{
	u64 mib;

	if (!mon_number(m, "memory, in MiB,", a->w[0], &mib))
		return;
	if (mib > UINT64_MAX >> 10) {
		mon_printf(m, "'%.40s' is more than any guest has\n", a->w[0]);
		return;
	}
	ask(m, XEN_CONTROL_MEMORY, mib << 10);
}

MON_HANDLER(vcpu_set)
{
	u64 n;

	if (!mon_number(m, "a number of vCPUs", a->w[0], &n))
		return;
	if (a->n == 1)
		ask(m, XEN_CONTROL_VCPUS, n);
	else if (!strcmp(a->w[1], "on"))
		ask(m, XEN_CONTROL_VCPU_ON, n);
	else if (!strcmp(a->w[1], "off"))
		ask(m, XEN_CONTROL_VCPU_OFF, n);
	else
		mon_printf(m, "'%.40s': say on or off\n", a->w[1]);
}

MON_HANDLER(sysrq)
{
	if (strlen(a->w[0]) != 1)
		mon_printf(m, "'%.40s': a sysrq key is one character, as in sysrq h\n", a->w[0]);
	else
		ask(m, XEN_CONTROL_SYSRQ, (u8)a->w[0][0]);
}

MON_HANDLER(nmi)
{
	u64 n = m->cpu;

	if (!a->n || mon_number(m, "a vCPU's number", a->w[0], &n))
		ask(m, XEN_CONTROL_NMI, n);
}

MON_HANDLER(log)
{
	struct log *log = &m->all->env.host->log;
	const struct log_item_desc *it;
	struct log_choice want = { 0 };
	char bad[64];
	int rc;

	want.att = log->want.att;
	if (strcmp(a->w[0], "none") && log_parse(a->w[0], &want, bad, sizeof bad)) {
		mon_printf(m, "there is no log item '%s'; these there are:\n", bad);
		for (it = log_items; it->name; it++)
			mon_printf(m, "%-15s %s\n", it->name, it->help);
		return;
	}
	rc = log_want(log, &want);
	if (rc)
		mon_printf(m, "%.200s: cannot be written (%s)\n", log->path, os_open_error(-rc));
}

MON_HANDLER(logfile)
{
	struct log *log = &m->all->env.host->log;
	int rc = log_open(log, a->w[0]);

	if (rc)
		mon_printf(m, "%.200s: cannot be written (%s)\n", a->w[0], os_open_error(-rc));
}
