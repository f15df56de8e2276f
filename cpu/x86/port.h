/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Port access with its permission check, for IN, OUT, INS and OUTS.
 */
#ifndef CPU_X86_PORT_H
#define CPU_X86_PORT_H

#include "cpu/x86/x86.h"

/* By privilege alone, when the machine has no say in it. */
bool port_allowed(const struct x86 *c);
/* size is 1, 2 or 4 bytes. False: a fault is noted, "return raise_noted(c, i)". */
bool port_in(struct x86 *c, u16 port, u32 size, u64 *v);
bool port_out(struct x86 *c, u16 port, u32 size, u64 v);
/* By the machine where it has a say, else by IOPL, then by the I/O permission bitmap. */
bool port_check(struct x86 *c, u16 port, u32 size);

#endif
