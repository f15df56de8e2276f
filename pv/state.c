/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state tables of a paravirtual guest: what its domain and its vCPUs have beside what every Xen guest has. */
#include "pv/pv.h"

static const struct state_field trap_fields[] = {
	STATE_INT(struct pv_trap_entry, address),
	STATE_INT(struct pv_trap_entry, cs),
	STATE_INT(struct pv_trap_entry, flags),
	STATE_INTS(struct pv_trap_entry, pad),
};
static STATE_DESC(trap_desc, "trap", 1, struct pv_trap_entry, trap_fields);

static const struct state_field vcpu_fields[] = {
	STATE_INT(struct pv_vcpu_state, flags),
	STATE_INT(struct pv_vcpu_state, iopl),
	STATE_INT(struct pv_vcpu_state, kernel_ss),
	STATE_INT(struct pv_vcpu_state, kernel_sp),
	STATE_INT(struct pv_vcpu_state, event_cs),
	STATE_INT(struct pv_vcpu_state, event_ip),
	STATE_INT(struct pv_vcpu_state, failsafe_cs),
	STATE_INT(struct pv_vcpu_state, failsafe_ip),
	STATE_INT(struct pv_vcpu_state, syscall_cs),
	STATE_INT(struct pv_vcpu_state, syscall_ip),
	STATE_INT(struct pv_vcpu_state, syscall32_cs),
	STATE_INT(struct pv_vcpu_state, syscall32_ip),
	STATE_INT(struct pv_vcpu_state, sysenter_cs),
	STATE_INT(struct pv_vcpu_state, sysenter_ip),
	STATE_INTS(struct pv_vcpu_state, ctrlreg),
	STATE_INT(struct pv_vcpu_state, kernel_root),
	STATE_INT(struct pv_vcpu_state, user_root),
	STATE_INT(struct pv_vcpu_state, fs_base),
	STATE_INT(struct pv_vcpu_state, gs_base_kernel),
	STATE_INT(struct pv_vcpu_state, gs_base_user),
	STATE_INTS(struct pv_vcpu_state, gdt_frames),
	STATE_INT(struct pv_vcpu_state, gdt_entries),
	STATE_INT(struct pv_vcpu_state, ldt_entries),
	STATE_INT(struct pv_vcpu_state, ldt_base),
	STATE_INT(struct pv_vcpu_state, iobmp),
	STATE_INT(struct pv_vcpu_state, iobmp_ports),
	STATE_INT(struct pv_vcpu_state, old_table),
	STATE_INT(struct pv_vcpu_state, mcg_status),
	STATE_INTS(struct pv_vcpu_state, mc_ctl2),
	STATE_SUBS(struct pv_vcpu_state, traps, &trap_desc),
};
STATE_DESC(pv_vcpu_state_desc, "pv-vcpu", 1, struct pv_vcpu_state, vcpu_fields);

static const struct state_field domain_fields[] = {
	STATE_INT(struct pv_domain_state, vm_assist),
	STATE_INT(struct pv_domain_state, cmos_index),
	STATE_INT(struct pv_domain_state, pci_cf8),
	STATE_INT(struct pv_domain_state, pad),
	STATE_INT(struct pv_domain_state, mfn_end),
	STATE_INT(struct pv_domain_state, start_info),
};
STATE_DESC(pv_domain_state_desc, "pv-domain", 1, struct pv_domain_state, domain_fields);
