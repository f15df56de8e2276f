/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CRC-32C and BLAKE2b by what is published of them, and by what another program says of longer texts.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "snapshot/blake2b.h"
#include "snapshot/crc32c.h"
#include "tests/suites.h"

/* RFC 3720 B.4, and the usual check value. */
START_TEST(crc32c_published)
{
	static const u8 read_10[48] = { 0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0,
					0, 0, 0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02 };
	u8 b[32];
	u32 i;

	memset(b, 0, sizeof b);
	ck_assert_uint_eq(crc32c(0, b, sizeof b), 0x8a9136aa);
	memset(b, 0xff, sizeof b);
	ck_assert_uint_eq(crc32c(0, b, sizeof b), 0x62a8ab43);
	for (i = 0; i < 32; i++)
		b[i] = (u8)i;
	ck_assert_uint_eq(crc32c(0, b, sizeof b), 0x46dd794e);
	for (i = 0; i < 32; i++)
		b[i] = (u8)(31 - i);
	ck_assert_uint_eq(crc32c(0, b, sizeof b), 0x113fdb5c);
	ck_assert_uint_eq(crc32c(0, read_10, sizeof read_10), 0xd9963a56);
	ck_assert_uint_eq(crc32c(0, "123456789", 9), 0xe3069283);
	/* In parts, at any alignment. */
	for (i = 0; i <= 9; i++)
		ck_assert_uint_eq(crc32c(crc32c(0, "123456789", i), &"123456789"[i], 9 - i), 0xe3069283);
}
END_TEST

static const char *digest(const void *p, size_t n, u32 out, size_t piece)
{
	static char text[129];
	struct blake2b b;
	u8 sum[64];
	size_t at, k;
	u32 i;

	blake2b_init(&b, out);
	for (at = 0; at < n; at += k) {
		k = MIN(piece, n - at);
		blake2b_add(&b, (const u8 *)p + at, k);
	}
	blake2b_end(&b, sum);
	for (i = 0; i < out; i++)
		sprintf(text + 2 * i, "%02x", sum[i]);
	return text;
}

/* RFC 7693 appendix A; its authors' vector of nothing. */
START_TEST(blake2b_published)
{
	ck_assert_str_eq(digest("abc", 3, 64, 3), "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
						   "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
	ck_assert_str_eq(digest("", 0, 64, 1), "786a02f742015903c6c6fd852552d272912f4740e15847618a86e217f71f5419"
					       "d25e1031afee585313896444934eb04b903a685b1448b755d56f701afe9be2ce");
}
END_TEST

/* What Python's hashlib says, around the size of a block. */
START_TEST(blake2b_lengths)
{
	static const struct {
		size_t n;
		const char *text;
	} want[] = {
		{ 0, "0e5751c026e543b2e8ab2eb06099daa1" },   { 1, "03170a2e7597b7b7e3d84c05391d139a" },
		{ 127, "4ff62e7c4c43fe101a078479c48836be" }, { 128, "14696d2a98d9f8a280da8b132b1045b3" },
		{ 129, "3934215260b1039be9d9d2b073b059bc" }, { 255, "a3bb8b4fa098078d32bb5a89e905e237" },
		{ 256, "3d0cb2693dfbac42af5a6cc960953fea" }, { 257, "63cb41934eb22ceb359755501ea299ab" },
		{ 4096, "bec24b5a5157c7daa9a7c3ee0c808223" }, { 10000, "c8c5a3c1b664d4a385d1547f65ad561c" },
	};
	static const size_t pieces[] = { 1, 7, 127, 128, 129, 10000 };
	static u8 b[10000];
	u32 i, k;

	for (i = 0; i < sizeof b; i++)
		b[i] = (u8)(i * 7);
	for (i = 0; i < ARRAY_SIZE(want); i++)
		for (k = 0; k < ARRAY_SIZE(pieces); k++)
			ck_assert_msg(!strncmp(digest(b, want[i].n, 32, pieces[k]), want[i].text, 32), "%zu bytes by %zu", want[i].n,
				      pieces[k]);
}
END_TEST

Suite *digest_suite(void)
{
	Suite *s = suite_create("digest");
	TCase *t = tcase_create("sums");

	tcase_add_test(t, crc32c_published);
	tcase_add_test(t, blake2b_published);
	tcase_add_test(t, blake2b_lengths);
	suite_add_tcase(s, t);
	return s;
}
