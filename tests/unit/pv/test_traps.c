/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames on the guest's kernel stack, byte for byte, and the way back by iret. */
#include "tests/suites.h"
#include "tests/unit/pv_cpu_env.h"
#include "vm/x86.h"

#define SEL_BAD 0x38u /* in the GDT, but of ring 0 */

START_TEST(exception_from_kernel)
{
	struct env *e = ce_new();
	struct x86 *c = x86_of(ce_vcpu(e));
	u64 sp = c->r[RSP], rip = c->rip;
	u64 want[] = { 0x1111, 0x2222, rip, 0xe030, FL_IF | FL_FIXED1 | FL_CF | FL_TF | FL_NT | FL_AC | FL_RF, sp, 0xe02b };

	ce_handler(e, X86_UD, 0);
	c->r[RCX] = 0x1111;
	c->r[R11] = 0x2222;
	x86_set_rflags(c, FL_IF | FL_CF | FL_TF | FL_NT | FL_AC);
	ck_assert(ce_trap(e, X86_UD, false, 0));
	ck_assert_uint_eq(c->rip, CE_HANDLER + X86_UD * 16);
	ck_assert_uint_eq(c->r[RSP], (sp & ~15ULL) - 56);
	ck_assert_uint_eq(c->s.seg[SEG_CS].sel, 0xe033);
	ck_assert_uint_eq(x86_rflags(c), FL_IF | FL_FIXED1 | FL_CF);
	ck_assert_uint_eq(xen_info_u8(ce_vcpu(e), VI_MASK), 0);
	ce_check_frame(e, want, ARRAY_SIZE(want));
	env_free(e);
}
END_TEST

START_TEST(exception_masks_events)
{
	struct env *e = ce_new();
	struct x86 *c = x86_of(ce_vcpu(e));
	u64 want[] = { 0, 0, 0x10, c->rip, 0xe030 | 1ULL << 32, FL_FIXED1 | FL_RF, c->r[RSP], 0xe02b };

	/* Masked before: the frame says so and IF is clear in it. */
	xen_info_set_u8(ce_vcpu(e), VI_MASK, 1);
	ce_handler(e, X86_GP, 4);
	ck_assert(ce_trap(e, X86_GP, true, 0x10));
	ce_check_frame(e, want, ARRAY_SIZE(want));
	ck_assert_uint_eq(c->r[RSP] % 16, 0);
	/* Not masked, and the gate masks. */
	xen_info_set_u8(ce_vcpu(e), VI_MASK, 0);
	ck_assert(ce_trap(e, X86_GP, true, 0));
	ck_assert_uint_eq(env_u64(e, c->r[RSP] + 32), 0xe030);
	ck_assert_uint_eq(env_u64(e, c->r[RSP] + 40) & FL_IF, FL_IF);
	ck_assert_uint_eq(xen_info_u8(ce_vcpu(e), VI_MASK), 1);
	env_free(e);
}
END_TEST

START_TEST(page_fault_from_user)
{
	struct env *e = ce_new();
	struct vcpu *v = ce_vcpu(e);
	struct x86_trap t = { .vector = X86_PF, .has_error = true, .error = PF_P | PF_W, .cr2 = 0x123456, .rip = CE_USER_IP };
	u64 want[] = { 0, 0, PF_P | PF_W | PF_U, CE_USER_IP, CE_USER_CS, FL_IF | FL_FIXED1 | FL_RF, CE_USER_SP, CE_USER_SS };

	pv_set_base(v, SEG_GS, 0xffff888000001000ULL);
	e->vcpu[0].s.gs_base_user = 0x7000;
	ce_user(e);
	ck_assert_uint_eq(x86_of(v)->s.seg[SEG_GS].base, 0x7000);
	ck_assert_uint_eq(x86_of(v)->mmu.root, ENV_VA(6));
	pv_set_base(v, SEG_GS, 0x7777);
	ce_handler(e, X86_PF, 0);
	ck_assert(pv_cpu_ops.trap(x86_of(v), &t));
	ck_assert(pv_kernel_mode(v));
	ck_assert_uint_eq(x86_of(v)->mmu.root, ENV_VA(5));
	ck_assert_uint_eq(x86_of(v)->s.seg[SEG_GS].base, 0xffff888000001000ULL);
	ck_assert_uint_eq(e->vcpu[0].s.gs_base_user, 0x7777);
	ck_assert_uint_eq(x86_of(v)->r[RSP], CE_STACK - 64);
	ck_assert_uint_eq(xen_info_u64(v, VI_CR2), 0x123456);
	ce_check_frame(e, want, ARRAY_SIZE(want));
	/* From the kernel the same error code has no user bit, whatever the processor thought. */
	t.error = PF_U;
	t.rip = CE_HANDLER;
	ck_assert(pv_cpu_ops.trap(x86_of(v), &t));
	ck_assert_uint_eq(env_u64(e, x86_of(v)->r[RSP] + 16), 0);
	env_free(e);
}
END_TEST

static bool soft(struct env *e, u8 vector)
{
	struct x86 *c = x86_of(ce_vcpu(e));
	struct x86_trap t = { .vector = vector, .soft = true, .kind = TRAP_INT, .rip = c->rip + 2, .start = c->rip };

	c->rip += 2;
	return pv_cpu_ops.trap(c, &t);
}

START_TEST(software_interrupts)
{
	struct env *e = ce_new();
	struct x86 *c = x86_of(ce_vcpu(e));

	ce_handler(e, X86_GP, 0);
	ce_handler(e, 0x80, 3);
	ce_handler(e, 0x81, 1);
	ce_handler(e, X86_BP, 0);
	ce_user(e);
	ck_assert(soft(e, 0x80));
	ck_assert_uint_eq(c->rip, CE_HANDLER + 0x800);
	ck_assert_uint_eq(env_u64(e, c->r[RSP] + 16), CE_USER_IP + 2);
	/* The kernel may use a gate of ring 1, */
	ck_assert(soft(e, 0x81));
	ck_assert_uint_eq(c->rip, CE_HANDLER + 0x810);
	ce_user(e);
	/* the user not: the fault is at the instruction. */
	ck_assert(soft(e, 0x81));
	ck_assert_uint_eq(c->rip, CE_HANDLER + X86_GP * 16);
	ck_assert_uint_eq(env_u64(e, c->r[RSP] + 16), 0x81 * 8 + 2);
	ck_assert_uint_eq(env_u64(e, c->r[RSP] + 24), CE_USER_IP);
	ce_user(e);
	ck_assert(soft(e, X86_BP));
	ck_assert_uint_eq(c->rip, CE_HANDLER + X86_BP * 16);
	env_free(e);
}
END_TEST

START_TEST(nowhere_to_go)
{
	struct env *e = ce_new();

	ck_assert(!ce_trap(e, X86_UD, false, 0));
	ck_assert_int_eq(e->d->end, END_CRASH);
	ck_assert_ptr_nonnull(strstr(e->d->crash, "no handler"));
	env_free(e);

	e = ce_new();
	ce_handler(e, X86_UD, 0);
	x86_of(ce_vcpu(e))->r[RSP] = PV_M2P_START + 0x1000;
	ck_assert(!ce_trap(e, X86_UD, false, 0));
	ck_assert_int_eq(e->d->end, END_CRASH);
	ck_assert_ptr_nonnull(strstr(e->d->crash, "cannot be written"));
	env_free(e);

	/* Not a frame at all. */
	e = ce_new();
	ce_handler(e, X86_UD, 0);
	x86_of(ce_vcpu(e))->r[RSP] = 0x1000;
	ck_assert(!ce_trap(e, X86_UD, false, 0));
	ck_assert_int_eq(e->d->end, END_CRASH);
	env_free(e);
}
END_TEST

START_TEST(system_call_from_user)
{
	struct env *e = ce_new();
	struct x86 *c = x86_of(ce_vcpu(e));
	u64 fl = FL_IF | FL_FIXED1 | FL_DF | FL_ZF;
	u64 want[] = { CE_USER_IP + 2, fl, CE_USER_IP + 2, 0xe033, fl, CE_USER_SP, 0xe02b };

	ce_user(e);
	ce_handler(e, X86_UD, 0);
	/* No callback: #UD at the instruction. */
	c->rip += 2;
	ck_assert(pv_cpu_ops.syscall(c));
	ck_assert_uint_eq(c->rip, CE_HANDLER + X86_UD * 16);
	ck_assert_uint_eq(env_u64(e, c->r[RSP] + 16), CE_USER_IP);
	ce_user(e);
	e->vcpu[0].s.syscall_ip = CE_HANDLER + 0x2000;
	e->vcpu[0].s.flags |= PV_SYSCALL_MASK;
	x86_set_rflags(c, fl);
	c->rip += 2;
	ck_assert(pv_cpu_ops.syscall(c));
	ck_assert_uint_eq(c->rip, CE_HANDLER + 0x2000);
	ck_assert(pv_kernel_mode(ce_vcpu(e)));
	ck_assert_uint_eq(x86_rflags(c), FL_IF | FL_FIXED1 | FL_ZF);
	ck_assert_uint_eq(xen_info_u8(ce_vcpu(e), VI_MASK), 1);
	ce_check_frame(e, want, ARRAY_SIZE(want));
	env_free(e);
}
END_TEST

START_TEST(sysenter_from_user)
{
	struct env *e = ce_new();
	struct x86 *c = x86_of(ce_vcpu(e));
	u64 want[] = { 0, 0, 0, 3, FL_IF | FL_FIXED1, 0, 0xe02b };

	ce_user(e);
	e->vcpu[0].s.sysenter_ip = CE_HANDLER + 0x3000;
	c->rip += 2;
	ck_assert(pv_cpu_ops.sysenter(c));
	ck_assert_uint_eq(c->rip, CE_HANDLER + 0x3000);
	ce_check_frame(e, want, ARRAY_SIZE(want));
	env_free(e);
}
END_TEST

/* Writes an iret frame at the kernel's rsp and issues the hypercall. */
static void iret(struct env *e, u64 flags, u64 rip, u64 cs, u64 rflags, u64 rsp, u64 ss)
{
	struct x86 *c = x86_of(ce_vcpu(e));
	u64 frame[] = { 0xaaaa, 0xbbbb, 0xcccc, flags, rip, cs, rflags, rsp, ss };
	u32 i;

	c->r[RSP] = CE_STACK - 0x200;
	for (i = 0; i < ARRAY_SIZE(frame); i++)
		env_put64(e, c->r[RSP] + i * 8, frame[i]);
	ce_call(e, 23, 0, 0, 0);
}

START_TEST(iret_to_user)
{
	struct env *e = ce_new();
	struct vcpu *v = ce_vcpu(e);
	struct x86 *c = x86_of(v);

	pv_set_base(v, SEG_GS, 0x1000);
	e->vcpu[0].s.gs_base_user = 0x2000;
	iret(e, 0, CE_USER_IP, CE_USER_CS, FL_IF | FL_CF | FL_IOPL, CE_USER_SP, CE_USER_SS);
	ck_assert(!pv_kernel_mode(v));
	ck_assert_uint_eq(c->rip, CE_USER_IP);
	ck_assert_uint_eq(c->r[RSP], CE_USER_SP);
	ck_assert_uint_eq(c->r[RAX], 0xaaaa);
	ck_assert_uint_eq(c->r[R11], 0xbbbb);
	ck_assert_uint_eq(c->r[RCX], 0xcccc);
	ck_assert_uint_eq(x86_rflags(c), FL_IF | FL_FIXED1 | FL_CF);
	ck_assert_uint_eq(c->s.seg[SEG_CS].sel, CE_USER_CS);
	ck_assert_uint_eq(c->s.seg[SEG_SS].sel, CE_USER_SS);
	ck_assert_uint_eq(c->s.seg[SEG_GS].base, 0x2000);
	ck_assert_uint_eq(e->vcpu[0].s.gs_base_kernel, 0x1000);
	ck_assert_uint_eq(xen_info_u8(v, VI_MASK), 0);
	env_free(e);
}
END_TEST

START_TEST(iret_in_kernel)
{
	struct env *e = ce_new();
	struct vcpu *v = ce_vcpu(e);

	/* IF clear masks events. */
	iret(e, 0, CE_HANDLER, 0xe030, 0, CE_STACK - 8, 0xe02b);
	ck_assert(pv_kernel_mode(v));
	ck_assert_uint_eq(x86_of(v)->rip, CE_HANDLER);
	ck_assert_uint_eq(x86_of(v)->s.seg[SEG_CS].sel, 0xe033);
	ck_assert_uint_eq(x86_rflags(x86_of(v)), FL_IF | FL_FIXED1);
	ck_assert_uint_eq(xen_info_u8(v, VI_MASK), 1);
	env_free(e);
}
END_TEST

START_TEST(iret_by_sysret)
{
	struct env *e = ce_new();
	struct x86 *c = x86_of(ce_vcpu(e));

	iret(e, 256, CE_USER_IP, CE_USER_CS, FL_IF | FL_ZF, CE_USER_SP, CE_USER_SS);
	ck_assert_uint_eq(c->r[RAX], 0xaaaa);
	ck_assert_uint_eq(c->r[RCX], CE_USER_IP);
	ck_assert_uint_eq(c->r[R11], FL_IF | FL_FIXED1 | FL_ZF);
	ck_assert_uint_eq(c->s.seg[SEG_CS].sel, 0xe033);
	ck_assert_uint_eq(c->s.seg[SEG_SS].sel, 0xe02b);
	env_free(e);
}
END_TEST

START_TEST(iret_with_a_bad_selector)
{
	struct env *e = ce_new();
	struct vcpu *v = ce_vcpu(e);
	u64 want[] = { 0xcccc, 0xbbbb, SEL_BAD, CE_USER_IP, CE_USER_CS, FL_IF | FL_FIXED1, CE_USER_SP, SEL_BAD | 3 };

	ce_handler(e, X86_GP, 0);
	iret(e, 0, CE_USER_IP, CE_USER_CS, FL_IF, CE_USER_SP, SEL_BAD);
	ck_assert(pv_kernel_mode(v));
	ck_assert_uint_eq(x86_of(v)->rip, CE_HANDLER + X86_GP * 16);
	ce_check_frame(e, want, ARRAY_SIZE(want));
	env_free(e);
}
END_TEST

START_TEST(iret_refused)
{
	struct env *e = ce_new();

	e->vcpu[0].s.user_root = 0;
	iret(e, 0, CE_USER_IP, CE_USER_CS, FL_IF, CE_USER_SP, CE_USER_SS);
	ck_assert_int_eq(e->d->end, END_CRASH);
	env_free(e);

	e = ce_new();
	x86_of(ce_vcpu(e))->r[RSP] = 0x8000;
	ce_call(e, 23, 0, 0, 0);
	ck_assert_int_eq(e->d->end, END_CRASH);
	env_free(e);
}
END_TEST

START_TEST(trap_and_iret_round_trip)
{
	struct env *e = ce_new();
	struct vcpu *v = ce_vcpu(e);
	struct x86 *c = x86_of(v);
	u64 frame[8];
	u32 i;

	ce_handler(e, X86_GP, 4);
	ce_user(e);
	c->r[RCX] = 5;
	c->r[R11] = 6;
	x86_set_rflags(c, FL_IF | FL_SF | FL_AC);
	ck_assert(ce_trap(e, X86_GP, true, 0));
	for (i = 0; i < 8; i++)
		frame[i] = env_u64(e, c->r[RSP] + i * 8);
	iret(e, 0, frame[3], frame[4], frame[5], frame[6], frame[7]);
	ck_assert(!pv_kernel_mode(v));
	ck_assert_uint_eq(c->rip, CE_USER_IP);
	ck_assert_uint_eq(c->r[RSP], CE_USER_SP);
	ck_assert_uint_eq(x86_rflags(c), FL_IF | FL_FIXED1 | FL_SF | FL_AC);
	ck_assert_uint_eq(xen_info_u8(v, VI_MASK), 0);
	env_free(e);
}
END_TEST

START_TEST(event_upcalls)
{
	struct env *e = ce_new();
	struct vcpu *v = ce_vcpu(e);
	u64 want[] = { 0, 0, CE_USER_IP, CE_USER_CS, FL_IF | FL_FIXED1, CE_USER_SP, CE_USER_SS };

	e->vcpu[0].s.event_ip = CE_HANDLER + 0x4000;
	ce_user(e);
	ck_assert(pv_cpu_ops.boundary(x86_of(v)));
	ck_assert_uint_eq(x86_of(v)->rip, CE_USER_IP);
	xen_info_set_u8(v, VI_PENDING, 1);
	xen_info_set_u8(v, VI_MASK, 1);
	ck_assert(pv_cpu_ops.boundary(x86_of(v)));
	ck_assert_uint_eq(x86_of(v)->rip, CE_USER_IP);
	xen_info_set_u8(v, VI_MASK, 0);
	ck_assert(pv_cpu_ops.boundary(x86_of(v)));
	ck_assert_uint_eq(x86_of(v)->rip, CE_HANDLER + 0x4000);
	ck_assert_uint_eq(xen_info_u8(v, VI_MASK), 1);
	ce_check_frame(e, want, ARRAY_SIZE(want));
	/* Once. */
	ck_assert(pv_cpu_ops.boundary(x86_of(v)));
	ck_assert_uint_eq(x86_of(v)->r[RSP], CE_STACK - 56);
	v->s.run = VCPU_BLOCKED;
	ck_assert(!pv_cpu_ops.boundary(x86_of(v)));
	env_free(e);
}
END_TEST

START_TEST(nmi_once_until_iret)
{
	struct env *e = ce_new();
	struct vcpu *v = ce_vcpu(e);

	e->vcpu[0].xen.s.flags |= XEN_VCPU_NMI_PENDING;
	ck_assert(pv_cpu_ops.boundary(x86_of(v)));
	ck_assert(e->vcpu[0].xen.s.flags & XEN_VCPU_NMI_PENDING);
	ce_handler(e, X86_NMI, 4);
	ck_assert(pv_cpu_ops.boundary(x86_of(v)));
	ck_assert_uint_eq(x86_of(v)->rip, CE_HANDLER + X86_NMI * 16);
	x86_of(v)->rip = 0x55;
	e->vcpu[0].xen.s.flags |= XEN_VCPU_NMI_PENDING;
	ck_assert(pv_cpu_ops.boundary(x86_of(v)));
	ck_assert_uint_eq(x86_of(v)->rip, 0x55);
	iret(e, 0, CE_HANDLER, 0xe030, FL_IF, CE_STACK - 8, 0xe02b);
	ck_assert(pv_cpu_ops.boundary(x86_of(v)));
	ck_assert_uint_eq(x86_of(v)->rip, CE_HANDLER + X86_NMI * 16);
	env_free(e);
}
END_TEST

START_TEST(failsafe_frame)
{
	struct env *e = ce_new();
	struct x86 *c = x86_of(ce_vcpu(e));
	u64 want[] = { 1, 2, 0x2b, 0x2b, 0x53, 0x63, CE_USER_IP, CE_USER_CS, FL_IF | FL_FIXED1, CE_USER_SP, CE_USER_SS };

	ce_user(e);
	e->vcpu[0].s.failsafe_ip = CE_HANDLER + 0x5000;
	c->r[RCX] = 1;
	c->r[R11] = 2;
	c->s.seg[SEG_DS].sel = c->s.seg[SEG_ES].sel = 0x2b;
	c->s.seg[SEG_FS].sel = 0x53;
	c->s.seg[SEG_GS].sel = 0x63;
	ck_assert(pv_failsafe(ce_vcpu(e)));
	ck_assert_uint_eq(c->rip, CE_HANDLER + 0x5000);
	ce_check_frame(e, want, ARRAY_SIZE(want));
	env_free(e);
}
END_TEST

START_TEST(device_not_available)
{
	struct env *e = ce_new();
	struct vcpu *v = ce_vcpu(e);

	ce_handler(e, X86_NM, 0);
	ck_assert_uint_eq(ce_call(e, 5, 1, 0, 0), 0);
	ck_assert(x86_of(v)->s.cr0 & CR0_TS);
	ck_assert(ce_trap(e, X86_NM, false, 0));
	ck_assert(!(x86_of(v)->s.cr0 & CR0_TS));
	env_free(e);
}
END_TEST

START_TEST(forced_cpuid)
{
	struct env *e = ce_new();
	struct x86 *c = x86_of(ce_vcpu(e));
	u64 at = ENV_VA(9) + 0x100;
	static const u8 code[7] = { 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2 };

	ce_handler(e, X86_UD, 0);
	ck_assert_int_eq(mem_write(&e->d->mem, at, code, sizeof code), 0);
	c->rip = at;
	c->r[RAX] = 0x40000000;
	ck_assert(ce_trap(e, X86_UD, false, 0));
	ck_assert_uint_eq(c->rip, at + 7);
	ck_assert_uint_eq(c->r[RAX], 0x40000005);
	ck_assert_uint_eq(c->r[RBX], 0x566e6558);
	/* The host's own OSXSAVE shows to kernels, and to them alone. */
	c->rip = at;
	c->r[RAX] = 1;
	ck_assert(ce_trap(e, X86_UD, false, 0));
	ck_assert(c->r[RCX] >> 27 & 1);
	pv_set_mode(ce_vcpu(e), false);
	c->rip = at;
	c->r[RAX] = 1;
	ck_assert(ce_trap(e, X86_UD, false, 0));
	ck_assert(!(c->r[RCX] >> 27 & 1));
	pv_set_mode(ce_vcpu(e), true);
	/* Any other ud2 is the guest's. */
	mem_write(&e->d->mem, at + 6, "\xa3", 1);
	c->rip = at;
	ck_assert(ce_trap(e, X86_UD, false, 0));
	ck_assert_uint_eq(c->rip, CE_HANDLER + X86_UD * 16);
	env_free(e);
}
END_TEST

Suite *traps_suite(void)
{
	Suite *s = suite_create("traps");
	TCase *t = tcase_create("frames");

	tcase_add_test(t, exception_from_kernel);
	tcase_add_test(t, exception_masks_events);
	tcase_add_test(t, page_fault_from_user);
	tcase_add_test(t, software_interrupts);
	tcase_add_test(t, nowhere_to_go);
	tcase_add_test(t, system_call_from_user);
	tcase_add_test(t, sysenter_from_user);
	tcase_add_test(t, event_upcalls);
	tcase_add_test(t, nmi_once_until_iret);
	tcase_add_test(t, failsafe_frame);
	tcase_add_test(t, device_not_available);
	tcase_add_test(t, forced_cpuid);
	suite_add_tcase(s, t);
	t = tcase_create("iret");
	tcase_add_test(t, iret_to_user);
	tcase_add_test(t, iret_in_kernel);
	tcase_add_test(t, iret_by_sysret);
	tcase_add_test(t, iret_with_a_bad_selector);
	tcase_add_test(t, iret_refused);
	tcase_add_test(t, trap_and_iret_round_trip);
	suite_add_tcase(s, t);
	return s;
}
