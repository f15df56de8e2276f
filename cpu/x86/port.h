/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Port access with its permission check, for IN, OUT, INS and OUTS.
 */
#ifndef CPU_X86_PORT_H
#define CPU_X86_PORT_H

#include "cpu/cpu.h"

/* By privilege alone, when the machine has no say in it. */
bool port_allowed(const struct cpu *c);
/* size is 1, 2 or 4 bytes. False: a fault is noted, "return raise_noted(c, i)". */
bool port_in(struct cpu *c, u16 port, u32 size, u64 *v);
bool port_out(struct cpu *c, u16 port, u32 size, u64 v);
/* By the machine where it has a say, else by IOPL, then by the I/O permission bitmap. */
bool port_check(struct cpu *c, u16 port, u32 size);

#endif
