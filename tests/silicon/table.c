/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * docs/instructions.md, made from the opcode tables: opcode, operands, feature, and how each row is proven.
 */
#include "tests/silicon/gen.h"

static const char *const features[F_COUNT] = {
	[F_BASE] = "",		  [F_X87] = "x87",	   [F_MMX] = "MMX",	  [F_SSE] = "SSE",
	[F_SSE2] = "SSE2",	  [F_SSE3] = "SSE3",	   [F_SSSE3] = "SSSE3",	  [F_SSE41] = "SSE4.1",
	[F_SSE42] = "SSE4.2",	  [F_POPCNT] = "POPCNT",   [F_CX16] = "CX16",	  [F_FSGSBASE] = "FSGSBASE",
	[F_RDTSCP] = "RDTSCP",	  [F_RDRAND] = "RDRAND",   [F_XSAVE] = "XSAVE",	  [F_SYSCALL] = "SYSCALL",
	[F_FXSR] = "FXSR",	  [F_CLFLUSH] = "CLFLUSH", [F_MOVBE] = "MOVBE",	  [F_LZCNT] = "LZCNT",
	[F_BMI1] = "BMI1",	  [F_BMI2] = "BMI2",	   [F_ADX] = "ADX",	  [F_AES] = "AES-NI",
	[F_PCLMUL] = "PCLMULQDQ", [F_SHA] = "SHA",	   [F_RDSEED] = "RDSEED", [F_3DNOWPREFETCH] = "PREFETCHW",
	[F_CLFLUSHOPT] = "CLFLUSHOPT", [F_CLWB] = "CLWB",  [F_RDPID] = "RDPID",	  [F_AVX] = "AVX",
	[F_AVX2] = "AVX2",	  [F_FMA] = "FMA",	   [F_F16C] = "F16C",	  [F_XSAVEOPT] = "XSAVEOPT",
	[F_XSAVEC] = "XSAVEC",	  [F_SMAP] = "SMAP",	   [F_INVPCID] = "INVPCID", [F_MONITOR] = "MONITOR",
	[F_VMX] = "VMX",	  [F_SERIALIZE] = "SERIALIZE", [F_CMOV] = "CMOV", [F_CX8] = "CX8",
	[F_TSC] = "TSC",	  [F_PKU] = "PKU",
};

/* The bytes of an opcode as the SDM writes them. */
static void opcode_text(const struct oprow *r, char *buf, size_t n)
{
	u32 op = r->opcode, shift = op > 0xffffff ? 24 : op > 0xffff ? 16 : op > 0xff ? 8 : 0;
	size_t at = 0;

	if (r->vex)
		at += (size_t)snprintf(buf, n, "VEX");
	for (;; shift -= 8) {
		at += (size_t)snprintf(buf + at, n - at, at ? " %02X" : "%02X", op >> shift & 0xff);
		if (!shift)
			break;
	}
	if (r->modrm >= 0)
		snprintf(buf + at, n - at, " %02X", (u32)r->modrm);
	else if (r->reg >= 0)
		snprintf(buf + at, n - at, " /%d", r->reg);
}

static const char *proof(const struct oprow *r)
{
	if ((r->flags & PRIV) || named(r, " in out ins outs cli sti rdpmc monitor mwait "))
		return "silicon: the fault of a user; guests";
	if (named(r, " cpuid rdtsc rdtscp rdrand rdseed rdpid xgetbv "))
		return "silicon, but for the result";
	return r->flags & I64 ? "silicon, as 32-bit code" : r->flags & O64 ? "silicon, as 64-bit code" : "silicon";
}

void silicon_table(FILE *f)
{
	u32 i, j;

	fputs("# Instructions\n\n"
	      "Made from the opcode tables by `silicon -t`. Operands are written in the letters of the SDM's opcode maps\n"
	      "(volume 2D, appendix A.2). *Silicon*: random cases, as 64-bit code and as 32-bit code in a\n"
	      "compatibility segment, are compared with an x86-64 processor (registers, flags, memory, vector and x87 state,\n"
	      "faults) by `make silicon`; what the manuals leave undefined is not looked at. The others say why not; unit\n"
	      "tests and the guests of `tests/guests` look after them, and after what users are refused.\n\n"
	      "| Opcode | Instruction | Operands | Feature | Proven |\n|---|---|---|---|---|\n",
	      f);
	for (i = 1; i < SIL_ROWS; i++) {
		const struct oprow *r = row_at(i);
		const char *why = gen_skip(r), *name = r->name;
		u32 feat = row_feature(r);
		char op[32], args[40] = "";

		opcode_text(r, op, sizeof op);
		for (j = 0; j < 4 && r->op[j] && r->op[j][0] && r->op[j][0] != '_'; j++) {
			strcat(args, j ? ", " : "");
			strncat(args, r->op[j], strcspn(r->op[j], "_"));
		}
		if (!strncmp(name, "mmx_", 4))
			name += 4;
		fprintf(f, "| %s | %s | %s | %s | %s |\n", op, name, args, feat < F_COUNT && features[feat] ? features[feat] : "",
			why ? why : proof(r));
	}
}
