/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Little-endian loads and stores at any alignment: guests are little-endian; hosts may be either. ldbe and stbe are for what
 * networks and some files have the other way round.
 */
#ifndef BASE_ENDIAN_H
#define BASE_ENDIAN_H

#include <string.h>

#include "base/types.h"

INLINE u16 le16(u16 v)
{
	return HOST_BIG_ENDIAN ? __builtin_bswap16(v) : v;
}

INLINE u32 le32(u32 v)
{
	return HOST_BIG_ENDIAN ? __builtin_bswap32(v) : v;
}

INLINE u64 le64(u64 v)
{
	return HOST_BIG_ENDIAN ? __builtin_bswap64(v) : v;
}

INLINE u8 ld8(const void *p)
{
	return *(const u8 *)p;
}

INLINE u16 ld16(const void *p)
{
	u16 v;
	memcpy(&v, p, sizeof v);
	return le16(v);
}

INLINE u32 ld32(const void *p)
{
	u32 v;
	memcpy(&v, p, sizeof v);
	return le32(v);
}

INLINE u64 ld64(const void *p)
{
	u64 v;
	memcpy(&v, p, sizeof v);
	return le64(v);
}

INLINE void st8(void *p, u8 v)
{
	*(u8 *)p = v;
}

INLINE void st16(void *p, u16 v)
{
	v = le16(v);
	memcpy(p, &v, sizeof v);
}

INLINE void st32(void *p, u32 v)
{
	v = le32(v);
	memcpy(p, &v, sizeof v);
}

INLINE void st64(void *p, u64 v)
{
	v = le64(v);
	memcpy(p, &v, sizeof v);
}

INLINE u16 ldbe16(const void *p)
{
	return __builtin_bswap16(ld16(p));
}

INLINE u32 ldbe32(const void *p)
{
	return __builtin_bswap32(ld32(p));
}

INLINE u64 ldbe64(const void *p)
{
	return __builtin_bswap64(ld64(p));
}

INLINE void stbe16(void *p, u16 v)
{
	st16(p, __builtin_bswap16(v));
}

INLINE void stbe32(void *p, u32 v)
{
	st32(p, __builtin_bswap32(v));
}

INLINE void stbe64(void *p, u64 v)
{
	st64(p, __builtin_bswap64(v));
}

#endif
