/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fixed-size names, compiler hints and the few macros every module needs.
 * Leaf of the tree: includes nothing of ours.
 */
#ifndef BASE_TYPES_H
#define BASE_TYPES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define NOINLINE __attribute__((noinline))
#define INLINE static inline __attribute__((always_inline))
#define UNUSED __attribute__((unused))
#define COLD __attribute__((cold, noinline))
#if defined(__MINGW32__) && !defined(__clang__) /* to gcc "printf" is Windows' own there */
#define PRINTF(f, a) __attribute__((format(gnu_printf, f, a)))
#else
#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#endif

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define ALIGN_UP(x, a) (((x) + (a) - 1) & ~((u64)(a) - 1))
#define ALIGN_DOWN(x, a) ((x) & ~((u64)(a) - 1))
#define DIV_UP(x, a) (((x) + (a) - 1) / (a))
#define BIT(n) (1ULL << (n))

#define container_of(p, type, member) ((type *)(void *)((char *)(p) - offsetof(type, member)))

/* A guest page is 4 KiB on every guest we run. Some <limits.h> (musl's, for one) have the host's under that name. */
#undef PAGE_SIZE
#define PAGE_SHIFT 12
#define PAGE_SIZE 4096u
#define PAGE_OFFSET(x) ((u32)(x) & 4095u)
#define PAGE_BASE(x) ((u64)(x) & ~(u64)4095)

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define HOST_BIG_ENDIAN 1
#else
#define HOST_BIG_ENDIAN 0
#endif

#endif
