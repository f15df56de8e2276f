/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor's words that add and take away disks and network cards while the guest runs (ui/disks.h, ui/networks.h do it).
 * Each goes through the door as it was typed.
 */
#include <errno.h>
#include <string.h>

#include "ui/disks.h"
#include "ui/monitor_impl.h"
#include "ui/networks.h"

static void say(struct mon *m, int rc, const struct error *e)
{
	if (rc < 0)
		mon_printf(m, "%s\n", *e->text ? e->text : strerror(-rc));
}

/* ---- disks ------------------------------------------------------------------------------------------------------- */

static void add_disk(struct mon *m, const char *spec)
{
	struct error e = { "" };
	char id[DISK_ID_MAX] = "";
	int rc;

	/* A name alone: what was meant is clear, but a comma in it would not be. */
	if (*spec && strcspn(spec, "=,") == strlen(spec)) {
		mon_printf(m, "'%.200s': say what it is: file=%.200s\n", spec, spec);
		return;
	}
	rc = guest_disk_add(mon_guest(m), spec, mon_take_opened(m), id, sizeof id, &e);
	say(m, rc, &e);
	if (!rc)
		mon_printf(m, "disk %s is there\n", id);
}

MON_HANDLER(disk_add)
{
	add_disk(m, a->w[0]);
}

/* QEMU's has a bus in front, which says nothing here. */
MON_HANDLER(drive_add)
{
	add_disk(m, a->w[a->n - 1]);
}

MON_HANDLER(disk_remove)
{
	struct error e = { "" };

	if (a->n > 1 && strcmp(a->w[1], "force"))
		mon_printf(m, "'%.40s': say force, or nothing\n", a->w[1]);
	else
		say(m, guest_disk_remove(mon_guest(m), a->w[0], a->n > 1, &e), &e);
}

/* "10G"; a bare number is MiB. */
static bool size_of(struct mon *m, const char *word, u64 *bytes)
{
	static const char letters[] = "bkmgt";
	char digits[24];
	size_t n = strspn(word, "0123456789");
	const char *letter = "m";
	u32 shift;

	if (word[n])
		letter = strchr(letters, word[n] | 0x20);
	if (!n || n >= sizeof digits || !letter || (word[n] && word[n + 1])) {
		mon_printf(m, "'%.40s' is no size: give a whole number, as in 512 (MiB) or 10G\n", word);
		return false;
	}
	memcpy(digits, word, n);
	digits[n] = 0;
	if (!mon_number(m, "a size", digits, bytes))
		return false;
	shift = 10 * (u32)(strchr(letters, *letter) - letters);
	if (*bytes > UINT64_MAX >> shift) {
		mon_printf(m, "'%.40s' is more than a disk can have\n", word);
		return false;
	}
	*bytes <<= shift;
	return true;
}

MON_HANDLER(block_resize)
{
	struct error e = { "" };
	u64 bytes;

	if (size_of(m, a->w[1], &bytes))
		say(m, guest_disk_resize(mon_guest(m), a->w[0], bytes, &e), &e);
}

MON_HANDLER(eject)
{
	bool force = !strcmp(a->w[0], "-f");
	struct error e = { "" };

	if (a->n != 1 + (u32)force)
		mon_printf(m, "usage: eject [-f] ID\n");
	else
		say(m, guest_disk_eject(mon_guest(m), a->w[force], force, &e), &e);
}

MON_HANDLER(change)
{
	struct error e = { "" };

	if (a->n > 2)
		mon_printf(m, "usage: change ID FILE, or change vnc password SECRET\n");
	else
		say(m, guest_disk_change(mon_guest(m), a->w[0], a->w[1], mon_take_opened(m), &e), &e);
}

static void show(struct mon *m, void (*describe)(struct guest *g, struct buf *out), const char *nothing)
{
	struct buf text = { 0 };

	describe(mon_guest(m), &text);
	if (text.len)
		mon_write(m, text.p, text.len);
	else
		mon_printf(m, "%s\n", nothing);
	buf_free(&text);
}

/* Of a text in which each thing begins a line with its name and a colon, and goes on in lines set in: that of one name. */
static bool one_of(struct buf *text, const char *name, struct buf *out)
{
	size_t at, next, n = strlen(name);
	bool on = false;

	for (at = 0; at < text->len; at = next) {
		const u8 *end = memchr(text->p + at, '\n', text->len - at);

		next = end ? (size_t)(end - text->p) + 1 : text->len;
		if (text->p[at] != ' ')
			on = next - at > n && !memcmp(text->p + at, name, n) && text->p[at + n] == ':';
		if (on)
			buf_put(out, text->p + at, next - at);
	}
	return out->len > 0;
}

MON_HANDLER(info_block)
{
	struct buf text = { 0 }, one = { 0 };

	if (!a->n) {
		show(m, guest_disk_describe, "the guest has no disks");
		return;
	}
	guest_disk_describe(mon_guest(m), &text);
	if (one_of(&text, a->w[0], &one))
		mon_write(m, one.p, one.len);
	else
		mon_printf(m, "the guest has no disk '%.60s': info block lists them\n", a->w[0]);
	buf_free(&text);
	buf_free(&one);
}

/* ---- networks ---------------------------------------------------------------------------------------------------- */

MON_HANDLER(netdev_add)
{
	struct error e = { "" };

	say(m, guest_netdev_add(mon_guest(m), a->w[0], &e), &e);
}

MON_HANDLER(netdev_del)
{
	struct error e = { "" };

	say(m, guest_netdev_del(mon_guest(m), a->w[0], &e), &e);
}

MON_HANDLER(set_link)
{
	bool up = !strcmp(a->w[1], "on");
	struct error e = { "" };

	if (!up && strcmp(a->w[1], "off"))
		mon_printf(m, "'%.40s': say on or off\n", a->w[1]);
	else
		say(m, guest_set_link(mon_guest(m), a->w[0], up, &e), &e);
}

static void hostfwd(struct mon *m, struct mon_args *a, bool add)
{
	struct error e = { "" };
	char text[LINE_BYTES + 1];

	snprintf(text, sizeof text, "%s%s%s", a->w[0], a->n > 1 ? " " : "", a->n > 1 ? a->w[1] : "");
	say(m, guest_hostfwd(mon_guest(m), add, text, &e), &e);
}

MON_HANDLER(hostfwd_add)
{
	hostfwd(m, a, true);
}

MON_HANDLER(hostfwd_remove)
{
	hostfwd(m, a, false);
}

MON_HANDLER(info_network)
{
	show(m, guest_net_describe, "the guest has no networks");
}

MON_HANDLER(info_usernet)
{
	show(m, guest_usernet_describe, "the guest has no networks of the kind user");
}

/* ---- either ------------------------------------------------------------------------------------------------------ */

MON_HANDLER(device_add)
{
	size_t n = strcspn(a->w[0], ",");
	const char *rest = a->w[0] + n + (a->w[0][n] == ',');
	struct error e = { "" };

	if (!strncmp(a->w[0], "xen-net-device", n) && n == strlen("xen-net-device"))
		say(m, guest_nic_add(mon_guest(m), rest, &e), &e);
	else if (!strncmp(a->w[0], "xen-disk", n) && n == strlen("xen-disk"))
		add_disk(m, rest);
	else
		mon_printf(m, "there is no device '%.*s': use xen-net-device,netdev=ID or xen-disk,file=FILE\n", (int)MIN(n, 40u), a->w[0]);
}

MON_HANDLER(device_del)
{
	struct error e = { "" };
	int rc = guest_nic_remove(mon_guest(m), a->w[0], &e);

	if (rc == -ENOENT) {
		e.text[0] = 0;
		rc = guest_disk_remove(mon_guest(m), a->w[0], false, &e);
		if (rc == -ENOENT)
			error_set(&e, rc, "there is no network card and no disk '%.60s': info network and info block list them", a->w[0]);
	}
	say(m, rc, &e);
}
