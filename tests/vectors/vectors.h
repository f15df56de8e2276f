/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hashes of what the core makes of fixed inputs, one line a group. They must be the same lines on every host architecture.
 */
#ifndef TESTS_VECTORS_VECTORS_H
#define TESTS_VECTORS_VECTORS_H

#include "base/types.h"

/* A line: the group's name, how many cases, the hash of all their ends. */
typedef void (*vec_line)(void *opaque, const char *name, u64 cases, u64 hash);

/* Instructions in 64-bit mode at CPL 3 from the opcode table, by mnemonic; n cases a row. */
void vectors_rows(u64 n, vec_line line, void *opaque);
/* Whole machines in every mode, n a mode. */
void vectors_modes(u64 n, vec_line line, void *opaque);
/* The first n instructions of a PV kernel on so many vCPUs. 0, or 1 with a sentence on stderr. */
int vectors_boot(const char *kernel, u64 n, u32 vcpus, vec_line line, void *opaque);
/* Writes the ELF inside a kernel file, for builds that cannot unpack it. 0, or 1 with a sentence on stderr. */
int vectors_unpack(const char *kernel, const char *out);

#endif
