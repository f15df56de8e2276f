/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports of a paravirtual guest: who may use them (the virtual IOPL, the bitmap of PHYSDEVOP_set_iobitmap, Xen public/physdev.h),
 * and what is behind them: two latches (CMOS index, PCI address), else nothing. Breakpoints on ports: SDM 3B 17.2.4.
 */
#include "base/endian.h"
#include "cpu/x86/seg.h"
#include "pv/traps.h"

#define VMASST_ARCH_IOPL BIT(4)
#define PORT_CMOS_INDEX 0x70
#define PORT_PCI_CONFIG 0xcf8

/* The kernel counts as ring 1, or as ring 0 for guests that take IOPL as the manual has it. */
bool pv_iopl_ok(struct vcpu *v)
{
	u32 ring = !pv_kernel_mode(v) ? 3 : pv_dom(v->d)->s.vm_assist & VMASST_ARCH_IOPL ? 0 : 1;

	return ring <= pv_of(v)->s.iopl;
}

/* Two bytes of the bitmap, which is the kernel's whoever asks. What cannot be read forbids. */
static u16 bitmap_word(struct vcpu *v, u64 va)
{
	struct mmu *m = &x86_of(v)->mmu;
	u64 root = m->root;
	bool user = m->user;
	u8 b[2] = { 0xff, 0xff };

	if (!pv_dom(v->d)->xen.s.is32)
		m->root = pv_of(v)->s.kernel_root << PAGE_SHIFT;
	m->user = false;
	mmu_update(m);
	if (!xen_copy_from(v, b, va, 1))
		xen_copy_from(v, b + 1, va + 1, 1);
	m->root = root;
	m->user = user;
	mmu_update(m);
	return ld16(b);
}

bool pv_port_ok(struct x86 *c, u16 port, u32 size)
{
	struct vcpu *v = x86_vcpu(c);
	const struct pv_vcpu_state *s = &pv_of(v)->s;

	if (pv_iopl_ok(v))
		return true;
	if (port + size > s->iobmp_ports)
		return false;
	return !(bitmap_word(v, s->iobmp + port / 8) >> (port & 7) & ((1u << size) - 1));
}

static u8 read_byte(const struct pv_domain *p, u32 port)
{
	return port == PORT_CMOS_INDEX ? (u8)p->s.cmos_index : 0xff;
}

int pv_port_in(struct vcpu *v, u16 port, u32 size, u64 *val)
{
	const struct pv_domain *p = pv_dom(v->d);
	u32 i;

	if (!pv_port_ok(x86_of(v), port, size))
		return X86_GP;
	debug_port(x86_of(v), port, size);
	*val = 0;
	for (i = 0; i < size; i++)
		*val |= (u64)read_byte(p, port + i) << (8 * i);
	if (port == PORT_PCI_CONFIG && size == 4)
		*val = p->s.pci_cf8;
	return -1;
}

int pv_port_out(struct vcpu *v, u16 port, u32 size, u32 val)
{
	struct pv_domain *p = pv_dom(v->d);

	if (!pv_port_ok(x86_of(v), port, size))
		return X86_GP;
	debug_port(x86_of(v), port, size);
	if (port <= PORT_CMOS_INDEX && port + size > PORT_CMOS_INDEX)
		p->s.cmos_index = val >> (8 * (PORT_CMOS_INDEX - port)) & 0xff;
	if (port == PORT_PCI_CONFIG && size == 4)
		p->s.pci_cf8 = val;
	return -1;
}
