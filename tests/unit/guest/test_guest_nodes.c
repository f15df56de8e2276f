/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest/: nodes that no option wrote. Those that make no guest are refused in a sentence; one that does is run, gets a disk and
 * loses it, and is gone without a trace, over and over.
 */
#include <errno.h>
#include <unistd.h>

#include "guest/disks.h"
#include "guest/guest.h"
#include "guest/networks.h"
#include "guest/nodes.h"
#include "guest/screen.h"
#include "tests/suites.h"
#include "tests/unit/mkkernel.h"
#include "vm/run.h"
#include "vm/x86.h"
#include "xen/backend/vbd.h"
#include "xen/backend/xenbus.h"

#define ROUNDS 20u
#define SLICE 100000u /* instructions */

static void set(struct node *n, const char *name, const char *value)
{
	ck_assert_int_eq(node_set_str(n, name, value), 0);
}

static void set_number(struct node *n, const char *name, u64 value)
{
	ck_assert_int_eq(node_set_u64(n, name, value), 0);
}

static struct node *make(struct node *n, const char *path)
{
	struct node *made = node_make(n, path);

	ck_assert_ptr_nonnull(made);
	return made;
}

static struct node *drive(struct node *g, const char *path, u32 index, const char *file)
{
	struct node *n = make(g, path);

	set_number(n, "index", index);
	set(n, "file", file);
	set(n, "format", "raw");
	return n;
}

/* A guest with one of each; the root is to be freed. */
static struct node *whole(struct node **root)
{
	struct node *g, *n;

	*root = node_new("");
	g = make(*root, "guests/demo");
	set(g, "machine", "xenpv");
	set_number(g, "memory", 32 << 20);
	set(g, "kernel", "/none/kernel");
	drive(g, "disks/xvda", 0, "/none/disk");
	set(make(g, "networks/n0"), "spec", "hubport,id=n0,hubid=0");
	n = make(g, "nics/vif0");
	set_number(n, "unit", 0);
	set(n, "netdev", "n0");
	n = make(g, "dumps/d0");
	set(n, "netdev", "n0");
	set(n, "file", "/none/dump");
	return g;
}

enum change { GONE, TEXT, NUMBER, FLAG, NODE };

/* One change to it, and the words of the sentence that refuses it. */
static const struct {
	const char *path, *name;
	enum change change;
	const char *text;
	u64 number;
	const char *w1, *w2;
} bad[] = {
	{ "", "machine", GONE, "", 0, "/guests/demo: machine", "missing" },
	{ "", "machine", TEXT, "pc", 0, "machine is 'pc'", "there are xenpv none" },
	{ "", "machine", TEXT, "xenpv none", 0, "machine is", "there are xenpv none" },
	{ "", "machine", TEXT, "none", 0, "kernel: machine none", "bios" },
	{ "", "memory", GONE, "", 0, "memory", "missing" },
	{ "", "memory", TEXT, "32M", 0, "memory must be a number", "/bits/ 64 <1>" },
	{ "", "memory", NUMBER, "", 4096, "memory is 4096", "1048576 to" },
	{ "", "memory", NUMBER, "", UINT64_MAX, "memory is 1844", "1048576 to" },
	{ "", "memroy", NUMBER, "", 1, "'memroy'", "did you mean memory?" },
	{ "", "colour", TEXT, "red", 0, "'colour'", "leave it out" },
	{ "", "vcpus", NUMBER, "", 0, "vcpus is 0", "from 1 to 64" },
	{ "", "vcpus", NUMBER, "", 2, "vcpus is 2", "maxvcpus" },
	{ "", "maxvcpus", NUMBER, "", 65, "maxvcpus is 65", "from 1 to 64" },
	{ "", "icount-shift", NUMBER, "", 11, "icount-shift is 11", "0 to 10" },
	{ "", "kernel", NUMBER, "", 1, "kernel must be a text", "\"...\"" },
	{ "", "bios", TEXT, "rom", 0, "bios rom", "kernel" },
	{ "", "bootloader", TEXT, "grub", 0, "bootloader grub", "with kernel" },
	{ "", "clock-base", TEXT, "noon", 0, "'noon'", "utc localtime fixed" },
	{ "", "clock-epoch", NUMBER, "", UINT64_MAX, "clock-epoch", "0 to" },
	{ "", "uuid", TEXT, "1234", 0, "uuid is '1234'", "01234567-89ab" },
	{ "", "on-crash", TEXT, "restart", 0, "on-crash is 'restart'", "poweroff" },
	{ "", "on-reboot", FLAG, "", 0, "on-reboot must be a text", "\"...\"" },
	{ "", "keymap", TEXT, "xx", 0, "keymap is 'xx'", "layout" },
	{ "", "monitors", TEXT, "stdio", 0, "'monitors'", "leave it out" },
	{ "", "monitor0", FLAG, "", 0, "monitor0 must be a text", "" },
	{ "usb", NULL, NODE, "", 0, "'usb' is no part of a guest", "disks" },
	{ "disks", "snapshot", TEXT, "on", 0, "snapshot is a flag", "without a value" },
	{ "disks", "readonly", FLAG, "", 0, "/guests/demo/disks: there is no property 'readonly'", "" },
	{ "disks/xvda", "index", GONE, "", 0, "/guests/demo/disks/xvda: index", "missing" },
	{ "disks/xvda", "index", NUMBER, "", 26, "index is 26", "0 to 25" },
	{ "disks/xvda", "format", TEXT, "tar", 0, "format is 'tar'", "qcow2" },
	{ "disks/xvda", "cache", TEXT, "big", 0, "cache is 'big'", "" },
	{ "disks/xvda", "media", TEXT, "tape", 0, "media is 'tape'", "cdrom" },
	{ "disks/xvda", "reconnect-delay", NUMBER, "", 100000, "reconnect-delay is 100000", "99999" },
	{ "disks/xvda/x", NULL, NODE, "", 0, "xvda", "'x'" },
	{ "disks/xvdb", "index", NUMBER, "", 0, "xvda", "both have index 0" },
	{ "networks/n0", "spec", GONE, "", 0, "networks/n0: spec", "missing" },
	{ "networks/n0", "spec", TEXT, "", 0, "spec is empty", "" },
	{ "networks/n0", "spec", TEXT, "hubport,id=n1,hubid=0", 0, "network n0", "id=n1" },
	{ "networks/n0", "spec", TEXT, "hubport,hubid=0", 0, "network n0", "write id=n0" },
	{ "nics/vif0", "unit", GONE, "", 0, "unit", "missing" },
	{ "nics/vif0", "netdev", TEXT, "n1", 0, "card vif0", "define it as networks/n1" },
	{ "nics/vif0", "mac", TEXT, "53:54:00:00:00:01", 0, "mac is '53:54:00:00:00:01'", "even" },
	{ "nics/vif1", "unit", NUMBER, "", 0, "both have unit 0", "" },
	{ "dumps/d0", "file", GONE, "", 0, "dumps/d0: file", "missing" },
	{ "dumps/d0", "maxlen", NUMBER, "", 0, "maxlen is 0", "from 1" },
	{ "dumps/d0", "netdev", TEXT, "n1", 0, "dump d0", "'n1'" },
};

START_TEST(refused)
{
	struct error e = { "" };
	struct node *root, *g = whole(&root), *n;

	if (!_i)
		ck_assert_msg(!guest_nodes_check(g, &guest_plain_words, &e), "%s", e.text);
	n = make(g, bad[_i].path);
	if (bad[_i].change == GONE)
		node_unset(n, bad[_i].name);
	else if (bad[_i].change == TEXT)
		set(n, bad[_i].name, bad[_i].text);
	else if (bad[_i].change == NUMBER)
		set_number(n, bad[_i].name, bad[_i].number);
	else if (bad[_i].change == FLAG)
		ck_assert_int_eq(node_set_flag(n, bad[_i].name), 0);
	ck_assert_msg(guest_nodes_check(g, &guest_plain_words, &e) < 0, "%s %s: taken", bad[_i].path, bad[_i].name);
	ck_assert_msg(strstr(e.text, bad[_i].w1) && strstr(e.text, bad[_i].w2), "'%s' has no '%s' or '%s'", e.text, bad[_i].w1, bad[_i].w2);
	node_free(root);
}
END_TEST

/* A text with a zero in it, one that is too long, and more nodes than there are places. */
START_TEST(sizes)
{
	struct error e = { "" };
	struct node *root, *g = whole(&root);
	char text[GUEST_MAX_CMDLINE + 2];
	u32 i;

	memset(text, 'a', sizeof text);
	text[GUEST_MAX_CMDLINE] = 0;
	set(g, "cmdline", text);
	ck_assert_msg(!guest_nodes_check(g, &guest_plain_words, &e), "%s", e.text);
	text[GUEST_MAX_CMDLINE] = 'a';
	text[GUEST_MAX_CMDLINE + 1] = 0;
	set(g, "cmdline", text);
	ck_assert_int_eq(guest_nodes_check(g, &guest_plain_words, &e), -E2BIG);
	set(g, "cmdline", "");
	for (i = 1; i <= NETWORKS_MAX; i++) {
		ck_assert_int_eq(guest_nodes_check(g, &guest_plain_words, &e), 0);
		snprintf(text, sizeof text, "nics/vif%u", i);
		set_number(make(g, text), "unit", i);
	}
	ck_assert_int_eq(guest_nodes_check(g, &guest_plain_words, &e), -E2BIG);
	ck_assert_msg(strstr(e.text, "nics has more than 64") != NULL, "%s", e.text);
	node_free(root);
}
END_TEST

/* ---- lives --------------------------------------------------------------------------------------------------------- */

/* A kernel that says "up" on Xen's console and runs in a circle. */
static const u8 code[] = {
	0xb8, 18, 0, 0, 0,             /* mov $console_io, %eax */
	0x31, 0xff,                    /* xor %edi, %edi: write */
	0xbe, 3, 0, 0, 0,              /* mov $3, %esi */
	0x48, 0x8d, 0x15, 4, 0, 0, 0,  /* lea up(%rip), %rdx */
	0x0f, 0x05,                    /* syscall */
	0xeb, 0xfe,                    /* jmp . */
	'u', 'p', '\n',
};

struct rig {
	struct host host;
	struct guest g;
	struct guest_watch watch;
	struct node *root;
	char kernel[40], disk[2][40], console[40];
	u32 began, ended;
	char said[40];
	size_t nsaid;
};

static struct rig *rig_of(struct guest_watch *w)
{
	return container_of(w, struct rig, watch);
}

static int on_attach(struct guest_watch *w, struct domain *d, struct error *e)
{
	ck_assert_ptr_eq(d, rig_of(w)->g.d);
	rig_of(w)->began++;
	return 0;
}

static void on_detach(struct guest_watch *w)
{
	ck_assert_ptr_null(rig_of(w)->g.d);
	rig_of(w)->ended++;
}

static void on_console(struct guest_watch *w, const u8 *p, size_t n)
{
	struct rig *r = rig_of(w);

	ck_assert_uint_lt(r->nsaid + n, sizeof r->said);
	memcpy(r->said + r->nsaid, p, n);
	r->nsaid += n;
	r->said[r->nsaid] = 0;
}

static const struct guest_watch_ops watch_ops = { .attach = on_attach, .detach = on_detach, .console = on_console };

static void a_file(char path[40], const void *p, size_t n, off_t size)
{
	int fd;

	strcpy(path, "/tmp/guest-nodes-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, p, n), (ssize_t)n);
	ck_assert(!size || !ftruncate(fd, size));
	close(fd);
}

static void rig_init(struct rig *r)
{
	struct buf elf = mk_elf(&mk_linux);
	int i;

	*r = (struct rig){ .nsaid = 0 };
	memcpy(elf.p + 4096, code, sizeof code);
	a_file(r->kernel, elf.p, elf.len, 0);
	buf_free(&elf);
	for (i = 0; i < 2; i++)
		a_file(r->disk[i], "", 0, 1 << 20);
	a_file(r->console, "", 0, 0);
	ck_assert_int_eq(host_init(&r->host, &x86_arch, 0), 0);
}

static void rig_end(struct rig *r)
{
	int i;

	host_exit(&r->host);
	unlink(r->kernel);
	unlink(r->console);
	for (i = 0; i < 2; i++)
		unlink(r->disk[i]);
}

/* Its nodes, with one of each part. */
static void define(struct rig *r)
{
	struct node *g = whole(&r->root);
	char serial[60];

	snprintf(serial, sizeof serial, "file:%s", r->console);
	set(g, "kernel", r->kernel);
	set(g, "serial0", serial);
	set(g, "display", "none");
	set(g, "cmdline", "quiet");
	set(make(g, "disks/xvda"), "file", r->disk[0]);
	node_free(node_find(g, "dumps"));
	r->g = (struct guest){ .host = &r->host, .node = g };
	guest_watch_add(&r->g, &r->watch, &watch_ops);
}

static void life_begins(struct rig *r)
{
	struct chardev_env env = { .poll = r->host.poll, .label = "serial0" };
	struct error e = { "" };

	ck_assert_msg(!guest_load(&r->g, NULL, &e), "%s", e.text);
	ck_assert_msg(!guest_unpack(&r->g, NULL, &e), "%s", e.text);
	if (!r->g.console)
		ck_assert_msg(!guest_console_open(&r->g, &env, &e), "%s", e.text);
	ck_assert_msg(!guest_screen_open(&r->g, &e), "%s", e.text);
	ck_assert_msg(!guest_create(&r->g, NULL, &e), "%s", e.text);
}

static bool has(struct rig *r, const char *kind, u32 number)
{
	return xenbus_find(xen_dom(r->g.d), kind, number) != NULL;
}

static void run(struct rig *r)
{
	u64 before = domain_icount(r->g.d);

	ck_assert(domain_run(r->g.d, SLICE));
	ck_assert_msg(r->g.d->end == END_RUNNING, "%s", r->g.d->crash);
	ck_assert_uint_ge(domain_icount(r->g.d), before + SLICE);
}

/* The lowest descriptor that is free: a leak takes it. */
static int free_descriptor(void)
{
	int fd = dup(1);

	ck_assert_int_ge(fd, 0);
	close(fd);
	return fd;
}

START_TEST(over_and_over)
{
	struct error e = { "" };
	struct node *n;
	struct rig r;
	u64 frames;
	u32 i, life;
	int fd;

	rig_init(&r);
	frames = r.host.frames.live;
	fd = free_descriptor();
	for (i = 0; i < ROUNDS; i++) {
		define(&r);
		for (life = 0; life < 2; life++) {
			r.nsaid = 0;
			life_begins(&r);
			ck_assert(has(&r, "vbd", vbd_number(0)) && has(&r, "vif", 0) && has(&r, "vfb", 0) && has(&r, "vkbd", 0));
			ck_assert(guest_display(&r.g) && guest_has_pointer(&r.g));
			run(&r);
			ck_assert_str_eq(r.said, "up\r\n");
			/* A disk comes, and goes. */
			n = drive(r.g.node, "disks/second", 1, r.disk[1]);
			ck_assert_msg(!guest_disk_add(&r.g, n, NULL, &e), "%s", e.text);
			ck_assert(has(&r, "vbd", vbd_number(1)));
			run(&r);
			ck_assert_int_eq(guest_disk_remove(&r.g, "second", false, &e), 0);
			ck_assert(!has(&r, "vbd", vbd_number(1)) && !node_find(r.g.node, "disks/second"));
			/* One that cannot be leaves no node. */
			n = drive(r.g.node, "disks/second", 0, r.disk[1]);
			ck_assert_int_eq(guest_disk_add(&r.g, n, NULL, &e), -EEXIST);
			ck_assert_msg(strstr(e.text, "both have index 0") && !node_find(r.g.node, "disks/second"), "%s", e.text);
			n = drive(r.g.node, "disks/second", 1, "/none");
			ck_assert_int_lt(guest_disk_add(&r.g, n, NULL, &e), 0);
			ck_assert_msg(!strncmp(e.text, "drive second: /none", 19) && !node_find(r.g.node, "disks/second"), "%s", e.text);
			/* So does a card. */
			n = make(r.g.node, "nics/other");
			set_number(n, "unit", 1);
			ck_assert_msg(!guest_nic_add(&r.g, n, &e), "%s", e.text);
			ck_assert(has(&r, "vif", 1));
			ck_assert_int_eq(guest_nic_remove(&r.g, "other", &e), 0);
			ck_assert(!has(&r, "vif", 1));
			run(&r);
			guest_destroy(&r.g);
			ck_assert_ptr_null(r.g.d);
			ck_assert_uint_eq(r.host.frames.live, frames);
		}
		ck_assert_uint_eq(r.began, 2 * (i + 1));
		ck_assert_uint_eq(r.ended, 2 * (i + 1));
		guest_close(&r.g);
		ck_assert(!r.g.console && !r.g.disks && !r.g.nets && !r.g.screen);
		node_free(r.root);
		ck_assert_int_eq(free_descriptor(), fd);
	}
	rig_end(&r);
}
END_TEST

/* A guest whose making fails half-way, with its domain there already. */
START_TEST(half_way)
{
	struct error e = { "" };
	struct node *n;
	struct rig r;
	u64 frames;

	rig_init(&r);
	frames = r.host.frames.live;
	define(&r);
	n = make(r.g.node, "nics/vif1");
	set_number(n, "unit", 1);
	set(n, "netdev", "n0");
	ck_assert_msg(!guest_load(&r.g, NULL, &e), "%s", e.text);
	ck_assert_msg(!guest_unpack(&r.g, NULL, &e), "%s", e.text);
	ck_assert_int_eq(guest_create(&r.g, NULL, &e), -EBUSY);
	ck_assert_msg(strstr(e.text, "card vif") != NULL, "%s", e.text);
	ck_assert_ptr_null(r.g.d);
	ck_assert_uint_eq(r.began, 1);
	ck_assert_uint_eq(r.ended, 1);
	ck_assert_uint_eq(r.host.frames.live, frames);
	/* It can be made good. */
	node_free(n);
	life_begins(&r);
	run(&r);
	guest_close(&r.g);
	ck_assert_uint_eq(r.host.frames.live, frames);
	node_free(r.root);
	rig_end(&r);
}
END_TEST

/* What a sentence advises is said in the words of who wrote the nodes, and plainly where there are none. */
START_TEST(spelled)
{
	struct guest_words words = guest_plain_words;
	struct error e = { "" };
	struct rig r;

	rig_init(&r);
	define(&r);
	node_unset(r.g.node, "kernel");
	node_unset(r.g.node, "cmdline");
	node_free(node_find(r.g.node, "disks"));
	ck_assert_int_lt(guest_load(&r.g, NULL, &e), 0);
	ck_assert_msg(strstr(e.text, "as in kernel /boot/vmlinuz") && !strchr(e.text, '-'), "%s", e.text);
	words.kernel = "kernel:";
	r.g.words = &words;
	ck_assert_int_lt(guest_load(&r.g, NULL, &e), 0);
	ck_assert_msg(strstr(e.text, "as in kernel: /boot/vmlinuz") != NULL, "%s", e.text);
	guest_close(&r.g);
	node_free(r.root);
	rig_end(&r);
}
END_TEST

Suite *guest_nodes_suite(void)
{
	Suite *s = suite_create("guest_nodes");
	TCase *t = tcase_create("guest_nodes");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, refused, 0, (int)ARRAY_SIZE(bad));
	tcase_add_test(t, sizes);
	tcase_add_test(t, over_and_over);
	tcase_add_test(t, half_way);
	tcase_add_test(t, spelled);
	suite_add_tcase(s, t);
	return s;
}
