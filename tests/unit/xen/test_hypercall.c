/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Serving hypercalls: registers, argument structs of both ABIs, multicall, continuation; and what a PV kernel may do. */
#include "cpu/x86/decode.h"
#include "cpu/x86/model.h"
#include "tests/suites.h"
#include "tests/unit/pv_cpu_env.h"
#include "vm/x86.h"

#define MC ENV_VA(7) /* the multicall list */
#define ERR(x) ((u64) - (i64)(x))

static void mc_entry(struct env *e, u32 i, u64 op, u64 a0, u64 a1)
{
	u64 at = MC + i * 64;

	env_put64(e, at, op);
	env_put64(e, at + 8, 0xdead);
	env_put64(e, at + 16, a0);
	env_put64(e, at + 24, a1);
}

START_TEST(registers)
{
	struct env *e = ce_new();
	struct x86 *c = x86_of(ce_vcpu(e));
	u64 rip = c->rip;
	u32 port;

	x86_set_rflags(c, FL_IF | FL_CF);
	ck_assert_uint_eq(ce_call(e, 3, 0xe02b, 0x1230, 0), 0);
	ck_assert_uint_eq(e->vcpu[0].s.kernel_sp, 0x1230);
	ck_assert_uint_eq(c->rip, rip + 2);
	ck_assert_uint_eq(c->r[RCX], rip + 2);
	ck_assert_uint_eq(c->r[R11], FL_IF | FL_FIXED1 | FL_CF);
	ck_assert_uint_eq(c->r[RDI], 0xe02b);
	ck_assert_uint_eq(c->s.seg[SEG_CS].sel, 0xe033);
	ck_assert_uint_eq(c->s.seg[SEG_SS].sel, 0xe02b);
	/* Numbers that are not there, also beyond 32 bits and the table. */
	ck_assert_uint_eq(ce_call(e, 7, 0, 0, 0), ERR(XEN_ENOSYS));
	ck_assert_uint_eq(ce_call(e, 1000, 0, 0, 0), ERR(XEN_ENOSYS));
	ck_assert_uint_eq(ce_call(e, 1ULL << 32 | 3, 0, 0, 0), ERR(XEN_ENOSYS));
	/* Written down. */
	ck_assert_uint_eq(e->vcpu[0].xen.ncalls, 4);
	ck_assert_uint_eq(e->vcpu[0].xen.calls[0].nr, 3);
	ck_assert_uint_eq(e->vcpu[0].xen.calls[0].args[1], 0x1230);
	ck_assert_int_eq(e->vcpu[0].xen.calls[1].result, -XEN_ENOSYS);
	/* What the console does is not: a panic's own words would fill the list. */
	ce_call(e, 18, 0, 0, 0);
	ck_assert_uint_eq(e->vcpu[0].xen.ncalls, 4);
	ck_assert_int_eq(evtchn_bind_host(&e->pv.xen, &port, NULL, NULL), 0);
	env_put32(e, ENV_ARGS, port);
	ck_assert_uint_eq(ce_call(e, 32, 4, ENV_ARGS, 0), 0);
	ck_assert_uint_eq(e->vcpu[0].xen.ncalls, 5);
	e->pv.xen.s.console_port = port;
	ck_assert_uint_eq(ce_call(e, 32, 4, ENV_ARGS, 0), 0);
	ck_assert_uint_eq(e->vcpu[0].xen.ncalls, 5);
	ck_assert_str_eq(xen_hypercall_name(&e->pv.xen, 13), "multicall");
	ck_assert_str_eq(xen_hypercall_name(&e->pv.xen, 7), "unknown");
	env_free(e);
}
END_TEST

struct probe {
	u8 a;
	u8 pad0;
	u16 b;
	u32 c;
	u64 d;
	u64 e;
	u64 f;
	u8 g[3];
	u8 pad1[5];
};
static const struct arg_field probe_fields[] = {
	ARG_IN(ARG_U8, struct probe, a),   ARG_IN(ARG_U16, struct probe, b),  ARG_IN(ARG_U32, struct probe, c),
	ARG_OUT(ARG_ULONG, struct probe, d), ARG_IN(ARG_LONG, struct probe, e), ARG_OUT(ARG_U64, struct probe, f),
	ARG_IN(ARG_BYTES, struct probe, g), ARG_LAST
};
static const struct arg_layout probe_layout = { "probe", sizeof(struct probe), probe_fields };

static void put_probe(struct env *e, u64 at, bool g32)
{
	u8 b[48] = { 0x11, 0xff, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77 };

	if (g32) {
		st32(b + 8, 0x89abcdef);
		st32(b + 12, 0xfffffffe);
		st64(b + 16, 0x1122334455667788ULL);
		memcpy(b + 24, "xyz", 3);
	} else {
		st64(b + 8, 0x89abcdef);
		st64(b + 16, ERR(2));
		st64(b + 24, 0x1122334455667788ULL);
		memcpy(b + 32, "xyz", 3);
	}
	ck_assert_int_eq(mem_write(&e->d->mem, at, b, sizeof b), 0);
}

static void check_probe(const struct probe *p)
{
	ck_assert_uint_eq(p->a, 0x11);
	ck_assert_uint_eq(p->b, 0x3322);
	ck_assert_uint_eq(p->c, 0x77665544);
	ck_assert_uint_eq(p->d, 0x89abcdef);
	ck_assert_uint_eq(p->e, ERR(2));
	ck_assert_uint_eq(p->f, 0x1122334455667788ULL);
	ck_assert_int_eq(memcmp(p->g, "xyz", 3), 0);
}

START_TEST(argument_structs)
{
	struct env *e = ce_new();
	struct vcpu *v = ce_vcpu(e);
	struct probe p;
	u64 at = ENV_VA(1);

	ck_assert_uint_eq(arg_guest_size(v, &probe_layout), 40);
	put_probe(e, at, false);
	ck_assert_int_eq(arg_copy_in(v, &probe_layout, &p, at), 0);
	check_probe(&p);
	memset(&p, 0xee, sizeof p);
	p.d = 1;
	p.f = 2;
	ck_assert_int_eq(arg_copy_out(v, &probe_layout, &p, at), 0);
	/* Only what goes out. */
	ck_assert_uint_eq(env_u64(e, at), 0x776655443322ff11ULL);
	ck_assert_uint_eq(env_u64(e, at + 8), 1);
	ck_assert_uint_eq(env_u64(e, at + 16), ERR(2));
	ck_assert_uint_eq(env_u64(e, at + 24), 2);

	e->pv.xen.s.is32 = 1;
	ck_assert_uint_eq(arg_guest_size(v, &probe_layout), 28);
	put_probe(e, at, true);
	ck_assert_int_eq(arg_copy_in(v, &probe_layout, &p, at), 0);
	check_probe(&p);
	p.d = 0x100000005ULL;
	p.f = 6;
	ck_assert_int_eq(arg_copy_out(v, &probe_layout, &p, at), 0);
	ck_assert_uint_eq(env_u32(e, at + 8), 5);
	ck_assert_uint_eq(env_u32(e, at + 12), 0xfffffffe);
	ck_assert_uint_eq(env_u64(e, at + 16), 6);
	e->pv.xen.s.is32 = 0;
	env_free(e);
}
END_TEST

START_TEST(copies_are_safe)
{
	struct env *e = ce_new();
	struct vcpu *v = ce_vcpu(e);
	u8 b[16] = { 0 };

	ck_assert_int_eq(xen_copy_from(v, b, PV_M2P_START, 8), -XEN_EFAULT);
	ck_assert_int_eq(xen_copy_to(v, 0xffff87fffffffff8ULL, b, 16), -XEN_EFAULT);
	ck_assert_int_eq(xen_copy_from(v, b, 0xffff7ffffffffff8ULL, 16), -XEN_EFAULT);
	ck_assert_int_eq(xen_copy_from(v, b, ~7ULL, 16), -XEN_EFAULT);
	ck_assert_int_eq(xen_copy_from(v, b, 0x1000, 16), -XEN_EFAULT);
	ck_assert_int_eq(xen_copy_from(v, b, 0x1000, 0), 0);
	ck_assert_int_eq(xen_copy_from(v, b, ENV_VA(1), 16), 0);
	ck_assert_int_eq(v->d->end, END_RUNNING);
	env_free(e);
}
END_TEST

START_TEST(multicall_results)
{
	struct env *e = ce_new();

	mc_entry(e, 0, 3, 0xe02b, 0x5550);
	mc_entry(e, 1, 63, 0, 0);
	mc_entry(e, 2, 13, MC, 1);
	mc_entry(e, 3, 25, 1, 0x4000);
	mc_entry(e, 4, 3, 0xe02b, 0x6660);
	ck_assert_uint_eq(ce_call(e, 13, MC, 4, 0), 0);
	ck_assert_uint_eq(env_u64(e, MC + 8), 0);
	ck_assert_uint_eq(env_u64(e, MC + 64 + 8), ERR(XEN_ENOSYS));
	ck_assert_uint_eq(env_u64(e, MC + 128 + 8), ERR(XEN_EINVAL));
	ck_assert_uint_eq(env_u64(e, MC + 192 + 8), 0);
	ck_assert_uint_eq(env_u64(e, MC + 256 + 8), 0xdead);
	ck_assert_uint_eq(e->vcpu[0].s.kernel_sp, 0x5550);
	ck_assert_uint_eq(e->vcpu[0].s.gs_base_user, 0x4000);
	ck_assert_uint_eq(ce_call(e, 13, 0x1000, 1, 0), ERR(XEN_EFAULT));
	ck_assert_uint_eq(ce_call(e, 13, PV_M2P_START, 1, 0), ERR(XEN_EFAULT));
	ck_assert_uint_eq(ce_call(e, 13, MC, 0, 0), 0);
	env_free(e);
}
END_TEST

START_TEST(multicall_gives_way_to_events)
{
	struct env *e = ce_new();
	struct x86 *c = x86_of(ce_vcpu(e));
	u64 rip = c->rip;

	mc_entry(e, 0, 3, 0xe02b, 0x5550);
	mc_entry(e, 1, 3, 0xe02b, 0x6660);
	xen_info_set_u8(ce_vcpu(e), VI_PENDING, 1);
	ck_assert_uint_eq(ce_call(e, 13, MC, 2, 0), 13);
	/* The SYSCALL is still to be executed, for one entry less. */
	ck_assert_uint_eq(c->rip, rip);
	ck_assert_uint_eq(c->r[RDI], MC + 64);
	ck_assert_uint_eq(c->r[RSI], 1);
	ck_assert_uint_eq(e->vcpu[0].s.kernel_sp, 0x5550);
	ck_assert_uint_eq(ce_call(e, 13, c->r[RDI], c->r[RSI], 0), 0);
	ck_assert_uint_eq(e->vcpu[0].s.kernel_sp, 0x6660);
	env_free(e);
}
END_TEST

START_TEST(multicall_stops_at_iret)
{
	struct env *e = ce_new();
	struct x86 *c = x86_of(ce_vcpu(e));
	u64 frame[] = { 0x77, 1, 2, 0, CE_USER_IP, CE_USER_CS, FL_IF, CE_USER_SP, CE_USER_SS };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(frame); i++)
		env_put64(e, c->r[RSP] + i * 8, frame[i]);
	mc_entry(e, 0, 3, 0xe02b, 0x5550);
	mc_entry(e, 1, 23, 0, 0);
	mc_entry(e, 2, 3, 0xe02b, 0x6660);
	ck_assert_uint_eq(ce_call(e, 13, MC, 3, 0), 0x77);
	ck_assert_uint_eq(c->rip, CE_USER_IP);
	ck_assert_uint_eq(e->vcpu[0].s.kernel_sp, 0x5550);
	env_free(e);
}
END_TEST

#define TABLE ENV_VA(9) /* a trap table of more than a batch: frames 9 to 13 */
#define ENTRIES 1100u

static void long_trap_table(struct env *e)
{
	u32 i;

	for (i = 0; i <= ENTRIES; i++) {
		env_put64(e, TABLE + i * 16, (i & 255) | 3 << 8 | 0x10 << 16);
		env_put64(e, TABLE + i * 16 + 8, i == ENTRIES ? 0 : CE_HANDLER + i);
	}
}

START_TEST(continuation)
{
	struct env *e = ce_new();
	struct x86 *c = x86_of(ce_vcpu(e));
	u64 rip = c->rip;
	u32 last = (ENTRIES - 1) & 255;

	long_trap_table(e);
	ck_assert_uint_eq(ce_call(e, 0, TABLE, 0, 0), 0);
	ck_assert_uint_eq(c->rip, rip);
	ck_assert_uint_eq(c->r[RDI], TABLE + HC_BATCH * 16);
	ck_assert_uint_eq(ce_call(e, 0, c->r[RDI], 0, 0), 0);
	ck_assert_uint_eq(c->rip, rip + 2);
	ck_assert_uint_eq(e->vcpu[0].s.traps[last].address, CE_HANDLER + ENTRIES - 1);
	ck_assert_uint_eq(e->vcpu[0].s.traps[last].cs, 0x13);
	ck_assert_uint_eq(e->vcpu[0].s.traps[last].flags, 3);
	/* Inside a multicall the entry carries on, and then the next. */
	rip = c->rip;
	mc_entry(e, 0, 0, TABLE, 0);
	mc_entry(e, 1, 3, 0xe02b, 0x5550);
	ck_assert_uint_eq(ce_call(e, 13, MC, 2, 0), 13);
	ck_assert_uint_eq(c->rip, rip);
	ck_assert_uint_eq(c->r[RDI], MC);
	ck_assert_uint_eq(c->r[RSI], 2);
	ck_assert_uint_eq(env_u64(e, MC + 16), TABLE + HC_BATCH * 16);
	ck_assert_uint_eq(env_u64(e, MC + 8), 0xdead);
	ck_assert_uint_eq(ce_call(e, 13, c->r[RDI], c->r[RSI], 0), 0);
	ck_assert_uint_eq(env_u64(e, MC + 8), 0);
	ck_assert_uint_eq(env_u64(e, MC + 72), 0);
	ck_assert_uint_eq(e->vcpu[0].s.kernel_sp, 0x5550);
	/* Gone with a null pointer. */
	ck_assert_uint_eq(ce_call(e, 0, 0, 0, 0), 0);
	ck_assert_uint_eq(e->vcpu[0].s.traps[last].address, 0);
	env_free(e);
}
END_TEST

static u64 callback(struct env *e, u32 cmd, u16 type, u16 flags, u64 address)
{
	env_put64(e, ENV_ARGS, type | (u64)flags << 16);
	env_put64(e, ENV_ARGS + 8, address);
	return ce_call(e, 30, cmd, ENV_ARGS, 0);
}

START_TEST(callbacks)
{
	struct env *e = ce_new();
	struct pv_vcpu_state *s = &e->vcpu[0].s;

	ck_assert_uint_eq(callback(e, 0, 0, 0, CE_HANDLER), 0);
	ck_assert_uint_eq(callback(e, 0, 1, 1, CE_HANDLER + 1), 0);
	ck_assert_uint_eq(callback(e, 0, 2, 1, CE_HANDLER + 2), 0);
	ck_assert_uint_eq(callback(e, 0, 7, 1, CE_HANDLER + 3), 0);
	ck_assert_uint_eq(callback(e, 0, 5, 1, CE_HANDLER + 4), 0);
	ck_assert_uint_eq(callback(e, 0, 4, 0, CE_HANDLER + 5), 0);
	ck_assert_uint_eq(s->event_ip, CE_HANDLER);
	ck_assert_uint_eq(s->failsafe_ip, CE_HANDLER + 1);
	ck_assert_uint_eq(s->syscall_ip, CE_HANDLER + 2);
	ck_assert_uint_eq(s->syscall32_ip, CE_HANDLER + 3);
	ck_assert_uint_eq(s->sysenter_ip, CE_HANDLER + 4);
	ck_assert_uint_eq(s->traps[X86_NMI].address, CE_HANDLER + 5);
	ck_assert_uint_eq(s->flags & (PV_FAILSAFE_MASK | PV_SYSCALL_MASK | PV_SYSCALL32_MASK | PV_SYSENTER_MASK),
			  PV_FAILSAFE_MASK | PV_SYSCALL_MASK | PV_SYSCALL32_MASK | PV_SYSENTER_MASK);
	ck_assert_uint_eq(callback(e, 0, 2, 0, CE_HANDLER), 0);
	ck_assert(!(s->flags & PV_SYSCALL_MASK));
	ck_assert_uint_eq(callback(e, 0, 0, 0, 1ULL << 63), ERR(XEN_EINVAL));
	ck_assert_uint_eq(callback(e, 0, 77, 0, CE_HANDLER), ERR(XEN_ENOSYS));
	ck_assert_uint_eq(callback(e, 1, 0, 0, 0), ERR(XEN_EINVAL));
	ck_assert_uint_eq(callback(e, 1, 4, 0, 0), 0);
	ck_assert_uint_eq(s->traps[X86_NMI].address, 0);
	ck_assert_uint_eq(callback(e, 9, 0, 0, 0), ERR(XEN_ENOSYS));
	ck_assert_uint_eq(ce_call(e, 4, CE_HANDLER + 7, CE_HANDLER + 8, CE_HANDLER + 9), 0);
	ck_assert_uint_eq(s->syscall_ip, CE_HANDLER + 9);
	env_free(e);
}
END_TEST

START_TEST(segment_bases)
{
	struct env *e = ce_new();
	struct x86 *c = x86_of(ce_vcpu(e));

	ck_assert_uint_eq(ce_call(e, 25, 0, 0x7f0000001000ULL, 0), 0);
	ck_assert_uint_eq(c->s.seg[SEG_FS].base, 0x7f0000001000ULL);
	ck_assert_uint_eq(ce_call(e, 25, 2, 0xffff888000000000ULL, 0), 0);
	ck_assert_uint_eq(c->s.seg[SEG_GS].base, 0xffff888000000000ULL);
	ck_assert_uint_eq(ce_call(e, 25, 1, 0x1234, 0), 0);
	ck_assert_uint_eq(c->s.seg[SEG_GS].base, 0xffff888000000000ULL);
	ck_assert_uint_eq(ce_call(e, 25, 1, 1ULL << 62, 0), ERR(XEN_EINVAL));
	ck_assert_uint_eq(ce_call(e, 25, 9, 0, 0), ERR(XEN_EINVAL));
	/* The user's selector leaves the kernel's base alone; a bad one becomes NULL. */
	ck_assert_uint_eq(ce_call(e, 25, 3, CE_USER_SS, 0), 0);
	ck_assert_uint_eq(c->s.seg[SEG_GS].sel, CE_USER_SS);
	ck_assert_uint_eq(c->s.seg[SEG_GS].base, 0xffff888000000000ULL);
	ck_assert_uint_eq(e->vcpu[0].s.gs_base_user, 0);
	ck_assert_uint_eq(ce_call(e, 25, 3, 0xfff8, 0), 0);
	ck_assert_uint_eq(c->s.seg[SEG_GS].sel, 0);
	ck_assert_uint_eq(c->s.seg[SEG_GS].base, 0xffff888000000000ULL);
	env_free(e);
}
END_TEST

static int priv(struct env *e, enum x86_priv what, u32 reg, u64 *val)
{
	return pv_cpu_ops.priv(x86_of(ce_vcpu(e)), what, reg, val);
}

START_TEST(msrs)
{
	struct env *e = ce_new();
	u64 val = 0xffff888000002000ULL;

	ck_assert_int_eq(priv(e, PRIV_WRMSR, 0xc0000101, &val), -1);
	ck_assert_uint_eq(x86_of(ce_vcpu(e))->s.seg[SEG_GS].base, val);
	val = 1ULL << 62;
	ck_assert_int_eq(priv(e, PRIV_WRMSR, 0xc0000100, &val), X86_GP);
	ck_assert_int_eq(priv(e, PRIV_RDMSR, 0xc0000080, &val), -1);
	ck_assert_uint_eq(val, 0xd01);
	ck_assert_int_eq(priv(e, PRIV_WRMSR, 0xc0000080, &val), -1);
	val ^= 1;
	ck_assert_int_eq(priv(e, PRIV_WRMSR, 0xc0000080, &val), X86_GP);
	ck_assert_int_eq(priv(e, PRIV_RDMSR, 0x277, &val), -1);
	ck_assert_uint_eq(val, 0x050100070406ULL);
	ck_assert_int_eq(priv(e, PRIV_RDMSR, 0x12345, &val), X86_GP);
	ck_assert_int_eq(priv(e, PRIV_WRMSR, 0x12345, &val), X86_GP);
	/* The hypercall page goes to a frame of the guest's only. */
	val = ENV_VA(10);
	ck_assert_int_eq(priv(e, PRIV_WRMSR, 0x40000000, &val), -1);
	ck_assert_uint_ne(env_u64(e, ENV_VA(10) + 32), 0);
	val = 0x1000;
	ck_assert_int_eq(priv(e, PRIV_WRMSR, 0x40000000, &val), X86_GP);
	ce_user(e);
	ck_assert_int_eq(priv(e, PRIV_RDMSR, 0x277, &val), X86_GP);
	env_free(e);
}
END_TEST

START_TEST(control_and_debug_registers)
{
	struct env *e = ce_new();
	struct x86 *c = x86_of(ce_vcpu(e));
	u64 val, cr0;

	ck_assert_int_eq(priv(e, PRIV_MOV_FROM_CR, 0, &cr0), -1);
	val = cr0 | CR0_TS;
	ck_assert_int_eq(priv(e, PRIV_MOV_TO_CR, 0, &val), -1);
	ck_assert(c->s.cr0 & CR0_TS);
	ck_assert_int_eq(priv(e, PRIV_CLTS, 0, NULL), -1);
	ck_assert(!(c->s.cr0 & CR0_TS));
	val = cr0 ^ CR0_MP;
	ck_assert_int_eq(priv(e, PRIV_MOV_TO_CR, 0, &val), X86_GP);
	ck_assert_int_eq(priv(e, PRIV_MOV_FROM_CR, 3, &val), -1);
	ck_assert_uint_eq(val, ENV_VA(5));
	val = 0x123000;
	ck_assert_int_eq(priv(e, PRIV_MOV_TO_CR, 3, &val), X86_GP);
	/* CR4: its own bits, and the host's that it may see. */
	val = CR4_TSD | CR4_PGE | CR4_SMEP | CR4_OSXSAVE;
	ck_assert_int_eq(priv(e, PRIV_MOV_TO_CR, 4, &val), -1);
	ck_assert_int_eq(priv(e, PRIV_MOV_FROM_CR, 4, &val), -1);
	ck_assert_uint_eq(val, CR4_TSD | CR4_OSXSAVE | CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT);
	val = 0xabc;
	ck_assert_int_eq(priv(e, PRIV_MOV_TO_CR, 2, &val), -1);
	ck_assert_uint_eq(xen_info_u64(ce_vcpu(e), VI_CR2), 0xabc);
	ck_assert_int_eq(priv(e, PRIV_MOV_FROM_CR, 8, &val), X86_GP);

	ck_assert_uint_eq(ce_call(e, 8, 0, 0x1000, 0), 0);
	ck_assert_uint_eq(ce_call(e, 9, 0, 0, 0), 0x1000);
	ck_assert_uint_eq(ce_call(e, 8, 1, PV_M2P_START, 0), ERR(XEN_EPERM));
	ck_assert_uint_eq(ce_call(e, 8, 7, 0x2000, 0), ERR(XEN_EPERM));
	ck_assert_uint_eq(ce_call(e, 8, 7, 1, 0), 0);
	ck_assert_uint_eq(ce_call(e, 9, 7, 0, 0), 0x401);
	ck_assert_uint_eq(ce_call(e, 8, 8, 0, 0), ERR(XEN_ENODEV));
	ck_assert_uint_eq(ce_call(e, 9, 8, 0, 0), ERR(XEN_ENODEV));
	val = 1;
	ck_assert_int_eq(priv(e, PRIV_XSETBV, 0, &val), -1);
	/* AVX needs the feature. */
	val = 7;
	ck_assert_int_eq(priv(e, PRIV_XSETBV, 0, &val), -1);
	for (u32 n = 0; n < e->d->nvcpus; n++)
		x86_features_parse("x86-64-v2,+xsave", &x86_of(e->d->vcpus[n])->features, NULL);
	ck_assert_int_eq(priv(e, PRIV_XSETBV, 0, &val), X86_GP);
	val = 2;
	ck_assert_int_eq(priv(e, PRIV_XSETBV, 0, &val), X86_GP);
	env_free(e);
}
END_TEST

START_TEST(ports)
{
	struct env *e = ce_new();
	struct vcpu *v = ce_vcpu(e);
	u64 val = 4, out = 1ULL << 32;

	ck_assert_int_eq(priv(e, PRIV_IN, 0x60, &val), X86_GP);
	ck_assert_int_eq(priv(e, PRIV_CLI, 0, NULL), X86_GP);
	e->vcpu[0].s.iopl = 1;
	ck_assert_int_eq(priv(e, PRIV_IN, 0x60, &val), -1);
	ck_assert_uint_eq(val, 0xffffffff);
	ck_assert_int_eq(priv(e, PRIV_OUT, 0x80, &out), -1);
	ck_assert_int_eq(priv(e, PRIV_STI, 0, NULL), -1);
	ck_assert_int_eq(priv(e, PRIV_HLT, 0, NULL), X86_GP);
	/* Two latches; a wide access may take in the first one. */
	out = 0x1234 | 2ULL << 32;
	ck_assert_int_eq(priv(e, PRIV_OUT, 0x6f, &out), -1);
	val = 4;
	ck_assert_int_eq(priv(e, PRIV_IN, 0x6e, &val), -1);
	ck_assert_uint_eq(val, 0xff12ffff);
	out = 0x89abcdef | 4ULL << 32;
	ck_assert_int_eq(priv(e, PRIV_OUT, 0xcf8, &out), -1);
	val = 4;
	ck_assert_int_eq(priv(e, PRIV_IN, 0xcf8, &val), -1);
	ck_assert_uint_eq(val, 0x89abcdef);
	val = 2;
	ck_assert_int_eq(priv(e, PRIV_IN, 0xcf8, &val), -1);
	ck_assert_uint_eq(val, 0xffff);
	ce_user(e);
	val = 1;
	ck_assert_int_eq(priv(e, PRIV_IN, 0x60, &val), X86_GP);
	/* The bitmap, read with the kernel's tables. */
	env_put64(e, ENV_VA(10), 0);
	e->vcpu[0].s.iobmp = ENV_VA(10);
	e->vcpu[0].s.iobmp_ports = 64;
	val = 1;
	ck_assert_int_eq(priv(e, PRIV_IN, 0x3f, &val), -1);
	ck_assert_uint_eq(val, 0xff);
	ck_assert_uint_eq(x86_of(v)->mmu.root, ENV_VA(6));
	val = 2;
	ck_assert_int_eq(priv(e, PRIV_IN, 0x3f, &val), X86_GP);
	ck_assert(pv_port_ok(x86_of(v), 0x3e, 2));
	ck_assert(!pv_port_ok(x86_of(v), 0x40, 1));
	ck_assert(!pv_port_ok(x86_of(v), 0xffff, 4));
	env_free(e);
}
END_TEST

/* Features that a processor has not cannot be chosen in CR4. */
START_TEST(cr4_by_features)
{
	struct env *e = ce_new();
	struct x86 *c = x86_of(ce_vcpu(e));
	const u64 all = CR4_TSD | CR4_DE | CR4_FSGSBASE | CR4_OSXSAVE, seen = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	u64 val = all;
	u32 o[4];

	ck_assert_int_eq(priv(e, PRIV_MOV_TO_CR, 4, &val), -1);
	ck_assert_int_eq(priv(e, PRIV_MOV_FROM_CR, 4, &val), -1);
	ck_assert_uint_eq(val, all | seen);
	ck_assert_int_eq(x86_features_parse("x86-64-v2,-de,-fsgsbase,-xsave", &c->features, NULL), 0);
	c->features = pv_features(c->features);
	val = all;
	ck_assert_int_eq(priv(e, PRIV_MOV_TO_CR, 4, &val), -1);
	ck_assert_int_eq(priv(e, PRIV_MOV_FROM_CR, 4, &val), -1);
	ck_assert_uint_eq(val, CR4_TSD | seen);
	ck_assert_uint_eq(c->s.cr4 & all, CR4_TSD);
	pv_cpuid(c, 1, 0, o);
	ck_assert_uint_eq(o[2] >> 26 & 3, 0);
	c->features &= ~(u64)BIT(F_TSC);
	val = CR4_TSD;
	ck_assert_int_eq(priv(e, PRIV_MOV_TO_CR, 4, &val), -1);
	ck_assert_uint_eq(c->s.cr4 & CR4_TSD, 0);
	env_free(e);
}
END_TEST

START_TEST(cpuid_filter)
{
	struct env *e = ce_new();
	struct x86 *c = x86_of(e->d->vcpus[1]);
	u32 o[4];

	ck_assert_int_eq(x86_features_parse("x86-64-v2,+xsave,+fsgsbase,+rdtscp,+smap,+pcid", &c->features, NULL), 0);
	c->features = pv_features(c->features);
	pv_cpuid(c, 1, 0, o);
	/* VME PSE PGE MTRR PSE36; MONITOR VMX PCID x2APIC TSC_DEADLINE AVX */
	ck_assert_uint_eq(o[3] & (1u << 1 | 1u << 3 | 1u << 13 | 1u << 12 | 1u << 17), 0);
	ck_assert_uint_eq(o[2] & (1u << 3 | 1u << 5 | 1u << 17 | 1u << 21 | 1u << 24 | 1u << 28), 0);
	/* What x86-64-v2 asks for. */
	ck_assert_uint_eq(o[2] & 0x982201, 0x982201);
	ck_assert_uint_eq(o[1] >> 24, 2);
	ck_assert_uint_eq(o[2] >> 31, 1);
	ck_assert(!(o[2] >> 27 & 1));
	/* The host's own is not shown, the guest's is. */
	c->s.cr4 |= CR4_OSXSAVE;
	pv_cpuid(c, 1, 0, o);
	ck_assert(!(o[2] >> 27 & 1));
	e->vcpu[1].s.ctrlreg[4] |= CR4_OSXSAVE;
	pv_cpuid(c, 1, 0, o);
	ck_assert(o[2] >> 27 & 1);
	pv_cpuid(c, 7, 0, o);
	ck_assert_uint_eq(o[1] & (1u << 7 | 1u << 20 | 1u << 10 | 1u << 5), 0);
	ck_assert(o[1] & 1);
	pv_cpuid(c, 0xd, 0, o);
	ck_assert_uint_eq(o[0], 3);
	ck_assert_uint_eq(o[1], 576);
	pv_cpuid(c, 0x80000001, 0, o);
	ck_assert_uint_eq(o[3], 1u << 11 | 1u << 20 | 1u << 27 | 1u << 29);
	/* More features, where they are asked for. */
	ck_assert_int_eq(x86_features_parse("max", &c->features, NULL), 0);
	c->features = pv_features(c->features);
	pv_cpuid(c, 1, 0, o);
	ck_assert_uint_eq(o[2] & (1u << 12 | 1u << 22 | 1u << 28 | 1u << 29), 1u << 12 | 1u << 22 | 1u << 28 | 1u << 29);
	ck_assert_uint_eq(o[2] & (1u << 3 | 1u << 5 | 1u << 17), 0);
	pv_cpuid(c, 7, 0, o);
	ck_assert_uint_eq(o[1] & (1u << 3 | 1u << 5 | 1u << 8), 1u << 3 | 1u << 5 | 1u << 8);
	pv_cpuid(c, 0xd, 0, o);
	ck_assert_uint_eq(o[0], 7);
	ck_assert_uint_eq(o[2], 832);
	pv_cpuid(c, 0xd, 2, o);
	ck_assert_uint_eq(o[0], 256);
	ck_assert_uint_eq(o[1], 576);
	pv_cpuid(c, 0x40000000, 0, o);
	ck_assert_uint_eq(o[1], 0x566e6558);
	ck_assert_uint_eq(o[2], 0x65584d4d);
	ck_assert_uint_eq(o[3], 0x4d4d566e);
	pv_cpuid(c, 0x40000001, 0, o);
	ck_assert_uint_eq(o[0], 0x40011);
	pv_cpuid(c, 0x40000006, 0, o);
	ck_assert_uint_eq(o[0] | o[1] | o[2] | o[3], 0);
	pv_cpuid(c, 0x7fffffff, 0, o);
	ck_assert_uint_eq(o[0] | o[1] | o[2] | o[3], 0);
	env_free(e);
}
END_TEST

START_TEST(state_tables)
{
	ck_assert(state_check(&pv_vcpu_state_desc));
	ck_assert(state_check(&pv_domain_state_desc));
}
END_TEST

/* A slot ends when what was done in it has cost much, whether or not a call was continued. */
START_TEST(slot_work)
{
	struct env *e = ce_new();
	struct x86 *c = x86_of(ce_vcpu(e));
	u32 n;

	c->cpu.stop = false;
	e->pv.xen.slot_work = 0;
	for (n = 0; !c->cpu.stop; n++) {
		xen_work_begin(ce_vcpu(e));
		ck_assert_uint_eq(e->pv.xen.work, 0);
		e->pv.xen.work = SLOT_WORK / 4;
		xen_work_end(ce_vcpu(e));
	}
	ck_assert_uint_eq(n, 4);
	/* A hypercall counts from 0, too. */
	c->cpu.stop = false;
	e->pv.xen.slot_work = 0;
	ce_call(e, 17, 0, 0, 0);
	ck_assert(!c->cpu.stop);
	ck_assert_uint_lt(e->pv.xen.work, SLOT_WORK / 4);
	e->pv.xen.slot_work = SLOT_WORK;
	ce_call(e, 17, 0, 0, 0);
	ck_assert(c->cpu.stop);
	env_free(e);
}
END_TEST

Suite *hypercall_suite(void)
{
	Suite *s = suite_create("hypercall");
	TCase *t = tcase_create("calls");

	tcase_add_test(t, registers);
	tcase_add_test(t, slot_work);
	tcase_add_test(t, argument_structs);
	tcase_add_test(t, copies_are_safe);
	tcase_add_test(t, multicall_results);
	tcase_add_test(t, multicall_gives_way_to_events);
	tcase_add_test(t, multicall_stops_at_iret);
	tcase_add_test(t, continuation);
	tcase_add_test(t, callbacks);
	tcase_add_test(t, segment_bases);
	tcase_add_test(t, state_tables);
	suite_add_tcase(s, t);
	t = tcase_create("privileged");
	tcase_add_test(t, msrs);
	tcase_add_test(t, control_and_debug_registers);
	tcase_add_test(t, ports);
	tcase_add_test(t, cr4_by_features);
	tcase_add_test(t, cpuid_filter);
	suite_add_tcase(s, t);
	return s;
}
