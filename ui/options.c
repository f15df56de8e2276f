/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line (QEMU's invocation manual): the table's rows, and what is common to them. The handlers of values
 * with a grammar of their own are in ui/optvalue.c. Left out: configuration files, -set, -global.
 */
#include "ui/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "guest/networks.h"
#include "guest/nodes.h"
#include "hw/host/channel.h"
#include "guest/spec.h"
#include "ui/autosave.h"
#include "ui/disks_option.h"
#include "ui/networks_option.h"
#include "ui/optvalue.h"
#include "ui/snapshots.h"
#include "xen/store/socket.h"

const struct guest_words options_words = {
	.machine = "-M",
	.memory = "-m",
	.vcpus = "-smp",
	.kernel = "-kernel",
	.initrd = "-initrd",
	.cmdline = "-append",
	.bios = "-bios",
	.bootloader = "-bootloader",
	.serial = "-serial",
	.xenstore = "-xenstore",
	.drive = "-drive",
	.drives = "-drive, -hda and the like",
	.card = "-nic",
	.cards = "-nic, -net and -netdev",
	.sandbox = "-sandbox on",
	.disk = "-hda disk.img",
	.examples = " (-h shows examples)",
	.network = ", as in -netdev user,id=",
	.networks = "-netdev or -nic defines",
	.dump = "-object filter-dump,id=",
};

static int set_string(char **p, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*p);
	*p = copy;
	return 0;
}

static int opt_name(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	if (!strncmp(value, "guest=", 6))
		value += 6;
	if (!node_name_ok(value))
		return error_set(
			e, -EINVAL,
			"-%s '%.80s': a name has 1 to %u letters, digits and ,._+-@: choose another, as in -name demo",
			row->name, value, NODE_NAME_MAX);
	return set_string(&o->name, value);
}

static int set_path(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	if (!*value)
		return error_set(e, -EINVAL, "-%s '': the file name is empty: give a path, or leave -%s out", row->name,
				 row->name);
	return node_set_str(o->guest, row->name, value);
}

static int opt_kernel(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	return set_path(o, row, value, e);
}

static int opt_bootloader(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	return set_path(o, row, value, e);
}

static int opt_initrd(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	return set_path(o, row, value, e);
}

static int opt_bios(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	return set_path(o, row, value, e);
}

static int opt_append(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	size_t len = strlen(value);

	if (len > GUEST_MAX_CMDLINE)
		return error_set(e, -E2BIG,
				 "-append: the kernel's command line is %zu bytes long and a "
				 "Xen guest's may have %u: shorten it",
				 len, GUEST_MAX_CMDLINE);
	return node_set_str(o->guest, "cmdline", value);
}

static int opt_hd(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	char said[16];

	snprintf(said, sizeof said, "-%s", row->name);
	return disks_option_file(o->guest, value, (u32)(row->name[2] - 'a'), false, said, e);
}

static int opt_cdrom(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	return disks_option_file(o->guest, value, 2, true, "-cdrom", e);
}

static int opt_drive(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	return disks_option_drive(o->guest, value, "-drive", NULL, e);
}

static int opt_snapshot(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	return disks_option_snapshot(o->guest);
}

#define opt_hda opt_hd
#define opt_hdb opt_hd
#define opt_hdc opt_hd
#define opt_hdd opt_hd
static int opt_network(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	return networks_option(o->guest, row->name, value, o->out, e);
}

#define opt_netdev opt_network
#define opt_nic opt_network
#define opt_net opt_network
/* The words behind a device's name. */
static const char *device_words(const char *value, const char *driver)
{
	size_t n = strlen(driver);

	return !strncmp(value, driver, n) && (!value[n] || value[n] == ',') ? value + n + (value[n] == ',') : NULL;
}

static int opt_device(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	const char *disk = device_words(value, "xen-disk");

	if (!strcmp(value, "help") || !strcmp(value, "?")) {
		fputs("Devices:\nxen-net-device  a network card: netdev=ID, mac=MAC, id=ID\n"
		      "xen-disk        a disk, with the words of -drive: file=FILE, format=, readonly=, ...\n", o->out);
		return OPTIONS_DONE;
	}
	if (disk)
		return disks_option_drive(o->guest, disk, "-device xen-disk", NULL, e);
	if (!device_words(value, "xen-net-device"))
		return error_set(e, -EINVAL, "-device %.100s: '%.*s' is no device that there is: use xen-net-device,netdev=ID or xen-disk,file=FILE",
				 value, (int)MIN(strcspn(value, ","), (size_t)60), value);
	return opt_network(o, row, value, e);
}

#define opt_object opt_network

static int opt_no_reboot(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	return node_set_str(o->guest, "on-reboot", "destroy");
}

static int opt_no_shutdown(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	return node_set_str(o->guest, "on-poweroff", "preserve");
}

static int opt_serial(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	if (o->nserial++)
		return error_set(e, -EINVAL,
				 "-serial %.80s: the machine has one console, and it has "
				 "a device already: give -serial once",
				 value);
	return value_serial(o, row, value, e);
}

static int opt_nographic(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	o->nographic = true; /* -serial, -vnc and -display still win, as in QEMU */
	return 0;
}

static int opt_monitor(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	return value_monitor(o, row, value, e);
}

static int opt_stopped(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	o->stopped = true;
	return 0;
}

static int opt_daemonize(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	o->daemonize = true;
	return 0;
}

static int opt_pidfile(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	if (!*value)
		return error_set(e, -EINVAL, "-pidfile '': the file name is empty: give a path, or leave -pidfile out");
	return set_string(&o->pidfile, value);
}

static int opt_loadvm(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	char path[1024];
	struct error why = { "" };

	if (snapshots_path(".", value, path, sizeof path, &why))
		return error_set(e, -EINVAL, "-loadvm %s", why.text);
	return set_string(&o->loadvm, value);
}

static int opt_incoming(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	if ((strncmp(value, "file:", 5) || !value[5]) && !channel_is_spec(value))
		return error_set(e, -EINVAL,
				 "-incoming %.80s: a guest comes from file:PATH, tcp:HOST:PORT, unix:PATH, fd:NUMBER or exec:COMMAND", value);
	return set_string(&o->incoming, value);
}

static int opt_snapshot_dir(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	if (!*value)
		return error_set(e, -EINVAL, "-snapshot-dir '': the name is empty: give a folder, or leave -snapshot-dir out");
	return set_string(&o->snapshot_dir, value);
}

static int opt_snapshot_compress(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	enum image_codec c = image_codec_find(value);

	if (c == IMAGE_CODECS)
		return error_set(e, -EINVAL, "-snapshot-compress %.80s: snapshots are packed with lz4, zstd, zlib or none", value);
	if (!image_codec_builtin(c))
		return error_set(e, -EINVAL, "-snapshot-compress %s: this build has no %s: build it with that, or choose another way to pack",
				 value, image_codec_library(c));
	o->snapshot_codec = c;
	return 0;
}

static int opt_autosave(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	const char *rest = value;
	struct spec_word w;
	u32 count = 0;
	char *end;
	double v;

	o->autosave_keep = 5;
	for (; spec_next(&rest, &w); count++) {
		const char *number = count ? w.value : w.name;

		v = strtod(number, &end);
		if (!*number || *end || w.too_long)
			v = 0;
		if (!count && !w.has_value && v >= 1 && v <= 1e9)
			o->autosave_ns = (u64)(v * 1e9);
		else if (count && !strcmp(w.name, "keep") && v >= 1 && v <= AUTOSAVE_KEEP_MAX && v == (u32)v)
			o->autosave_keep = (u32)v;
		else
			return error_set(e, -EINVAL, "-autosave %.80s: '%.40s' is neither a number of seconds, 1 or more, nor keep=N with N from 1 to %u: "
					 "write it as in -autosave 60,keep=5", value, count ? w.raw : w.name, AUTOSAVE_KEEP_MAX);
	}
	return count ? 0 : error_set(e, -EINVAL, "-autosave '': give a number of seconds, as in -autosave 60,keep=5");
}

static int opt_rtc(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	o->rtc = true;
	return value_rtc(o, row, value, e);
}

static int opt_xenstore(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	return xs_socket_spec_ok(value, e) ? node_set_str(o->guest, "xenstore", value) : -EINVAL;
}

static int opt_log(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	const struct log_item_desc *it;
	char bad[64];

	if (!strcmp(value, "help") || !strcmp(value, "?")) {
		fputs("Log items (comma separated):\n", o->out);
		for (it = log_items; it->name; it++)
			fprintf(o->out, "%-15s %s\n", it->name, it->help);
		fputs("from=T, to=T    only lines from this point of the run on, or before it: seconds of guest time,\n"
		      "                20ms, 5us, 7ns, or a number of instructions, 3000000i\n"
		      "syntax=att      disassembly as AT&T's assembler has it (syntax=intel: as Intel's)\n",
		      o->out);
		return OPTIONS_DONE;
	}
	if (log_parse(value, &o->log, bad, sizeof bad))
		return error_set(e, -EINVAL, "-d %.80s: there is no log item '%s': '-d help' lists them", value, bad);
	return 0;
}

static int opt_log_filter(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	char bad[64];
	int rc = log_add_ranges(o->log_range, &o->log_ranges, value, bad, sizeof bad);

	if (rc == -ENOSPC)
		return error_set(e, rc, "-dfilter %.80s: more than %u ranges: leave some out", value, LOG_RANGES);
	return rc ? error_set(e, rc, "-dfilter %.80s: '%s' is no range of addresses: write START+SIZE, START-SIZE or FIRST..LAST, as in "
			      "0xffffffff81000000+0x1000", value, bad)
		  : 0;
}

static int opt_log_file(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	if (!*value)
		return error_set(
			e, -EINVAL,
			"-D '': the file name is empty: give a path, or leave -D out to log to standard error");
	return set_string(&o->log_file, value);
}

static int opt_singlestep(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	o->singlestep = true;
	return 0;
}

static int opt_stats(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	o->stats = true;
	return 0;
}

static int opt_progress(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	o->progress = true;
	return 0;
}

static int opt_dumpdts(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	o->dumpdts = true;
	return 0;
}

static int opt_help(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	options_print_help(o->out);
	return OPTIONS_DONE;
}

static int opt_version(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	options_print_version(o->out);
	return OPTIONS_DONE;
}

#define opt_machine value_machine
#define opt_memory value_memory
#define opt_smp value_smp
#define opt_cpu value_cpu
#define opt_accel value_accel
#define opt_icount value_icount
#define opt_action value_action
#define opt_uuid value_uuid
#define opt_chardev value_chardev
#define opt_sandbox value_sandbox
#define opt_timeout value_timeout
#define opt_display value_display
#define opt_vnc value_vnc
#define opt_full_screen value_full_screen
#define opt_keymap value_keymap

#define GROUP_GUEST "Guest"
#define GROUP_NETWORK "Network"
#define GROUP_TIME "Processor and time"
#define GROUP_CONSOLE "Console"
#define GROUP_DEBUG "Looking inside"
#define GROUP_HELP "Help"

const struct option_row option_rows[] = {
#define OPT(name, arg, group, handler, help) { name, arg, GROUP_##group, help, opt_##handler },
#include "ui/options.def"
#undef OPT
	{ NULL, NULL, NULL, NULL, NULL },
};

static const struct option_row *find_row(const char *name)
{
	const struct option_row *r;

	for (r = option_rows; r->name; r++)
		if (!strcmp(r->name, name))
			return r;
	return NULL;
}

const char *options_nearest(const char *name)
{
	const struct option_row *r;
	struct nearest n;

	nearest_begin(&n, name);
	for (r = option_rows; r->name; r++)
		nearest_offer(&n, r->name);
	return nearest_word(&n);
}

static int defaults(struct options *o)
{
	struct node *g = o->guest;
	int rc = 0;

	rc |= node_set_str(g, "machine", "xenpv");
	rc |= node_set_u64(g, "memory", 512ull << 20);
	rc |= node_set_u64(g, "vcpus", 1);
	rc |= node_set_u64(g, "maxvcpus", 1);
	rc |= node_set_str(g, "cpu", "max");
	rc |= node_set_str(g, "cmdline", "");
	rc |= node_set_str(g, "serial0", "mon:stdio");
	rc |= node_set_str(g, "clock-base", "fixed");
	rc |= node_set_u64(g, "clock-epoch", GUEST_DEFAULT_EPOCH);
	rc |= node_set_str(g, "on-reboot", "restart");
	rc |= node_set_str(g, "on-poweroff", "destroy");
	rc |= node_set_str(g, "on-crash", "destroy");
	return rc ? -ENOMEM : 0;
}

const char *options_monitor(const struct node *guest, u32 i)
{
	char name[24];

	snprintf(name, sizeof name, "monitor%u", i);
	return node_str(guest, name, NULL);
}

static bool is_stdio(const char *spec)
{
	return !strcmp(spec, "stdio") || !strcmp(spec, "mon:stdio");
}

/* Standard input serves one device. If a monitor has it and there is no -serial, the console goes to a pty. */
static int check_stdio(struct options *o, struct error *e)
{
	bool taken = o->nserial && is_stdio(node_str(o->guest, "serial0", ""));
	u32 i;

	for (i = 0; i < o->nmonitors; i++) {
		if (!is_stdio(options_monitor(o->guest, i)))
			continue;
		if (taken)
			return error_set(e, -EINVAL, "-monitor stdio: standard input and output are taken already: name another device, or use "
					 "-serial mon:stdio, where Ctrl-A c leads to a monitor");
		taken = true;
		if (!o->nserial && node_set_str(o->guest, "serial0", "pty"))
			return -ENOMEM;
	}
	return 0;
}

/* A program in the background has no terminal. */
static int check_daemon(struct options *o, struct error *e)
{
	u32 i;

	if (!o->daemonize)
		return 0;
	if (o->nographic)
		return error_set(e, -EINVAL, "-nographic: it puts the console on the terminal, and -daemonize leaves that: use -display none, "
				 "and -serial pty or file:PATH");
	if (!o->nserial && node_set_str(o->guest, "serial0", "pty"))
		return -ENOMEM;
	if (is_stdio(node_str(o->guest, "serial0", "")))
		return error_set(e, -EINVAL, "-serial stdio: -daemonize leaves the terminal: use -serial pty, file:PATH or unix:PATH,...");
	for (i = 0; i < o->nmonitors; i++)
		if (is_stdio(options_monitor(o->guest, i)))
			return error_set(e, -EINVAL, "-monitor stdio: -daemonize leaves the terminal: use -monitor pty or unix:PATH,server=on,wait=off");
	return 0;
}

/*
 * A guest with a network needs the real time, to check certificates. A guest without one starts at a fixed time, so
 * that its runs are equal.
 */
static int choose_clock(struct options *o)
{
	const struct node *nics = node_child(o->guest, "nics"), *c;

	for (c = nics ? nics->first : NULL; c && !o->rtc; c = c->next)
		if (node_has(c, "netdev")) {
			node_unset(o->guest, "clock-epoch");
			return node_set_str(o->guest, "clock-base", "utc");
		}
	return 0;
}

/* Puts the guest into the tree, now that its name is known. */
static int finish(struct options *o, struct error *e)
{
	struct node *guests = node_make(o->tree, "/guests");
	struct node *g = node_new(o->name ? o->name : "guest"), *old = o->guest, *child;
	int rc = guests && g ? node_attach(guests, g) : -ENOMEM;

	if (rc) {
		node_free(g);
		return error_set(e, rc, "the host is out of memory");
	}
	g->props = old->props;
	g->last_prop = old->last_prop;
	old->props = old->last_prop = NULL;
	g->first = old->first;
	g->last = old->last;
	for (old->first = old->last = NULL, child = g->first; child; child = child->next)
		child->parent = g;
	node_free(old);
	o->guest = g;
	return 0;
}

int options_parse(struct options *o, int argc, char **argv, FILE *out, struct error *e)
{
	int i, rc;

	*o = (struct options){ .out = out, .idle_sleep = true, .snapshot_codec = image_codec_best() };
	o->tree = node_new("");
	o->guest = node_new("guest");
	if (!o->tree || !o->guest || defaults(o))
		return error_set(e, -ENOMEM, "the host is out of memory");
	for (i = 1; i < argc; i++) {
		const char *name = argv[i], *value = NULL;
		const struct option_row *r;

		if (name[0] != '-' || !name[1])
			return error_set(e, -EINVAL,
					 "'%.80s' is no option: options start with '-', as in -kernel %.40s", name,
					 *name && name[0] != '-' ? name : "vmlinuz");
		name += name[1] == '-' ? 2 : 1;
		r = find_row(name);
		if (!r)
			return option_unknown(argv[i], name, e);
		if (*r->arg) {
			if (++i >= argc)
				return error_set(e, -EINVAL, "-%s: a value must follow: -%s %s", r->name, r->name,
						 r->arg);
			value = argv[i];
		}
		if (e)
			e->text[0] = 0;
		rc = r->handle(o, r, value, e);
		if (rc < 0 && e && !e->text[0])
			error_set(e, rc, "-%s: the host is out of memory", r->name);
		if (rc)
			return rc;
	}
	rc = guest_machine_check(o->guest, &options_words, e);
	rc = rc ? rc : value_finish_chardevs(o, e);
	rc = rc ? rc : check_daemon(o, e);
	rc = rc ? rc : check_stdio(o, e);
	rc = rc ? rc : choose_clock(o);
	rc = rc ? rc : value_finish_display(o, e);
	rc = rc ? rc : finish(o, e);
	rc = rc ? rc : guest_networks_check(o->guest, o->guest->name, &options_words, e);
	if (!rc && o->dumpdts) {
		node_print(o->tree, out);
		return OPTIONS_DONE;
	}
	return rc;
}

void options_free(struct options *o)
{
	if (o->guest && !o->guest->parent)
		node_free(o->guest);
	node_free(o->tree);
	node_free(o->chardevs);
	node_free(o->sandbox);
	free(o->log_file);
	free(o->pidfile);
	free(o->loadvm);
	free(o->incoming);
	free(o->snapshot_dir);
	free(o->name);
	*o = (struct options){ 0 };
}
