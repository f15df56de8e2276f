/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots as flat files, as ELF cores and without their parents: of small images with known pages, registers and page tables.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os_file.h"
#include "base/state.h"
#include "snapshot/export.h"
#include "tests/suites.h"
#include "tests/unit/image_env.h"
#include "vm/domain.h"

#define LIMIT 0x60u /* frames' numbers are lower */
#define PRESENT 7u  /* of a page table: and writable, a user's */

static char dir[200], child[256], out[256];
static struct error e;

#define ok(call) ck_assert_msg((call) == 0, "%s: %s", #call, e.text)

/* ---- states as far as a core needs them ---- */

struct seg {
	u64 base;
	u16 sel;
};
struct cpu_regs {
	u64 gpr[16], rip, rflags, cr0, cr3, cr4, efer;
	struct seg seg[8];
};
struct guest_about {
	u64 kind, is32;
};
struct machine {
	u64 kernel_root;
};
static const struct state_field seg_fields[] = { STATE_INT(struct seg, base), STATE_INT(struct seg, sel) };
static STATE_DESC(seg_desc, "seg", 1, struct seg, seg_fields);
static const struct state_field cpu_fields[] = {
	STATE_INTS(struct cpu_regs, gpr), STATE_INT(struct cpu_regs, rip), STATE_INT(struct cpu_regs, rflags), STATE_INT(struct cpu_regs, cr0),
	STATE_INT(struct cpu_regs, cr3),  STATE_INT(struct cpu_regs, cr4), STATE_INT(struct cpu_regs, efer),   STATE_SUBS(struct cpu_regs, seg, &seg_desc),
};
static STATE_DESC(cpu_desc, "x86", 1, struct cpu_regs, cpu_fields);
static const struct state_field about_fields[] = { STATE_INT(struct guest_about, kind), STATE_INT(struct guest_about, is32) };
static STATE_DESC(about_desc, "about", 1, struct guest_about, about_fields);
static const struct state_field machine_fields[] = { STATE_INT(struct machine, kernel_root) };
static STATE_DESC(machine_desc, "pv-vcpu", 1, struct machine, machine_fields);
static const struct state_field vcpu_fields[] = { STATE_INT(struct vcpu_state, run) };
static STATE_DESC(vcpu_desc, "vcpu", 1, struct vcpu_state, vcpu_fields);

static struct cpu_regs cpu[3];
static struct vcpu_state run[3];
static struct guest_about about;
static struct machine machine;
static u8 memory[LIMIT][PAGE_SIZE]; /* what is expected in the end */
static bool there[LIMIT];

static void set_up(void)
{
	u32 i, k;

	snprintf(dir, sizeof dir, "%s/export-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(child, sizeof child, "%s/child", dir);
	snprintf(out, sizeof out, "%s/out", dir);
	memset(memory, 0, sizeof memory);
	for (i = 0; i < LIMIT; i++) {
		there[i] = i >= 0x10 && i != 0x20 && i < 0x50;
		if (there[i] && i % 7)
			image_fill(memory[i], i);
	}
	memset(cpu, 0, sizeof cpu);
	for (i = 0; i < 3; i++) {
		for (k = 0; k < 16; k++)
			cpu[i].gpr[k] = 0xffffffff00000000 | i << 8 | k;
		cpu[i].rip = 0xffffffff81000000 + i;
		cpu[i].rflags = 0x200 + i;
		for (k = 0; k < 8; k++)
			cpu[i].seg[k] = (struct seg){ 0x1000 * k, (u16)(0x10 + k) };
		run[i].run = VCPU_RUNNABLE;
	}
	run[1].run = VCPU_OFFLINE;
	about = (struct guest_about){ .kind = DOMAIN_PV };
}

static void tear_down(void)
{
	char command[256];

	snprintf(command, sizeof command, "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

static void put_list(struct image_writer *w, const char *type, struct state_list *l)
{
	struct buf b = { 0 };

	state_list_save(l, &b);
	ck_assert(!b.failed);
	image_write_chunk(w, type, 0, IMAGE_MANDATORY, b.p, b.len);
	buf_free(&b);
	state_list_free(l);
}

/* A file with half of the memory, and a child with the rest that refers to it. */
static void make(enum image_codec codec)
{
	struct image_options o = { .codec = codec };
	char parent[256];
	u8 digest[IMAGE_DIGEST_BYTES];
	struct image_writer *w;
	u64 i, n = 0;
	int part;

	snprintf(parent, sizeof parent, "%s/parent", dir);
	for (i = 0; i < LIMIT; i++)
		n += there[i];
	for (part = 0; part < 2; part++) {
		struct state_list l = { 0 };
		u32 k;

		if (part) {
			o.parent = digest;
			ok(image_open(parent, NULL, &o.parent_image, &e));
		}
		ok(image_write_begin(part ? child : parent, &o, &w, &e));
		ok(state_add(&l, "about", 0, &about_desc, &about, 1));
		put_list(w, "about", &l);
		for (k = 0; k < 3; k++) {
			ok(state_add(&l, "x86", k, &cpu_desc, &cpu[k], 1));
			ok(state_add(&l, "vcpu", k, &vcpu_desc, &run[k], 1));
		}
		ok(state_add(&l, "pv-vcpu", 0, &machine_desc, &machine, 1));
		put_list(w, "state", &l);
		image_write_chunk(w, "extra", 5, 0, "hello", 5);
		image_write_memory_begin(w, "ram", LIMIT, n);
		for (i = 0; i < LIMIT; i++) {
			if (there[i] && part && i % 2)
				image_write_same(w, i, 1);
			else if (there[i] && (part || i % 2))
				image_write_page(w, i, memory[i]);
			else if (there[i])
				image_write_zero(w, i, 1);
		}
		image_write_memory_end(w);
		ok(image_write_end(w, digest, &e));
		image_close(o.parent_image);
		o.parent_image = NULL;
	}
}

static u8 *load(const char *path, size_t *len)
{
	FILE *f = os_fopen(path, "rb");
	u8 *p = malloc(4u << 20);

	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(p);
	*len = fread(p, 1, 4u << 20, f);
	fclose(f);
	return p;
}

START_TEST(flat)
{
	struct image *img;
	size_t len;
	u8 *p;

	make((enum image_codec)(_i ? image_codec_best() : IMAGE_RAW));
	ok(image_open(child, NULL, &img, &e));
	ok(export_raw(img, out, &e));
	p = load(out, &len);
	ck_assert_uint_eq(len, 0x50 * PAGE_SIZE);
	ck_assert(!memcmp(p, memory, len));
	free(p);
	/* The snapshot itself stays. */
	ck_assert_int_eq(export_raw(img, child, &e), -EEXIST);
	ok(image_verify(img, &e));
	ck_assert_int_lt(export_raw(img, dir, &e), 0);
	image_close(img);
}
END_TEST

START_TEST(full)
{
	struct image_memory *m;
	struct image *img;
	u8 page[PAGE_SIZE], *data;
	char parent[256];
	size_t len;
	u64 i;

	make(IMAGE_RAW);
	ok(image_open(child, NULL, &img, &e));
	ok(export_full(img, out, image_codec_best(), &e));
	image_close(img);
	snprintf(parent, sizeof parent, "%s/parent", dir);
	ck_assert_int_eq(os_unlink(parent), 0);
	ck_assert_int_ne(image_open(child, NULL, &img, &e), 0);
	ok(image_open(out, NULL, &img, &e));
	ok(image_verify(img, &e));
	ck_assert_ptr_null(image_parent(img));
	ck_assert_int_eq(image_codec(img), image_codec_best());
	ok(image_memory(img, "ram", &m, &e));
	ck_assert_uint_eq(image_memory_limit(m), LIMIT);
	for (i = 0; i < LIMIT; i++) {
		int kind = image_page(m, i, page, &e);

		ck_assert_int_eq(kind != IMAGE_ABSENT, there[i]);
		ck_assert(!memcmp(page, memory[i], PAGE_SIZE));
	}
	ok(image_chunk(img, "extra", 5, &data, &len, &e));
	ck_assert_uint_eq(len, 5);
	ck_assert(!memcmp(data, "hello", 5));
	free(data);
	image_close(img);
}
END_TEST

START_TEST(usage)
{
	struct image_memory *m;
	struct image_usage u;
	struct image *img;

	make(IMAGE_RAW);
	ok(image_open(child, NULL, &img, &e));
	ok(image_memory(img, "ram", &m, &e));
	image_usage(m, &u);
	ck_assert_uint_eq(u.parent, 32);
	ck_assert_uint_eq(u.zero + u.raw, 31);
	/* 0x1c, 0x2a, 0x38 and 0x46. */
	ck_assert_uint_eq(u.zero, 4);
	ck_assert_uint_eq(u.raw_bytes, u.raw * PAGE_SIZE);
	ck_assert_uint_eq(u.packed + u.packed_bytes, 0);
	image_close(img);
}
END_TEST

/* ---- cores ---- */

static u64 word(const u8 *p, size_t off, bool wide)
{
	return wide ? ld64(p + off) : ld32(p + off);
}

/* What an ELF file has at a virtual address, by the first header that has it; NULL: nothing. */
static const u8 *at(const u8 *p, size_t len, u64 va)
{
	bool wide = p[4] == 2;
	u32 i, n = ld16(p + (wide ? 56 : 44)), size = wide ? 56 : 32;

	for (i = 0; i < n; i++) {
		size_t h = (wide ? 64 : 52) + (size_t)i * size;
		u64 off = word(p, h + (wide ? 8 : 4), wide), from = word(p, h + (wide ? 16 : 8), wide), bytes = word(p, h + (wide ? 32 : 16), wide);

		if (ld32(p + h) != 1 || va < from || va - from >= bytes)
			continue;
		ck_assert_uint_le(off + bytes, len);
		return p + off + (va - from);
	}
	return NULL;
}

static void is_frame(const u8 *p, size_t len, u64 va, u32 mfn)
{
	const u8 *q = at(p, len, va);

	ck_assert_msg(q != NULL, "nothing at %llx", (unsigned long long)va);
	ck_assert_msg(!memcmp(q, memory[mfn], PAGE_SIZE), "at %llx is not frame %x", (unsigned long long)va, mfn);
}

static u8 *core(size_t *len)
{
	struct image *img;

	make(image_codec_best());
	ok(image_open(child, NULL, &img, &e));
	ok(export_elf(img, out, &e));
	image_close(img);
	return load(out, len);
}

static void entry(u32 mfn, u32 i, u64 to)
{
	st64(memory[mfn] + i * 8, to);
}

START_TEST(core64)
{
	size_t len, note;
	const u8 *reg;
	u8 *p;

	/* Tables: 0x11 -> 0x12 -> 0x13 -> 0x15; entry 300 is a kernel's, 3 a user's. A large page that is there in part. */
	memset(memory[0x11], 0, 4 * PAGE_SIZE);
	memset(memory[0x15], 0, PAGE_SIZE);
	machine.kernel_root = 0x11;
	entry(0x11, 300, 0x12000 | PRESENT);
	entry(0x11, 3, 0x12000 | PRESENT);
	entry(0x11, 511, 0x11000 | PRESENT);
	entry(0x12, 0, 0x13000 | PRESENT);
	entry(0x13, 1, 0x15000 | PRESENT);
	entry(0x13, 2, 0 | PRESENT | 0x80);
	entry(0x15, 0, 0x33000 | PRESENT);
	entry(0x15, 1, 0x34000 | PRESENT);
	entry(0x15, 2, 0x34000 | PRESENT);
	entry(0x15, 5, 0x31000 | BIT(63) | PRESENT);
	entry(0x15, 6, 0xfffff000 | PRESENT);
	entry(0x15, 7, 0x31000);
	p = core(&len);
	ck_assert(!memcmp(p, "\x7f" "ELF\x02\x01\x01", 7));
	ck_assert_uint_eq(ld16(p + 18), 62);
	is_frame(p, len, 0xffff960000200000, 0x33);
	is_frame(p, len, 0xffff960000201000, 0x34);
	is_frame(p, len, 0xffff960000205000, 0x31);
	ck_assert_ptr_null(at(p, len, 0xffff960000202000));
	ck_assert_ptr_null(at(p, len, 0xffff960000206000));
	ck_assert_ptr_null(at(p, len, 0xffff960000207000));
	ck_assert_ptr_null(at(p, len, 0x18000200000));
	is_frame(p, len, 0xffff960000400000 + 0x4f000, 0x4f);
	ck_assert_ptr_null(at(p, len, 0xffff960000400000 + 0x20000));
	is_frame(p, len, 0x10000, 0x10);
	is_frame(p, len, 0x38000, 0x38);
	/* Two notes: the second vCPU is off. */
	note = ld64(p + 64 + 8);
	ck_assert_uint_eq(ld64(p + 64 + 32), 2 * (20 + 336));
	for (int i = 0; i < 2; i++, note += 20 + 336) {
		u32 id = i ? 2 : 0;

		ck_assert_uint_eq(ld32(p + note + 8), 1);
		ck_assert_str_eq((const char *)p + note + 12, "CORE");
		ck_assert_uint_eq(ld32(p + note + 20 + 32), id + 1);
		reg = p + note + 20 + 112;
		ck_assert_uint_eq(ld64(reg), cpu[id].gpr[15]);
		ck_assert_uint_eq(ld64(reg + 4 * 8), cpu[id].gpr[5]);
		ck_assert_uint_eq(ld64(reg + 5 * 8), cpu[id].gpr[3]);
		ck_assert_uint_eq(ld64(reg + 10 * 8), cpu[id].gpr[0]);
		ck_assert_uint_eq(ld64(reg + 14 * 8), cpu[id].gpr[7]);
		ck_assert_uint_eq(ld64(reg + 15 * 8), ~0ULL);
		ck_assert_uint_eq(ld64(reg + 16 * 8), cpu[id].rip);
		ck_assert_uint_eq(ld64(reg + 17 * 8), cpu[id].seg[1].sel);
		ck_assert_uint_eq(ld64(reg + 18 * 8), cpu[id].rflags);
		ck_assert_uint_eq(ld64(reg + 19 * 8), cpu[id].gpr[4]);
		ck_assert_uint_eq(ld64(reg + 21 * 8), cpu[id].seg[4].base);
		ck_assert_uint_eq(ld64(reg + 26 * 8), cpu[id].seg[5].sel);
	}
	free(p);
}
END_TEST

START_TEST(core32)
{
	size_t len;
	const u8 *reg;
	u8 *p;

	/* A 32-bit paravirtual guest: three levels. */
	memset(memory[0x11], 0, 3 * PAGE_SIZE);
	about.is32 = 1;
	machine.kernel_root = 0x11;
	entry(0x11, 3, 0x12000 | PRESENT);
	entry(0x11, 4, 0x12000 | PRESENT);
	entry(0x12, 0, 0x13000 | PRESENT);
	entry(0x13, 1, 0x33000 | PRESENT);
	p = core(&len);
	ck_assert(!memcmp(p, "\x7f" "ELF\x01\x01\x01", 7));
	ck_assert_uint_eq(ld16(p + 18), 3);
	is_frame(p, len, 0xc0001000, 0x33);
	ck_assert_ptr_null(at(p, len, 0xc0002000));
	is_frame(p, len, 0x4f000, 0x4f);
	ck_assert_uint_eq(ld32(p + 52 + 16), 2 * (20 + 144));
	reg = p + ld32(p + 52 + 4) + 20 + 72;
	ck_assert_uint_eq(ld32(reg), (u32)cpu[0].gpr[3]);
	ck_assert_uint_eq(ld32(reg + 6 * 4), (u32)cpu[0].gpr[0]);
	ck_assert_uint_eq(ld32(reg + 12 * 4), (u32)cpu[0].rip);
	ck_assert_uint_eq(ld32(reg + 15 * 4), (u32)cpu[0].gpr[4]);
	free(p);
}
END_TEST

/* A machine without a hypervisor, with two levels, PAE, and no paging. */
START_TEST(core_bare)
{
	size_t len;
	u8 *p;

	memset(memory[0x11], 0, 3 * PAGE_SIZE);
	about.kind = DOMAIN_BARE;
	cpu[0].cr0 = _i == 2 ? 1 : BIT(31) | 1;
	if (_i == 1) {
		cpu[0].cr4 = 1 << 5;
		cpu[0].cr3 = 0x11000 + 0x60;
		entry(0x11, 12 + 2, 0x12000 | 1);
		entry(0x12, 5, 0x13000 | PRESENT);
		entry(0x13, 6, 0x35000 | PRESENT);
	} else {
		cpu[0].cr3 = 0x11000;
		st32(memory[0x11] + 0x202 * 4, 0x13000 | PRESENT);
		st32(memory[0x13] + 0x206 * 4, 0x35000 | PRESENT);
	}
	p = core(&len);
	ck_assert_uint_eq(p[4], 1);
	if (_i == 0)
		is_frame(p, len, 0x80a06000, 0x35);
	else if (_i == 1)
		is_frame(p, len, 0x80a06000, 0x35);
	else
		ck_assert_ptr_null(at(p, len, 0x80a06000));
	is_frame(p, len, 0x35000, 0x35);
	free(p);
}
END_TEST

/* Tables that lead to themselves come to an end. */
START_TEST(core_loops)
{
	size_t len;
	u32 i;
	u8 *p;

	machine.kernel_root = 0x11;
	memset(memory[0x11], 0, PAGE_SIZE);
	for (i = 0; i < 512; i++)
		entry(0x11, i, 0x11000 | PRESENT);
	p = core(&len);
	is_frame(p, len, 0x11000, 0x11);
	free(p);
}
END_TEST

Suite *export_suite(void)
{
	Suite *s = suite_create("export");
	TCase *t = tcase_create("files");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, flat, 0, 2);
	tcase_add_test(t, full);
	tcase_add_test(t, usage);
	tcase_add_test(t, core64);
	tcase_add_test(t, core32);
	tcase_add_loop_test(t, core_bare, 0, 3);
	tcase_add_test(t, core_loops);
	suite_add_tcase(s, t);
	return s;
}
