/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor's words that add and take away disks and network cards while the guest runs (guest/ does it).
 * Their texts become nodes first. Each word goes through the door as it was typed.
 */
#include <errno.h>
#include <string.h>

#include "guest/disks.h"
#include "guest/networks.h"
#include "hw/host/block/block.h"
#include "ui/disks_option.h"
#include "ui/monitor_impl.h"
#include "ui/networks_option.h"

static void say(struct mon *m, int rc, const struct error *e)
{
	if (rc < 0)
		mon_printf(m, "%s\n", *e->text ? e->text : strerror(-rc));
}

/* The same; when rc is that error, with the monitor's way out behind it. */
static void say_way(struct mon *m, int rc, const struct error *e, int error, const char *way)
{
	if (rc == error)
		mon_printf(m, "%s%s\n", e->text, way);
	else
		say(m, rc, e);
}

static const char list_disks[] = ": 'info block' lists those there are", list_networks[] = ": 'info network' lists them";

/* ---- disks ------------------------------------------------------------------------------------------------------- */

static void add_disk(struct mon *m, const char *spec)
{
	struct block_opening *opened = mon_take_opened(m);
	struct guest *g = mon_guest(m);
	struct error e = { "" };
	struct node *drive;
	int rc;

	/* A name alone: what was meant is clear, but a comma in it would not be. */
	if (*spec && strcspn(spec, "=,") == strlen(spec)) {
		mon_printf(m, "'%.200s': say what it is: file=%.200s\n", spec, spec);
		block_open_drop(opened);
		return;
	}
	rc = disks_option_drive(g->node, spec, "drive", &drive, &e);
	if (rc)
		block_open_drop(opened);
	else
		rc = guest_disk_add(g, drive, opened, &e);
	say(m, rc, &e);
	if (!rc)
		mon_printf(m, "disk %s is there\n", drive->name);
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
		say_way(m, guest_disk_remove(mon_guest(m), a->w[0], a->n > 1, &e), &e, -ENOENT, list_disks);
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
		say_way(m, guest_disk_resize(mon_guest(m), a->w[0], bytes, &e), &e, -ENOENT, list_disks);
}

MON_HANDLER(eject)
{
	bool force = !strcmp(a->w[0], "-f");
	struct error e = { "" };
	int rc;

	if (a->n != 1 + (u32)force) {
		mon_printf(m, "usage: eject [-f] ID\n");
		return;
	}
	rc = guest_disk_eject(mon_guest(m), a->w[force], force, &e);
	say_way(m, rc, &e, rc == -EBUSY ? -EBUSY : -ENOENT, rc == -EBUSY ? ": eject it with force (-f), or remove it" : list_disks);
}

MON_HANDLER(change)
{
	struct error e = { "" };

	if (a->n > 2)
		mon_printf(m, "usage: change ID FILE, or change vnc password SECRET\n");
	else
		say_way(m, guest_disk_change(mon_guest(m), a->w[0], a->w[1], "change", mon_take_opened(m), &e), &e, -ENOENT, list_disks);
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
	struct guest *g = mon_guest(m);
	struct error e = { "" };
	struct node *n;
	int rc = networks_option_network(g->node, a->w[0], a->w[0], &n, &e);

	say(m, rc ? rc : guest_netdev_add(g, n, &e), &e);
}

/* The card that is plugged into a network, or NULL. */
static const char *card_of(const struct guest *g, const char *network)
{
	const struct node *all = node_child(g->node, "nics"), *c;

	for (c = all ? all->first : NULL; c; c = c->next)
		if (!strcmp(node_str(c, "netdev", ""), network))
			return c->name;
	return NULL;
}

MON_HANDLER(netdev_del)
{
	struct error e = { "" };
	int rc = guest_netdev_del(mon_guest(m), a->w[0], &e);
	const char *card = card_of(mon_guest(m), a->w[0]);

	if (rc == -EBUSY && card)
		mon_printf(m, "%s, with device_del %s\n", e.text, card);
	else
		say_way(m, rc, &e, -ENOENT, list_networks);
}

MON_HANDLER(set_link)
{
	bool up = !strcmp(a->w[1], "on");
	struct error e = { "" };

	if (!up && strcmp(a->w[1], "off"))
		mon_printf(m, "'%.40s': say on or off\n", a->w[1]);
	else
		say_way(m, guest_set_link(mon_guest(m), a->w[0], up, &e), &e, -ENOENT, list_networks);
}

/* "[NETDEV] RULE", in two words or in quotes. */
static void hostfwd(struct mon *m, struct mon_args *a, bool add)
{
	const char *netdev = NULL, *rule = a->w[a->n - 1];
	char *blank = strchr(a->w[0], ' ');
	struct error e = { "" };

	if (a->n > 1 || blank)
		netdev = a->w[0];
	if (blank)
		*blank = 0;
	if (blank && a->n == 1)
		rule = blank + 1 + strspn(blank + 1, " ");
	say_way(m, guest_hostfwd(mon_guest(m), add, netdev, rule, &e), &e, netdev ? -ENODEV : 1, list_networks);
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
	struct node *card;
	int rc;

	if (!strncmp(a->w[0], "xen-net-device", n) && n == strlen("xen-net-device")) {
		rc = networks_option_card(mon_guest(m)->node, "card", rest, &card, &e);
		say(m, rc ? rc : guest_nic_add(mon_guest(m), card, &e), &e);
	} else if (!strncmp(a->w[0], "xen-disk", n) && n == strlen("xen-disk")) {
		add_disk(m, rest);
	} else {
		mon_printf(m, "there is no device '%.*s': use xen-net-device,netdev=ID or xen-disk,file=FILE\n", (int)MIN(n, 40u), a->w[0]);
	}
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
