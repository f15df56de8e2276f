/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest code in words (Zydis 4.0), or as bytes where that is not built in.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "ui/disasm.h"

#include <inttypes.h>
#if HAVE_ZYDIS
#include <Zydis/Zydis.h>
#endif

static void print_bytes(FILE *out, u64 va, const u8 *p, u32 n, bool mark)
{
	u32 i;

	fprintf(out, "%s %016" PRIx64 " ", mark ? "->" : "  ", va);
	for (i = 0; i < n; i++)
		fprintf(out, " %02x", p[i]);
}

#if HAVE_ZYDIS
#define SHOW_BEFORE 6
#define SHOW_AFTER 8

/* Length and, with text, the words of one instruction; 0 when it is none. */
static u32 one(u32 bits, const u8 *p, u32 n, u64 va, char *text, size_t textlen)
{
	ZydisFormatterStyle style = bits & DISASM_ATT ? ZYDIS_FORMATTER_STYLE_ATT : ZYDIS_FORMATTER_STYLE_INTEL;
	u32 width_bits = bits & ~DISASM_ATT;
	ZydisMachineMode mode = width_bits == 64   ? ZYDIS_MACHINE_MODE_LONG_64
				: width_bits == 32 ? ZYDIS_MACHINE_MODE_LONG_COMPAT_32
					     : ZYDIS_MACHINE_MODE_LONG_COMPAT_16;
	ZydisStackWidth width = width_bits == 64   ? ZYDIS_STACK_WIDTH_64
				: width_bits == 32 ? ZYDIS_STACK_WIDTH_32
					     : ZYDIS_STACK_WIDTH_16;
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction insn;
	ZydisFormatter fmt;
	ZydisDecoder dec;

	if (!ZYAN_SUCCESS(ZydisDecoderInit(&dec, mode, width)) ||
	    !ZYAN_SUCCESS(ZydisDecoderDecodeFull(&dec, p, n, &insn, ops)))
		return 0;
	if (text && (!ZYAN_SUCCESS(ZydisFormatterInit(&fmt, style)) ||
		     !ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&fmt, &insn, ops, insn.operand_count_visible, text,
								   textlen, va, NULL))))
		return 0;
	return insn.length;
}

u32 disasm_text(u32 bits, const u8 *code, u32 n, u64 va, char *text, size_t size)
{
	text[0] = 0;
	return one(bits, code, n, va, text, size);
}

static void print_one(FILE *out, u32 bits, const u8 *p, u32 n, u64 va, bool mark)
{
	char text[160];
	u32 len = one(bits, p, n, va, text, sizeof text);

	print_bytes(out, va, p, len, mark);
	fprintf(out, "%*s%s\n", (int)(len < 11 ? 3 * (11 - len) : 1), "", text);
}

void disasm_around(FILE *out, u32 bits, const u8 *code, u32 n, u64 start, u64 rip)
{
	u32 at = (u32)(rip - start), i, k, len, count = 0, skip;

	/* The earliest start from which instructions follow one another up to rip. */
	for (i = 0; i < at; i++) {
		count = 0;
		for (k = i; k < at; k += len, count++) {
			len = one(bits, code + k, n - k, start + k, NULL, 0);
			if (!len)
				break;
		}
		if (k == at)
			break;
	}
	skip = i < at && count > SHOW_BEFORE ? count - SHOW_BEFORE : 0;
	for (k = i; k < at; k += one(bits, code + k, n - k, start + k, NULL, 0)) {
		if (skip)
			skip--;
		else
			print_one(out, bits, code + k, n - k, start + k, false);
	}
	for (count = 0; at < n && count < SHOW_AFTER; at += len, count++) {
		len = one(bits, code + at, n - at, start + at, NULL, 0);
		if (!len) {
			print_bytes(out, start + at, code + at, MIN(n - at, 15), !count);
			fputs("   no instruction\n", out);
			break;
		}
		print_one(out, bits, code + at, n - at, start + at, !count);
	}
}

void disasm_run(FILE *out, u32 bits, const u8 *code, u32 n, u64 start)
{
	u32 at, len;

	for (at = 0; at < n; at += len) {
		len = one(bits, code + at, n - at, start + at, NULL, 0);
		if (!len) {
			print_bytes(out, start + at, code + at, n - at, false);
			fputc('\n', out);
			return;
		}
		print_one(out, bits, code + at, n - at, start + at, false);
	}
}
#else
u32 disasm_text(u32 bits, const u8 *code, u32 n, u64 va, char *text, size_t size)
{
	if (!n)
		return 0;
	snprintf(text, size, ".byte 0x%02x", code[0]);
	return 1;
}

void disasm_run(FILE *out, u32 bits, const u8 *code, u32 n, u64 start)
{
	(void)bits;
	print_bytes(out, start, code, n, false);
	fputc('\n', out);
}

void disasm_around(FILE *out, u32 bits, const u8 *code, u32 n, u64 start, u64 rip)
{
	u32 at = (u32)(rip - start), before = MIN(at, 32);

	if (before) {
		print_bytes(out, rip - before, code + at - before, before, false);
		fputc('\n', out);
	}
	print_bytes(out, rip, code + at, MIN(n - at, 32), true);
	fputs("\n   (no disassembler is built in)\n", out);
}
#endif
