/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of options: sizes, counts, dates and lists of key=value, in QEMU's grammar (the first word may stand without
 * its key). Every refusal is a sentence with the option, the value and the way out.
 */
#include "ui/optvalue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/x86/x86.h"
#include "cpu/x86/model.h"
#include "guest/clock.h"
#include "guest/nodes.h"

#define WORD_MAX 256u

/* Walks "word,key=value,...". */
struct words {
	const char *left; /* NULL at the end */
	const char *implied;
	char key[WORD_MAX];
	char *value;
};

/* The next key and value; a word alone has the implied key if it is the first, else the value "on". */
static bool next_word(struct words *w)
{
	size_t len;
	char *eq;

	if (!w->left)
		return false;
	len = strcspn(w->left, ",");
	snprintf(w->key, sizeof w->key, "%.*s", (int)MIN(len, WORD_MAX - 1), w->left);
	w->left = w->left[len] ? w->left + len + 1 : NULL;
	eq = strchr(w->key, '=');
	if (eq) {
		*eq = 0;
		w->value = eq + 1;
	} else if (w->implied) {
		size_t n = strlen(w->implied), v = strlen(w->key);

		v = MIN(v, WORD_MAX - n - 2);
		memmove(w->key + n + 1, w->key, v);
		w->key[n + 1 + v] = 0;
		memcpy(w->key, w->implied, n + 1);
		w->value = w->key + n + 1;
	} else {
		w->value = w->key + strlen(w->key);
	}
	w->implied = NULL;
	return true;
}

static int bad_key(const struct option_row *row, const char *value, const char *key, const char *known, struct error *e)
{
	return error_set(e, -EINVAL, "-%s %.80s: '%.40s' is not known here: use %s", row->name, value, key, known);
}

/* A whole decimal or 0x number. 0 or -EINVAL. */
static int parse_u64(const char *s, u64 *out)
{
	char *end;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	errno = 0;
	*out = strtoull(s, &end, s[1] == 'x' || s[1] == 'X' ? 16 : 10);
	return *end || errno ? -EINVAL : 0;
}

static int parse_onoff(const char *s, bool *out)
{
	*out = !strcmp(s, "on") || !strcmp(s, "yes");
	return *out || !strcmp(s, "off") || !strcmp(s, "no") ? 0 : -EINVAL;
}

/* A size; unit multiplies a bare number. 0, -EINVAL, or -ERANGE past 64 bits. */
static int parse_size(const char *s, u64 unit, u64 *out)
{
	static const char letters[] = "bkmgtpe";
	const char *p;
	char *end;
	u64 n;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(s, &end, 10);
	if (errno)
		return -ERANGE;
	if (*end) {
		p = strchr(letters, *end | 0x20);
		if (!p)
			return -EINVAL;
		unit = 1ull << (10 * (p - letters));
		end++;
		if ((*end | 0x20) == 'b' && unit > 1) /* "500MB", "1GiB" */
			end++;
		else if (!strcmp(end, "iB") && unit > 1)
			end += 2;
		if (*end)
			return -EINVAL;
	}
	if (n > UINT64_MAX / unit)
		return -ERANGE;
	*out = n * unit;
	return 0;
}

int value_machine(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	struct words w = { .left = value, .implied = "type" };

	if (!strcmp(value, "help") || !strcmp(value, "?")) {
		fputs("Supported machines are:\n"
		      "xenpv                Xen paravirtual guest, 64-bit (default)\n"
		      "none                 a bare processor, memory and an exit port, for flat images (-bios)\n",
		      o->out);
		return OPTIONS_DONE;
	}
	while (next_word(&w)) {
		if (!strcmp(w.key, "accel")) {
			if (strcmp(w.value, "interp"))
				return error_set(
					e, -EINVAL,
					"-%s %.80s: there is no accelerator '%.40s': use accel=interp, or leave it out",
					row->name, value, w.value);
		} else if (strcmp(w.key, "type")) {
			return bad_key(row, value, w.key, "a machine type alone, as in -M xenpv", e);
		} else if (strcmp(w.value, "xenpv") && strcmp(w.value, "none")) {
			return error_set(e, -EINVAL,
					 "-%s %.80s: there is no machine '%.40s': use -M xenpv ('-M help' lists them)",
					 row->name, value, w.value);
		} else if (node_set_str(o->guest, "machine", w.value)) {
			return -ENOMEM;
		}
	}
	return 0;
}

int value_memory(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	struct words w = { .left = value, .implied = "size" };
	u64 bytes = 0;
	int rc;

	while (next_word(&w)) {
		if (strcmp(w.key, "size"))
			return bad_key(row, value, w.key,
				       "a size alone, as in -m 512M (memory cannot be plugged in later)", e);
		rc = parse_size(w.value, 1 << 20, &bytes);
		if (rc == -EINVAL)
			return error_set(e, rc,
					 "-m %.80s: '%.40s' is no size: give a whole number, as in "
					 "-m 500 (MiB), -m 500M or -m 1G",
					 value, w.value);
		if (rc || bytes > 1ull << 40)
			return error_set(
				e, -ERANGE,
				"-m %.80s: a guest can have 1T of memory at most: give a smaller size, as in -m 4G",
				value);
	}
	if (!bytes)
		return error_set(e, -EINVAL, "-m %.80s: a guest cannot run without memory: give a size, as in -m 512M",
				 value);
	if (bytes < 1 << 20)
		return error_set(e, -EINVAL,
				 "-m %.80s: that is less than 1M, too little for any guest: give more, as in -m 512M",
				 value);
	return node_set_u64(o->guest, "memory", bytes & ~(u64)4095);
}

int value_smp(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	struct words w = { .left = value, .implied = "cpus" };
	u64 cpus = 0, maxcpus = 0, product = 1, n;
	bool topology = false;
	int rc;

	while (next_word(&w)) {
		bool is_cpus = !strcmp(w.key, "cpus"), is_max = !strcmp(w.key, "maxcpus");

		if (!is_cpus && !is_max && strcmp(w.key, "sockets") && strcmp(w.key, "cores") &&
		    strcmp(w.key, "threads"))
			return bad_key(row, value, w.key, "cpus=N, maxcpus=N, sockets=N, cores=N or threads=N", e);
		if (parse_u64(w.value, &n) || !n)
			return error_set(e, -EINVAL,
					 "-smp %.80s: '%.40s' is no number of CPUs: give 1 to %u, as in -smp 2", value,
					 w.value, GUEST_MAX_VCPUS);
		if (n > GUEST_MAX_VCPUS)
			return error_set(e, -ERANGE,
					 "-smp %.80s: %.40s CPUs are too many: a guest can have %u, as in -smp %u",
					 value, w.value, GUEST_MAX_VCPUS, GUEST_MAX_VCPUS);
		if (is_cpus) {
			cpus = n;
		} else if (is_max) {
			maxcpus = n;
		} else {
			product *= n;
			topology = true;
		}
	}
	if (!maxcpus)
		maxcpus = topology ? product : cpus ? cpus : 1;
	if (!cpus)
		cpus = maxcpus;
	if (maxcpus > GUEST_MAX_VCPUS)
		return error_set(e, -ERANGE,
				 "-smp %.80s: that makes more CPUs than the %u a guest can have: give fewer", value,
				 GUEST_MAX_VCPUS);
	if (cpus > maxcpus || (topology && product != maxcpus))
		return error_set(
			e, -EINVAL,
			"-smp %.80s: the numbers do not agree: cpus can be at most maxcpus, and sockets * cores * "
			"threads must make maxcpus: give cpus alone, as in -smp %u",
			value, (u32)cpus);
	rc = node_set_u64(o->guest, "vcpus", cpus);
	return rc ? rc : node_set_u64(o->guest, "maxvcpus", maxcpus);
}

static void list_cpus(FILE *out)
{
	const struct x86_model *m;
	u64 all = x86_features_implemented();
	u32 n, column = 0;

	fputs("Available CPUs:\n", out);
	for (m = x86_model_list(); m->name; m++)
		fprintf(out, "%-20s %s%s\n", m->name, m->what, m == x86_model_list() ? " (default)" : "");
	fputs("\nRecognized features, for +NAME and -NAME:", out);
	for (n = 0; n < 64; n++) {
		const char *name = all >> n & 1 ? x86_feature_name(n) : NULL;

		if (!name)
			continue;
		if (!column || column + strlen(name) > 78) {
			fputs("\n ", out);
			column = 2;
		}
		column += (u32)fprintf(out, " %s", name);
	}
	fputs("\nA Xen PV guest is not shown what its host keeps: vme pse pge pcid invpcid monitor smep smap umip la57.\n", out);
}

int value_cpu(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	u64 features = x86_features_implemented();
	int rc;

	if (!strcmp(value, "help") || !strcmp(value, "?")) {
		list_cpus(o->out);
		return OPTIONS_DONE;
	}
	rc = x86_features_parse(value, &features, e);
	return rc ? rc : node_set_str(o->guest, "cpu", value);
}

int value_accel(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	struct words w = { .left = value, .implied = "accel" };
	u64 mib;

	if (!strcmp(value, "help") || !strcmp(value, "?")) {
		fputs("Accelerators supported:\ninterp\n", o->out);
		return OPTIONS_DONE;
	}
	while (next_word(&w)) {
		if (!strcmp(w.key, "accel")) {
			if (strcmp(w.value, "interp"))
				return error_set(e, -EINVAL,
						 "-accel %.80s: there is no accelerator '%.40s': use -accel "
						 "interp, or leave it out",
						 value, w.value);
		} else if (!strcmp(w.key, "tb-size")) {
			if (parse_u64(w.value, &mib) || !mib || mib > 4096)
				return error_set(
					e, -EINVAL,
					"-accel %.80s: tb-size '%.40s' must be 1 to 4096 (MiB), as in tb-size=16",
					value, w.value);
			o->tb_bytes = mib << 20;
		} else {
			return bad_key(row, value, w.key, "interp[,tb-size=MIB]", e);
		}
	}
	return 0;
}

int value_icount(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	struct words w = { .left = value, .implied = "shift" };
	bool on;
	u64 n;

	while (next_word(&w)) {
		if (!strcmp(w.key, "shift")) {
			if (!strcmp(w.value, "auto")) {
				node_unset(o->guest, "icount-shift");
				continue;
			}
			if (parse_u64(w.value, &n) || n > 10)
				return error_set(e, -EINVAL,
						 "-icount %.80s: shift '%.40s' must be 0 to 10 or auto, as "
						 "in shift=0 (1 ns an instruction)",
						 value, w.value);
			if (node_set_u64(o->guest, "icount-shift", n))
				return -ENOMEM;
		} else if (!strcmp(w.key, "sleep")) {
			if (parse_onoff(w.value, &on))
				return error_set(e, -EINVAL, "-icount %.80s: sleep '%.40s' must be on or off", value,
						 w.value);
			o->idle_sleep = on;
		} else if (!strcmp(w.key, "align")) {
			if (parse_onoff(w.value, &on) || on)
				return error_set(e, -EINVAL,
						 "-icount %.80s: align '%.40s' can only be off: leave it out", value,
						 w.value);
		} else {
			return bad_key(row, value, w.key, "shift=N|auto or sleep=on|off", e);
		}
	}
	return 0;
}

/* "2023-06-10", "2023-06-10T12:30:00". 0 or -EINVAL. */
static int parse_date(const char *s, u64 *out)
{
	static const u8 month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	u32 y, mo, d, h = 0, mi = 0, sec = 0, last;
	int used = 0, n;

	if (sscanf(s, "%4u-%2u-%2u%n", &y, &mo, &d, &used) < 3)
		return -EINVAL;
	s += used;
	used = 0;
	if (*s) {
		n = sscanf(s, "T%2u:%2u:%2u%n", &h, &mi, &sec, &used);
		if (n < 3 || s[used])
			return -EINVAL;
	}
	if (y < 1970 || !mo || mo > 12 || h > 23 || mi > 59 || sec > 59)
		return -EINVAL;
	last = month_days[mo - 1] + (mo == 2 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0));
	if (!d || d > last)
		return -EINVAL;
	*out = guest_epoch(y, mo, d, h, mi, sec);
	return 0;
}

int value_rtc(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	struct words w = { .left = value, .implied = "base" };
	u64 epoch = 0;
	int rc = 0;

	while (!rc && next_word(&w)) {
		if (!strcmp(w.key, "clock")) {
			if (strcmp(w.value, "vm"))
				return error_set(
					e, -EINVAL,
					"-rtc %.80s: clock '%.40s' can only be vm, time by instructions: leave it out",
					value, w.value);
			continue;
		}
		if (strcmp(w.key, "base"))
			return bad_key(row, value, w.key, "base=utc, base=localtime or base=TIME", e);
		if (!strcmp(w.value, "utc") || !strcmp(w.value, "localtime")) {
			rc = node_set_str(o->guest, "clock-base", w.value);
			node_unset(o->guest, "clock-epoch");
			continue;
		}
		/* Up to the year 2554, the end of 64 bits of nanoseconds. */
		if ((parse_date(w.value, &epoch) && parse_u64(w.value, &epoch)) || epoch > UINT64_MAX / 1000000000u)
			return error_set(
				e, -EINVAL,
				"-rtc %.80s: base '%.40s' must be utc, localtime, seconds since 1970, or a date as in "
				"base=2023-06-10T12:00:00",
				value, w.value);
		rc = node_set_str(o->guest, "clock-base", "fixed");
		rc = rc ? rc : node_set_u64(o->guest, "clock-epoch", epoch);
	}
	return rc;
}

int value_timeout(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	char *end;
	double s = strtod(value, &end);

	if (*value < '0' || *value > '9' || *end || !(s > 0) || s > 1e9)
		return error_set(e, -EINVAL,
				 "-timeout %.80s: that is no number of seconds above 0: give one, as in -timeout 60",
				 value);
	o->timeout_ns = (u64)(s * 1e9);
	return 0;
}

static bool device_ok(const char *value)
{
	static const char *const whole[] = { "stdio", "mon:stdio", "pty", "null", "none", "vc" };
	static const char *const prefix[] = { "file:", "unix:", "tcp:", "chardev:" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(whole); i++)
		if (!strcmp(value, whole[i]))
			return true;
	for (i = 0; i < ARRAY_SIZE(prefix); i++)
		if (!strncmp(value, prefix[i], strlen(prefix[i])) && value[strlen(prefix[i])])
			return true;
	return false;
}

int value_serial(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	if (device_ok(value))
		return node_set_str(o->guest, "serial0", value);
	return error_set(e, -EINVAL,
			 "-serial %.80s: there is no such device: use stdio, "
			 "mon:stdio, pty, file:PATH, unix:PATH, tcp:HOST:PORT, chardev:ID, vc or none",
			 value);
}

int value_monitor(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	char name[24];

	if (!strcmp(value, "none") || !strcmp(value, "null"))
		return 0;
	if (!device_ok(value) || !strncmp(value, "file:", 5) || !strcmp(value, "vc"))
		return error_set(e, -EINVAL,
				 "-monitor %.80s: there is no such device: use stdio, pty, unix:PATH,server=on,wait=off, tcp:HOST:PORT,..., "
				 "chardev:ID or none",
				 value);
	if (o->nmonitors == OPTIONS_MAX_MONITORS)
		return error_set(e, -EINVAL, "-monitor %.80s: there are %u already: leave one out", value, OPTIONS_MAX_MONITORS);
	snprintf(name, sizeof name, "monitor%u", o->nmonitors++);
	/* A terminal that is a monitor alone needs no Ctrl-A keys. */
	return node_set_str(o->guest, name, strcmp(value, "mon:stdio") ? value : "stdio");
}
