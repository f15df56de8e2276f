/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel files: each codec, each kind of note, each way a file can be wrong.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <check.h>
#include <errno.h>
#include <unistd.h>

#if HAVE_ZLIB
#include <zlib.h>
#endif
#if HAVE_BZ2
#include <bzlib.h>
#endif
#if HAVE_LZMA
#include <lzma.h>
#endif
#if HAVE_LZO
#include <lzo/lzo1x.h>
#endif
#if HAVE_LZ4
#include <lz4.h>
#include <lz4frame.h>
#endif
#if HAVE_ZSTD
#include <zstd.h>
#endif

#include "tests/suites.h"
#include "tests/unit/mkkernel.h"
#include "xen/load/elf.h"
#include "xen/load/loader.h"

/* Packs bytes as a kernel build would; false when this build has no such codec. */
static bool pack(enum codec c, const struct buf *in, struct buf *out)
{
	size_t room = in->len + in->len / 8 + 65536;
	u8 *p = buf_reserve(out, room);

	ck_assert_ptr_nonnull(p);
	switch (c) {
#if HAVE_ZLIB
	case CODEC_GZIP: {
		z_stream z = { 0 };

		ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
		z.next_in = in->p;
		z.avail_in = (uInt)in->len;
		z.next_out = p;
		z.avail_out = (uInt)room;
		ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
		out->len = z.total_out;
		deflateEnd(&z);
		return true;
	}
#endif
#if HAVE_BZ2
	case CODEC_BZIP2: {
		unsigned n = (unsigned)room;

		ck_assert_int_eq(BZ2_bzBuffToBuffCompress((char *)p, &n, (char *)in->p, (unsigned)in->len, 9, 0, 0),
				 BZ_OK);
		out->len = n;
		return true;
	}
#endif
#if HAVE_LZMA
	case CODEC_LZMA: {
		lzma_stream z = LZMA_STREAM_INIT;
		lzma_options_lzma o;

		ck_assert(!lzma_lzma_preset(&o, 6));
		ck_assert_int_eq(lzma_alone_encoder(&z, &o), LZMA_OK);
		z.next_in = in->p;
		z.avail_in = in->len;
		z.next_out = p;
		z.avail_out = room;
		ck_assert_int_eq(lzma_code(&z, LZMA_FINISH), LZMA_STREAM_END);
		out->len = z.total_out;
		lzma_end(&z);
		return true;
	}
	case CODEC_XZ:
		out->len = 0;
		ck_assert_int_eq(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, in->p, in->len, p, &out->len, room),
				 LZMA_OK);
		return true;
#endif
#if HAVE_LZO
	case CODEC_LZO: {
		/* lzop 1.03 wrote: version 1030, library, needed 0940, method 1, level 9, flags ADLER32_D | ADLER32_C.
		 */
		static const u8 head[] = { 0x89, 'L', 'Z', 'O', 0, '\r', '\n', 0x1a, '\n', 0x10, 0x30, 0x20, 0x80, 9,
					   0x40, 1,   9,   0,	0, 0,	 3,    0,    0,	   1,	 0xa4, 0,    0,	   0,
					   0,	 0,   0,   0,	0, 3,	 'a',  'b',  'c',  1,	 2,    3,    4 };
		u8 *work = malloc(LZO1X_1_MEM_COMPRESS), *block = malloc(1 << 19);
		size_t at, n;
		u8 w[16];

		ck_assert_int_eq(lzo_init(), LZO_E_OK);
		buf_put(out, head, sizeof head);
		for (at = 0; at < in->len; at += n) {
			lzo_uint got = 0;
			int k, words = 0;
			u32 v[4] = { 0 };

			n = MIN(in->len - at, 256 * 1024);
			lzo1x_1_compress(in->p + at, n, block, &got, work);
			if (got > n)
				got = n;
			v[words++] = (u32)n;
			v[words++] = (u32)got;
			v[words++] = 0x11111111;
			if (got < n)
				v[words++] = 0x22222222;
			for (k = 0; k < words; k++)
				st32(w + 4 * k, __builtin_bswap32(v[k]));
			buf_put(out, w, 4 * (size_t)words);
			buf_put(out, got < n ? block : in->p + at, got);
		}
		buf_put_u32(out, 0);
		free(work);
		free(block);
		return true;
	}
#endif
#if HAVE_LZ4
	case CODEC_LZ4: {
		size_t at, n;

		buf_put_u32(out, 0x184c2102);
		for (at = 0; at < in->len; at += n) {
			int got;

			n = MIN(in->len - at, (size_t)8 << 20);
			p = buf_reserve(out, n + n / 8 + 64);
			got = LZ4_compress_default((char *)in->p + at, (char *)p + 4, (int)n, (int)(n + n / 8 + 32));
			ck_assert_int_gt(got, 0);
			buf_put_u32(out, (u32)got);
			out->len += (size_t)got;
		}
		return true;
	}
	/* As `lz4 FILE` does it. */
	case CODEC_LZ4_FRAME: {
		LZ4F_preferences_t f = { .frameInfo = { .contentChecksumFlag = LZ4F_contentChecksumEnabled } };

		room = LZ4F_compressFrameBound(in->len, &f);
		out->len = LZ4F_compressFrame(buf_reserve(out, room), room, in->p, in->len, &f);
		ck_assert(!LZ4F_isError(out->len));
		return true;
	}
#endif
#if HAVE_ZSTD
	case CODEC_ZSTD:
		out->len = ZSTD_compress(p, room, in->p, in->len, 3);
		ck_assert(!ZSTD_isError(out->len));
		return true;
#endif
	default:
		return false;
	}
}

static int load(struct xen_kernel *k, const struct buf *b, struct error *e)
{
	e->text[0] = 0;
	return xen_kernel_load(k, b->p, b->len, "testkernel", XEN_KERNEL_MAX, NULL, e);
}

/* Loading must fail with rc and a sentence that names the file and contains these words. */
static void refused(const struct buf *b, int want, const char *words)
{
	struct xen_kernel k;
	struct error e;
	int rc = load(&k, b, &e);

	ck_assert_msg(rc == want, "%d instead of %d: %s", rc, want, e.text);
	ck_assert_msg(strstr(e.text, "testkernel") && strstr(e.text, words), "no \"%s\" in: %s", words, e.text);
	ck_assert_ptr_null(k.segments);
	ck_assert_ptr_null(k.owned);
}

static void check_linux(const struct xen_kernel *k, const struct mk *m)
{
	size_t i;

	ck_assert_uint_eq(k->nsegments, 1);
	ck_assert_uint_eq(k->pstart, m->paddr);
	ck_assert_uint_eq(k->pend, m->paddr + m->text + m->bss);
	ck_assert_uint_eq(k->segments[0].filesz, m->text);
	for (i = 0; i < m->text; i++)
		if (k->segments[0].data[i] != mk_byte(i))
			ck_abort_msg("byte %zu of the text differs", i);
}

START_TEST(codec_in_bzimage)
{
	enum codec c = (enum codec)_i;
	struct mk m = mk_linux;
	struct buf elf, packed = { 0 }, bz;
	struct xen_kernel k;
	struct error e;
	int cut;

	/* Over 8 MiB: more than one block of those who have blocks. */
	m.text = 9000001;
	elf = mk_elf(&m);
	if (!pack(c, &elf, &packed)) {
		ck_assert(!codec_builtin(c));
		buf_free(&packed);
		buf_free(&elf);
		return;
	}
	ck_assert(codec_builtin(c));
	ck_assert_ptr_nonnull(strstr(decompress_builtin(), codec_name(c)));
	ck_assert_int_eq(codec_detect(packed.p, packed.len), c);
	bz = mk_bzimage(packed.p, packed.len, (u32)elf.len);
	ck_assert_msg(!load(&k, &bz, &e), "%s", e.text);
	ck_assert_uint_eq(k.image_len, elf.len);
	check_linux(&k, &m);
	ck_assert_int_eq(k.notes.source, XEN_NOTES_SEGMENT);
	ck_assert_ptr_nonnull(strstr(k.format, codec_name(c)));
	ck_assert_ptr_nonnull(strstr(k.format, "bzImage 2.15"));
	xen_kernel_free(&k);

	/* A wrong size trailer helps nobody and harms only where it is the one check there is. */
	st32(bz.p + 4 * 512 + 0x2d0 + packed.len, 0xfffffff0);
	if (c == CODEC_LZ4 || c == CODEC_LZMA || c == CODEC_LZO) {
		refused(&bz, -EINVAL, "should give 4294967280");
	} else {
		ck_assert_msg(!load(&k, &bz, &e), "%s", e.text);
		xen_kernel_free(&k);
	}
	st32(bz.p + 4 * 512 + 0x2d0 + packed.len, (u32)elf.len);

	/* A bomb: the limit holds exactly. */
	ck_assert_int_eq(xen_kernel_load(&k, bz.p, bz.len, "testkernel", elf.len - 1, NULL, &e), -EFBIG);
	ck_assert_ptr_nonnull(strstr(e.text, "more than 8 MiB"));
	ck_assert_int_eq(xen_kernel_load(&k, bz.p, bz.len, "testkernel", elf.len, NULL, &e), 0);
	xen_kernel_free(&k);
	buf_free(&bz);

	/* A stream that ends early, wherever. */
	for (cut = 1; cut < 9; cut++) {
		bz = mk_bzimage(packed.p, packed.len * (size_t)cut / 9, (u32)elf.len);
		ck_assert_int_eq(load(&k, &bz, &e), -EINVAL);
		ck_assert_msg(strstr(e.text, "truncated") || strstr(e.text, "damaged"), "%s", e.text);
		buf_free(&bz);
	}
	/* Nonsense in the middle. */
	memset(packed.p + packed.len / 2, 0x5a, MIN(packed.len / 4, 3000));
	bz = mk_bzimage(packed.p, packed.len, (u32)elf.len);
	if (!load(&k, &bz, &e)) {
		ck_assert_msg(c == CODEC_LZ4 || c == CODEC_LZO, "%s takes anything", codec_name(c));
		xen_kernel_free(&k);
	}
	buf_free(&bz);
	buf_free(&packed);
	buf_free(&elf);
}
END_TEST

START_TEST(codec_alone)
{
	enum codec c = (enum codec)_i;
	struct buf elf = mk_elf(&mk_linux), packed = { 0 };
	struct xen_kernel k;
	struct error e;

	if (pack(c, &elf, &packed)) {
		ck_assert_msg(!load(&k, &packed, &e), "%s", e.text);
		check_linux(&k, &mk_linux);
		ck_assert_int_eq(strncmp(k.format, codec_name(c), strlen(codec_name(c))), 0);
		xen_kernel_free(&k);
	}
	buf_free(&packed);
	buf_free(&elf);
}
END_TEST

START_TEST(codec_missing)
{
	struct unpacked out;
	struct error e;
	int c;

	for (c = CODEC_NONE + 1; c < CODEC_COUNT; c++) {
		if (codec_builtin((enum codec)c))
			continue;
		ck_assert_int_eq(decompress((enum codec)c, (const u8 *)"x", 1, 100, 0, NULL, "testkernel", &out, &e),
				 -ENOTSUP);
		ck_assert_ptr_nonnull(strstr(e.text, codec_name((enum codec)c)));
		ck_assert_ptr_nonnull(strstr(e.text, "lib"));
	}
	ck_assert_int_eq(decompress(CODEC_NONE, (const u8 *)"x", 1, 100, 0, NULL, "testkernel", &out, &e), -ENOTSUP);
}
END_TEST

START_TEST(plain_elf64)
{
	struct mk m = mk_linux;
	struct buf b;
	struct xen_kernel k;
	struct error e;

	m.hypercall_page = m.vbase + m.paddr + 0x1000;
	m.phys32_entry = 0x1000370;
	b = mk_elf(&m);
	ck_assert_msg(!load(&k, &b, &e), "%s", e.text);
	check_linux(&k, &m);
	ck_assert(k.elf64 && k.machine == ELF_M_X86_64);
	ck_assert_ptr_null(k.owned);
	ck_assert_str_eq(k.format, "ELF64 x86-64");
	ck_assert_int_eq(k.notes.source, XEN_NOTES_SEGMENT);
	ck_assert_uint_eq(k.notes.virt_base, 0xffffffff80000000);
	ck_assert_uint_eq(k.notes.entry, m.vbase + m.paddr);
	ck_assert_uint_eq(k.notes.init_p2m, 0x8000000000);
	ck_assert_uint_eq(k.notes.hv_start_low, 0xffff800000000000);
	ck_assert_uint_eq(k.notes.hypercall_page, m.hypercall_page);
	ck_assert_uint_eq(k.notes.phys32_entry, 0x1000370);
	ck_assert_uint_eq(k.notes.supported_features, 0x8801);
	ck_assert_uint_eq(k.notes.features_required, 1);
	ck_assert_uint_eq(k.notes.features_wanted, 0x11);
	ck_assert_uint_eq(k.notes.l1_mfn_mask, 1);
	ck_assert_uint_eq(k.notes.l1_mfn_value, 1);
	ck_assert_uint_eq(k.notes.suspend_cancel, 1);
	ck_assert_uint_eq(k.notes.mod_start_pfn, 1);
	ck_assert_int_eq(k.notes.pae, XEN_PAE_YES);
	ck_assert_str_eq(k.notes.guest_os, "linux");
	ck_assert_str_eq(k.notes.guest_version, "2.6");
	ck_assert_str_eq(k.notes.xen_version, "xen-3.0");
	ck_assert_str_eq(k.notes.loader, "generic");
	ck_assert_str_eq(k.notes.features, m.features);
	ck_assert(xen_kernel_has(&k, XEN_NOTE_ENTRY) && !xen_kernel_has(&k, XEN_NOTE_BSD_SYMTAB));
	xen_kernel_free(&k);
	buf_free(&b);
}
END_TEST

START_TEST(notes_in_sections)
{
	struct mk m = mk_linux;
	struct buf b;
	struct xen_kernel k;
	struct error e;

	m.where = MK_SECTION;
	m.features = "nonsense|!dom0|!holograms";
	b = mk_elf(&m);
	ck_assert_msg(!load(&k, &b, &e), "%s", e.text);
	ck_assert_int_eq(k.notes.source, XEN_NOTES_SECTION);
	ck_assert_uint_eq(k.notes.virt_base, m.vbase);
	ck_assert_uint_eq(k.notes.features_required, 1 << 11);
	ck_assert_str_eq(k.notes.unknown_required, "holograms");
	xen_kernel_free(&k);
	/* A section table that is cut off is as none. */
	st16(b.p + 60, 0xffff);
	ck_assert_msg(!load(&k, &b, &e), "%s", e.text);
	ck_assert_int_eq(k.notes.source, XEN_NOTES_NONE);
	xen_kernel_free(&k);
	buf_free(&b);
}
END_TEST

START_TEST(notes_in_string)
{
	struct mk m = mk_linux;
	struct buf b;
	struct xen_kernel k;
	struct error e;

	m.where = MK_STRING;
	m.string = "GUEST_OS=netbsd,GUEST_VER=1.6,XEN_VER=xen-3.0,LOADER=generic,VIRT_BASE=0xffffffff80000000,"
		   "VIRT_ENTRY=0xFFFFFFFF80100000,HYPERCALL_PAGE=0x101,PAE=yes[extended-cr3],BSD_SYMTAB=yes,,NOTHING,"
		   "FEATURES=!pae_pgdir_above_4gb|writable_page_tables";
	b = mk_elf(&m);
	ck_assert_msg(!load(&k, &b, &e), "%s", e.text);
	ck_assert_int_eq(k.notes.source, XEN_NOTES_GUEST_STRING);
	ck_assert_str_eq(k.notes.guest_os, "netbsd");
	ck_assert_str_eq(k.notes.guest_version, "1.6");
	ck_assert_str_eq(k.notes.xen_version, "xen-3.0");
	ck_assert_uint_eq(k.notes.virt_base, 0xffffffff80000000);
	ck_assert_uint_eq(k.notes.entry, 0xffffffff80100000);
	/* A page number there, and the addresses of the ELF are virtual. */
	ck_assert_uint_eq(k.notes.hypercall_page, 0xffffffff80101000);
	ck_assert_uint_eq(k.notes.paddr_offset, 0xffffffff80000000);
	ck_assert_int_eq(k.notes.pae, XEN_PAE_EXTENDED_CR3);
	ck_assert(k.notes.bsd_symtab);
	ck_assert_uint_eq(k.notes.features_required, 1 << 4);
	xen_kernel_free(&k);
	buf_free(&b);

	m.string = "VIRT_BASE=4096,ELF_PADDR_OFFSET=0,VIRT_ENTRY=010";
	b = mk_elf(&m);
	ck_assert_msg(!load(&k, &b, &e), "%s", e.text);
	ck_assert_uint_eq(k.notes.virt_base, 4096);
	ck_assert_uint_eq(k.notes.entry, 8);
	ck_assert_uint_eq(k.notes.paddr_offset, 0);
	xen_kernel_free(&k);
	buf_free(&b);
}
END_TEST

/* GRUB's i386 image ends its note segment inside the last descriptor. */
START_TEST(notes_cut_short)
{
	struct mk m = mk_linux;
	struct buf b;
	struct xen_kernel k;
	struct error e;

	m.hypercall_page = m.vbase + m.paddr;
	b = mk_elf(&m);
	st64(b.p + 64 + 56 + 32, ld64(b.p + 64 + 56 + 32) - 4);
	ck_assert_msg(!load(&k, &b, &e), "%s", e.text);
	ck_assert_int_eq(k.notes.source, XEN_NOTES_SEGMENT);
	ck_assert_uint_eq(k.notes.hypercall_page, m.hypercall_page);
	xen_kernel_free(&k);
	buf_free(&b);
}
END_TEST

START_TEST(elf32_and_none)
{
	struct mk m = mk_linux;
	struct buf b;
	struct xen_kernel k;
	struct error e;

	m.elf32 = true;
	m.vbase = 0xc0000000;
	m.init_p2m = 0;
	b = mk_elf(&m);
	ck_assert_msg(!load(&k, &b, &e), "%s", e.text);
	ck_assert(!k.elf64 && k.machine == ELF_M_386);
	check_linux(&k, &m);
	ck_assert_uint_eq(k.notes.virt_base, 0xc0000000);
	ck_assert_uint_eq(k.notes.entry, 0xc0100000);
	ck_assert_uint_eq(k.elf_entry, 0xc0100000);
	ck_assert_str_eq(k.format, "ELF32 i386");
	xen_kernel_free(&k);
	buf_free(&b);

	m = mk_linux;
	m.where = MK_NONE;
	b = mk_elf(&m);
	ck_assert_msg(!load(&k, &b, &e), "%s", e.text);
	ck_assert_int_eq(k.notes.source, XEN_NOTES_NONE);
	ck_assert_uint_eq(k.notes.have, 0);
	xen_kernel_free(&k);
	buf_free(&b);
}
END_TEST

START_TEST(bad_files)
{
	struct buf b = { 0 };
	size_t i;

	refused(&b, -EINVAL, "is empty");
	buf_put(&b, "#!/bin/sh\n", 10);
	refused(&b, -EINVAL, "not a kernel for this machine: it is a script");
	b.len = 0;
	buf_put(&b, "\1\2\3\4", 4);
	refused(&b, -EINVAL, "starts with 01 02 03 04");
	b.len = 1;
	refused(&b, -EINVAL, "not a kernel");
	buf_free(&b);

	b = mk_elf(&mk_linux);
	b.len = 4;
	refused(&b, -EINVAL, "only 4 bytes");
	b.len = 63;
	refused(&b, -EINVAL, "header ends at byte 64");
	b.len = 100;
	refused(&b, -EINVAL, "program headers at byte 64");
	b.len = 4096 + 10000;
	refused(&b, -EINVAL, "truncated: program header 0 needs bytes 4096 to 24096");
	b.len = 4096 + 20000 + 16;
	refused(&b, -EINVAL, "the notes of program header 1");
	buf_free(&b);

	/* Every shorter file is refused or read within its bounds. */
	b = mk_elf(&mk_linux);
	for (i = b.len; i-- > 0; i -= MIN(i, i > 24100 ? 1 : 997)) {
		u8 *copy = malloc(i ? i : 1);
		struct xen_kernel k;
		struct error e;

		memcpy(copy, b.p, i);
		if (!xen_kernel_load(&k, copy, i, "testkernel", XEN_KERNEL_MAX, NULL, &e))
			xen_kernel_free(&k);
		free(copy);
	}
	buf_free(&b);
}
END_TEST

/* Stores v of size bytes at off of a good ELF, and expects a refusal. */
static void spoiled(size_t off, u64 v, size_t size, int rc, const char *words)
{
	struct buf b = mk_elf(&mk_linux);
	u8 raw[8];

	st64(raw, v);
	memcpy(b.p + off, raw, size);
	refused(&b, rc, words);
	buf_free(&b);
}

START_TEST(bad_elf)
{
	struct buf b;

	spoiled(4, 7, 1, -EINVAL, "ELF class 7");
	spoiled(5, 2, 1, -ENOTSUP, "big-endian");
	spoiled(18, 183, 2, -ENOTSUP, "machine 183");
	spoiled(16, 1, 2, -EINVAL, "type 1");
	spoiled(56, 0, 2, -EINVAL, "no program headers");
	spoiled(54, 8, 2, -EINVAL, "of 8 bytes");
	spoiled(32, UINT64_MAX - 4, 8, -EINVAL, "lie past the end");
	spoiled(64, 9, 4, -EINVAL, "no segment to load");
	spoiled(64 + 8, UINT64_MAX - 8, 8, -EINVAL, "truncated");
	spoiled(64 + 24, UINT64_MAX - 8, 8, -EINVAL, "past the end of the address space");
	spoiled(64 + 32, UINT64_MAX, 8, -EINVAL, "bytes in the file for");
	spoiled(64 + 40, UINT64_MAX, 8, -EINVAL, "past the end of the address space");
	/* The second header becomes the same segment once more. */
	b = mk_elf(&mk_linux);
	memcpy(b.p + 64 + 56, b.p + 64, 56);
	refused(&b, -EINVAL, "overlap");
	buf_free(&b);
	/* Notes: sizes that do not fit their area. */
	b = mk_elf(&mk_linux);
	st32(b.p + 4096 + 20000, 0xfffffffe);
	refused(&b, -EINVAL, "a note of program header 1");
	st32(b.p + 4096 + 20000, 5);
	st32(b.p + 4096 + 20000 + 4, 0xffffffff);
	refused(&b, -EINVAL, "a note of program header 1");
	buf_free(&b);
}
END_TEST

START_TEST(bad_bzimage)
{
	struct buf elf = mk_elf(&mk_linux), packed = { 0 }, b;
	size_t len;

	if (!pack(CODEC_GZIP, &elf, &packed))
		buf_put(&packed, elf.p, elf.len);
	b = mk_bzimage(packed.p, packed.len, (u32)elf.len);
	len = b.len;
	b.len = 0x210;
	refused(&b, -EINVAL, "header ends at byte 592 and the file at 528");
	b.len = len - 101;
	refused(&b, -EINVAL, "truncated: its payload ends at byte");
	b.len = len;
	st32(b.p + 0x248, 0xffffffff);
	refused(&b, -EINVAL, "truncated");
	st32(b.p + 0x248, 0);
	refused(&b, -EINVAL, "starts with 00 00 00 00");
	st32(b.p + 0x24c, 0);
	refused(&b, -EINVAL, "payload of 0 bytes");
	st16(b.p + 0x206, 0x207);
	refused(&b, -ENOTSUP, "boot protocol 2.07");
	st16(b.p + 0x1fe, 0x1234);
	refused(&b, -EINVAL, "boot flag 0x1234");
	buf_free(&b);
	buf_free(&elf);
	buf_free(&packed);
}
END_TEST

/* What is given in place of a kernel is called by its name, packed or not. */
START_TEST(other_kinds)
{
	static const struct {
		u32 at, len;
		const char *bytes, *named;
	} kinds[] = {
		{ 0, 6, "070701", "a cpio archive, an initial RAM disk: give it with -initrd" },
		{ 56, 4, "ARM\x64", "an arm64 Image" },
		{ 56, 4, "RSC\x05", "a RISC-V Image" },
		{ 0, 4, "PK\3\4", "a zip archive" },
		{ 0, 4, "QFI\xfb", "a qcow2 disk image" },
		{ 510, 2, "\x55\xaa", "a disk image with a boot sector" },
		{ 257, 5, "ustar", "a tar archive" },
		{ 32769, 5, "CD001", "an ISO 9660 image" },
		{ 1080, 2, "\x53\xef", "an ext2, ext3 or ext4 file system: give it with -initrd" },
		{ 0, 14, "just some text", "a text" },
	};
	static const char inside[] = "what is packed in it is a cpio archive";
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct buf b = { 0 };

		while (b.len < kinds[i].at)
			buf_put_u8(&b, 0);
		buf_put(&b, kinds[i].bytes, kinds[i].len);
		refused(&b, -EINVAL, kinds[i].named);
		/* Cut before its mark it is nothing, and nothing is read past its end. */
		if (kinds[i].at) {
			b.len = kinds[i].at;
			refused(&b, -EINVAL, "starts with 00 00 00 00");
		}
		buf_free(&b);
	}
	{
		struct buf cpio = { 0 }, packed = { 0 };

		buf_put(&cpio, "070701", 6);
		if (pack(CODEC_GZIP, &cpio, &packed))
			refused(&packed, -EINVAL, inside);
		buf_free(&cpio);
		buf_free(&packed);
	}
}
END_TEST

START_TEST(packed_nonsense)
{
	struct buf text = { 0 }, one = { 0 }, two = { 0 }, three = { 0 };

	buf_put(&text, "no kernel at all", 16);
	if (pack(CODEC_GZIP, &text, &one)) {
		refused(&one, -EINVAL, "not a kernel");
		text.len = 0;
		one.len = 0;
		pack(CODEC_GZIP, &text, &one);
		refused(&one, -EINVAL, "unpacks to nothing");
		/* Packed over and over. */
		pack(CODEC_GZIP, &one, &two);
		pack(CODEC_GZIP, &two, &three);
		refused(&three, -EINVAL, "packed 3 times over");
	}
	buf_free(&text);
	buf_free(&one);
	buf_free(&two);
	buf_free(&three);
}
END_TEST

static void count_step(void *opaque, const char *what, u64 done, u64 total)
{
	u64 *n = opaque;

	ck_assert_ptr_nonnull(what);
	ck_assert_uint_le(done, total);
	++*n;
}

START_TEST(progress_told)
{
	struct mk m = mk_linux;
	struct buf elf, packed = { 0 };
	struct xen_kernel k;
	struct error e;
	u64 n = 0;
	struct xen_progress p = { .step = count_step, .opaque = &n };

	m.text = 20 << 20;
	elf = mk_elf(&m);
	if (pack(CODEC_GZIP, &elf, &packed)) {
		ck_assert_int_eq(xen_kernel_load(&k, packed.p, packed.len, "testkernel", XEN_KERNEL_MAX, &p, &e), 0);
		ck_assert_uint_ge(n, 5);
		xen_kernel_free(&k);
	}
	buf_free(&elf);
	buf_free(&packed);
}
END_TEST

static void stop_at_two(void *opaque, const char *what, u64 done, u64 total)
{
	volatile int *steps = opaque;

	++steps[0];
	steps[1] = steps[0] >= 2;
}

/* Somebody asks to end while a kernel is unpacked. */
START_TEST(stopped)
{
	static const enum codec all[] = { CODEC_GZIP, CODEC_BZIP2, CODEC_XZ, CODEC_ZSTD };
	struct mk m = mk_linux;
	struct buf elf;
	size_t i;

	m.text = 20 << 20;
	elf = mk_elf(&m);
	for (i = 0; i < ARRAY_SIZE(all); i++) {
		volatile int steps[2] = { 0, 0 };
		struct xen_progress p = { .step = stop_at_two, .opaque = (void *)steps, .stop = &steps[1] };
		struct buf packed = { 0 };
		struct xen_kernel k;
		struct error e;

		if (pack(all[i], &elf, &packed)) {
			ck_assert_int_eq(xen_kernel_load(&k, packed.p, packed.len, "testkernel", XEN_KERNEL_MAX, &p, &e), -EINTR);
			ck_assert_int_eq(steps[0], 2);
			ck_assert_ptr_nonnull(strstr(e.text, "asked to end"));
			xen_kernel_free(&k);
		}
		buf_free(&packed);
	}
	buf_free(&elf);
}
END_TEST

START_TEST(file_read)
{
	char dir[] = "/tmp/loaderXXXXXX", path[64];
	struct error e;
	size_t len;
	u8 *p;
	FILE *f;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/f", dir);
	ck_assert_int_eq(xen_file_read(path, "kernel", 100, NULL, &p, &len, &e), -ENOENT);
	ck_assert_ptr_nonnull(strstr(e.text, path));
	ck_assert_int_eq(xen_file_read(dir, "kernel", 100, NULL, &p, &len, &e), -EISDIR);
	ck_assert_ptr_nonnull(strstr(e.text, "is a directory"));
	f = fopen(path, "wb");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(xen_file_read(path, "initrd", 100, NULL, &p, &len, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "the initrd"));
	ck_assert_ptr_nonnull(strstr(e.text, "is empty"));
	fwrite("0123456789", 1, 10, f);
	fclose(f);
	ck_assert_int_eq(xen_file_read(path, "initrd", 9, NULL, &p, &len, &e), -EFBIG);
	ck_assert_int_eq(xen_file_read(path, "initrd", 10, NULL, &p, &len, &e), 0);
	ck_assert_uint_eq(len, 10);
	ck_assert_int_eq(memcmp(p, "0123456789", 10), 0);
	free(p);
	unlink(path);
	rmdir(dir);
}
END_TEST

Suite *loader_suite(void)
{
	Suite *s = suite_create("loader");
	TCase *t = tcase_create("files"), *c = tcase_create("codecs");

	tcase_set_timeout(c, 120);
	tcase_add_loop_test(c, codec_in_bzimage, CODEC_NONE + 1, CODEC_COUNT);
	tcase_add_loop_test(c, codec_alone, CODEC_NONE + 1, CODEC_COUNT);
	tcase_add_test(c, codec_missing);
	tcase_add_test(c, progress_told);
	tcase_add_test(c, stopped);
	suite_add_tcase(s, c);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, plain_elf64);
	tcase_add_test(t, notes_in_sections);
	tcase_add_test(t, notes_in_string);
	tcase_add_test(t, notes_cut_short);
	tcase_add_test(t, elf32_and_none);
	tcase_add_test(t, bad_files);
	tcase_add_test(t, bad_elf);
	tcase_add_test(t, bad_bzimage);
	tcase_add_test(t, other_kinds);
	tcase_add_test(t, packed_nonsense);
	tcase_add_test(t, file_read);
	suite_add_tcase(s, t);
	return s;
}
