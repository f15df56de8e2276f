/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Port access with its permission check, for IN, OUT, INS and OUTS.
 */
#ifndef CPU_X86_PORT_H
#define CPU_X86_PORT_H

#include "cpu/cpu.h"

/* size is 1, 2 or 4 bytes. False: #GP(0). */
bool port_in(struct cpu *c, u16 port, u32 size, u64 *v);
bool port_out(struct cpu *c, u16 port, u32 size, u64 v);

#endif
