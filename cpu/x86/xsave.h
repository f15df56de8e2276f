/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The XSAVE area: components and their places (SDM 1 13.1 to 13.5).
 */
#ifndef CPU_X86_XSAVE_H
#define CPU_X86_XSAVE_H

#include "cpu/x86/x86.h"

enum { X_X87 = 1, X_SSE = 2, X_AVX = 4, X_PKRU = 1 << 9 };

/* The legacy area with the header; then, in bytes, what lies behind and where it is in the standard format. */
#define XSAVE_LEGACY 576u
#define XSAVE_AVX_BYTES 256u
#define XSAVE_PKRU 2688u
#define XSAVE_PKRU_BYTES 8u

/* Components this CPU has. */
u64 xsave_components(const struct x86 *c);
/* Where PKRU's component begins: in the standard format, or in a compacted one of these components. */
u32 xsave_pkru_at(u64 components, bool compact);
/* Bytes of an area with these components. */
u32 xsave_size(u64 components, bool compact);

#endif
