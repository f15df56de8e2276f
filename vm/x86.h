/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPUs of x86 domains and their processors.
 */
#ifndef VM_X86_H
#define VM_X86_H

#include "cpu/x86/x86.h"
#include "vm/domain.h"

INLINE struct x86 *x86_of(const struct vcpu *v)
{
	return x86_of_cpu(v->cpu);
}

INLINE struct vcpu *x86_vcpu(const struct x86 *c)
{
	return c->cpu.vcpu;
}

#endif
