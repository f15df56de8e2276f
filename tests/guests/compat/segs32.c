/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segments of a 32-bit guest: what may stand in its GDT and LDT, limits, types and levels as the processor checks them
 * (SDM 3A 3.4.5, 5.3; Xen public/arch-x86/xen-x86_32.h).
 */
#include "tests/guests/compat/lib.h"

#define D_CODE 0x9b /* present, ring 0 */
#define D_DATA 0x93
#define D_DOWN 0x97 /* expand-down */
#define D_RDATA 0x91

static u64 desc(u32 base, u32 limit, u32 type, u32 flags)
{
	return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)type << 40 | (u64)(limit >> 16 & 15) << 48 |
	       (u64)flags << 52 | (u64)(base >> 24) << 56;
}

static u64 gdt[512] __attribute__((aligned(4096)));
static u64 ldt[512] __attribute__((aligned(4096)));
static u8 area[2 * PAGE] __attribute__((aligned(4096)));

ASMFN(fs_read, "mov 4(%esp),%eax; mov 8(%esp),%ecx; mov %eax,%fs; movl %fs:(%ecx),%eax");
ASMFN(fs_read8, "mov 4(%esp),%eax; mov 8(%esp),%ecx; mov %eax,%fs; movzbl %fs:(%ecx),%eax");
ASMFN(fs_write, "mov 4(%esp),%eax; mov 8(%esp),%ecx; mov %eax,%fs; movl $0x5a5a,%fs:(%ecx); xor %eax,%eax");
ASMFN(ss_load, "mov 4(%esp),%eax; mov %ss,%ecx; mov %eax,%ss; mov %ecx,%ss; xor %eax,%eax");
ASMFN(ds_run, "mov 4(%esp),%eax; mov 8(%esp),%ecx; mov %ds,%edx; mov %eax,%ds; movl (%ecx),%eax; mov %edx,%ds");
ASMFN(far_to, "push 4(%esp); push 12(%esp); lret");
ASMFN(do_nothing, "nop");
ASMFN(lar, "mov 4(%esp),%ecx; xor %eax,%eax; lar %ecx,%eax");
ASMFN(lsl, "mov 4(%esp),%ecx; xor %eax,%eax; lsl %ecx,%eax");
/* Code at an offset in a segment with a base; it comes back by a far return. */
LABEL(based_code);
LABEL(based_end);
__asm__(".text\nbased_code: mov $0x77,%eax; lret\nbased_end:");
ASMFN(far_call, "mov 4(%esp),%eax; mov 8(%esp),%ecx; push %eax; push %ecx; lcall *(%esp); add $8,%esp");

LABEL(gate_entry);
LABEL(gate_plain);
__asm__(".text\ngate_entry: mov %cs,%eax; mov 8(%esp),%ebx; mov 12(%esp),%ecx; mov 16(%esp),%edx; mov %esp,%edi; lret $4\n"
	"gate_plain: mov 4(%esp),%eax; lret");
LABEL(user_gate_back);
USERFN(user_gate, "mov %esp,%esi; push $0x5678; lcall $323,$0\nuser_gate_back: ud2");
USERFN(user_gate1, "lcall $331,$0");
USERFN(user_jump, "ljmp $323,$0");
ASMFN(gate_call, "mov 4(%esp),%eax; push %eax; push $0; lcall *(%esp); add $8,%esp");

static u32 sel(u32 i)
{
	return i * 8 + 1;
}

static i32 put(u32 i, u64 d)
{
	u64 at = entry_maddr(&gdt[i]);

	return hc4(update_descriptor, at, at >> 32, d, d >> 32);
}

static void what_may_stand(void)
{
	u32 frame = mfn_of(gdt);

	gdt[2] = desc(0, 0xfff, D_DATA, 4);
	ck(hc2(set_gdt, &frame, 512), -EINVAL, "a GDT that is mapped writable");
	gdt[3] = desc(0, 0xfffff, 0x89, 0);
	page_ro(gdt);
	ck(hc2(set_gdt, &frame, 512), -EINVAL, "a GDT with a task state segment");
	page_rw(gdt);
	gdt[3] = desc(0, 0xfffff, D_CODE, 0xa);
	page_ro(gdt);
	ck(hc2(set_gdt, &frame, 512), -EINVAL, "a GDT with a 64-bit code segment");
	page_rw(gdt);
	gdt[3] = 0;
	gdt[4] = desc(0, 0xf6000 - 1, D_DATA, 0xc);
	gdt[5] = desc(0, 0xf5800 - 1, D_DATA, 0xc);
	gdt[6] = desc(0x1000, 0xf6000 - 1, D_DATA, 0xc);
	gdt[7] = desc(0, 0, 0x13, 0xc);
	page_ro(gdt);
	ck(hc2(set_gdt, &frame, 512), 0, "a GDT");
	ck(gdt[2] >> 45 & 3, 1, "DPL 0 has become 1");
	ck(gdt[4] & 0xffff, 0xffff, "a limit over the M2P becomes 4 GiB");
	ck(gdt[4] >> 48 & 15, 0xf, "... whole");
	ck(gdt[5] >> 48 & 15, 0xf, "a limit below it stays");
	ck(gdt[5] & 0xffff, 0x57ff, "... whole");
	ck(gdt[6] & 0xffff, 0x5fff, "a segment with a base too");
	ck(gdt[7] >> 45 & 3, 0, "what is not present is not touched");
	ck(put(10, desc(0, 0xfff, D_DATA | 3 << 5, 4)), 0, "update_descriptor");
	ck(gdt[10] >> 45 & 3, 3, "... keeps DPL 3");
	ck(put(10, desc(0, 0xfff, 0x8b, 0)), -EINVAL, "... no task state segment");
	ck(put(10, desc(0, 0xfff, 0x82, 0)), -EINVAL, "... no LDT");
	ck(put(10, desc(0, 0xfff, 0x85, 0)), -EINVAL, "... no task gate");
	ck(put(10, desc(0, 0xfff, 0x8e, 0)), -EINVAL, "... no interrupt gate");
	ck(put(10, (u64)KERNEL_CS << 16 | 0x8c00ULL << 32), 0, "... a call gate");
	ck(gdt[10] >> 45 & 3, 0, "... whose DPL is 0");
	ck(gdt[10] >> 16 & 0xffff, KERNEL_CS, "... and kept in its selector");
	ck(TRY(fs_read, sel(10), 0), TRAPPED(13), "... it is no data segment");
	ck(hc2(set_gdt, &frame, 14 * 512 + 1), -EINVAL, "more than 14 frames");
	ck(TRY(poke32, gdt, 0), TRAPPED(14), "a GDT cannot be written");
	ck(va_set(A_(gdt), pte(gdt, P_RWX_), 2), -EBUSY, "... nor mapped so");
}

static void limits(void)
{
	u32 *w = (u32 *)area;

	w[0] = 0x1111;
	w[1023] = 0x2222;
	put(20, desc(A_(area), 0xfff, D_DATA, 4));
	ck(TRY(fs_read, sel(20), 0), 0x1111, "a read in a segment");
	ck(TRY(fs_read, sel(20), 0xffc), 0x2222, "... up to its limit");
	ck(TRY(fs_read, sel(20), 0xffd), TRAPPED(13), "... and past it");
	ck(last.error, 0, "... error code");
	ck(TRY(fs_read8, sel(20), 0xfff), 0, "... its last byte");
	ck(TRY(fs_write, sel(20), 0x1000), TRAPPED(13), "a write past the limit");
	ck(TRY(fs_write, sel(20), 0x10), 0, "a write in the segment");
	ck(w[4], 0x5a5a, "... is there");
	put(21, desc(A_(area), 0xfff, D_RDATA, 4));
	ck(TRY(fs_write, sel(21), 0), TRAPPED(13), "a write to a read-only segment");
	ck(TRY(fs_read, sel(21), 0), 0x1111, "... a read");
	put(22, desc(A_(area), 0xffe, D_DOWN, 4));
	ck(TRY(fs_read, sel(22), 0), TRAPPED(13), "a read below an expand-down segment");
	ck(TRY(fs_read, sel(22), 0x1000), 0, "... in it");
	put(23, desc(A_(area), 0, D_DATA, 0xc));
	ck(TRY(fs_read, sel(23), 0xffc), 0x2222, "a limit in pages");
	ck(TRY(fs_read, sel(23), 0x1000), TRAPPED(13), "... past it");
	put(24, desc(A_(area), 0xfff, (D_DATA & ~0x80) | 1 << 5, 4));
	ck(TRY(fs_read, sel(24), 0), TRAPPED(11), "a segment that is not present");
	ck(last.error, 24 * 8, "... error code");
	ck(TRY(fs_read, 100 * 8 + 1, 0), TRAPPED(13), "a descriptor of zeros");
	ck(last.error, 100 * 8, "... error code");
	ck(TRY(fs_read, 0x5001, 0), TRAPPED(13), "a selector behind the GDT");
	ck(last.error, 0x5000, "... error code");
	ck(TRY(fs_read, 0, 0), TRAPPED(13), "a read by NULL");
	ck(TRY(ss_load, sel(20), 0), 0, "SS may be of ring 1");
	ck(TRY(ss_load, 20 * 8, 0), TRAPPED(13), "... not with RPL 0");
	ck(last.error, 20 * 8, "... error code");
	ck(TRY(ss_load, USER_SS, 0), TRAPPED(13), "... nor of ring 3");
	ck(TRY(ss_load, 0, 0), TRAPPED(13), "... nor NULL");
	ck(TRY(ss_load, sel(24), 0), TRAPPED(12), "... nor absent");
	ck(TRY(ds_run, sel(20), 0xffc), 0x2222, "DS with a base");
	ck(lar(sel(20), 0) >> 8 & 0xff, 0xb3, "LAR");
	ck(lsl(sel(23), 0), 0xfff, "LSL");
	ck(lsl(0xe008, 0), 0, "LSL of the host's own");
}

static void code(void)
{
	u8 *p = area + PAGE;

	memcpy(p, based_code, A_(based_end) - A_(based_code));
	put(30, desc(A_(p), 0xfff, D_CODE, 4));
	ck(TRY(far_call, sel(30), 0), 0x77, "a far call to a segment with a base");
	p[0x10] = 0x0f;
	p[0x11] = 0x0b;
	ck(TRY(far_call, sel(30), 0x10), TRAPPED(6), "... and a trap in it");
	ck(last.eip, 0x10, "... whose eip is an offset");
	ck(last.cs & 0xffff, sel(30), "... cs");
	ck(TRY(far_call, sel(30), 0x1000), TRAPPED(13), "a far call past its limit");
	memset(p + 0xff0, 0x90, 16);
	ck(TRY(far_call, sel(30), 0xff0), TRAPPED(13), "code that runs past its limit");
	ck(last.eip, 0x1000, "... eip");
	ck(TRY(far_to, 0xe009, do_nothing), TRAPPED(13), "RETF to ring 0");
}

static u64 call_gate(u32 code, const void *to, u32 dpl, u32 count)
{
	return (A_(to) & 0xffff) | (u64)code << 16 | (u64)(0x8c00 | dpl << 13 | count) << 32 | (u64)(A_(to) >> 16) << 48;
}

static void gates(void)
{
	put(40, call_gate(KERNEL_CS, gate_entry, 3, 1));
	put(41, call_gate(KERNEL_CS, gate_entry, 1, 0));
	put(42, call_gate(KERNEL_CS, gate_plain, 1, 0));
	put(43, call_gate(KERNEL_CS, gate_plain, 1, 0) & ~(0x8000ULL << 32));
	put(44, call_gate(sel(100), gate_plain, 1, 0));
	ck(TRY(gate_call, sel(42), 0), KERNEL_CS, "a call gate from ring 1 to ring 1");
	ck(TRY(gate_call, sel(43), 0), TRAPPED(11), "... that is not present");
	ck(last.error, 43 * 8, "... error code");
	ck(TRY(gate_call, sel(44), 0), TRAPPED(13), "... to no segment");
	ck(last.error, 100 * 8, "... error code");
	ck(TRY(gate_call, 42 * 8 + 3, 0), TRAPPED(13), "... with an RPL above its DPL");
	ck(last.error, 42 * 8, "... error code");
	ck(user_run(user_gate, 2), 6, "a call gate from ring 3 to ring 1");
	ck(last.eip, A_(user_gate_back), "... comes back");
	ck(last.eax, KERNEL_CS, "... from ring 1");
	ck(last.ebx, 0x5678, "... where its parameter was");
	ck(last.ecx, last.esi - 4, "... and the outer stack");
	ck(last.edx, USER_SS, "... with its selector");
	ck(last.edi, A_(stacks[1]) - 20, "... on the stack of stack_switch");
	ck(last.esp, last.esi, "... and both stacks are as they were");
	ck(user_run(user_gate1, 2), 13, "a gate of DPL 1 from ring 3");
	ck(last.error, 41 * 8, "... error code");
	ck(user_run(user_jump, 2), 13, "a jump to an inner ring");
	ck(last.error, KERNEL_CS & ~3u, "... error code");
}

static void ldt_rules(void)
{
	u32 *w = (u32 *)area;

	w[0] = 0x3333;
	ldt[1] = desc(A_(area), 0xfff, D_DATA, 4);
	ck(ext(SET_LDT, A_(ldt) + 8, 8), -EINVAL, "an LDT that is not aligned");
	ck(ext(SET_LDT, A_(ldt), 8), 0, "SET_LDT");
	ck(TRY(fs_read, 8 + 4 + 1, 0), TRAPPED(13), "an LDT that is mapped writable");
	page_ro(ldt);
	ck(TRY(fs_read, 8 + 4 + 1, 0), 0x3333, "a selector of the LDT");
	ck(ldt[1] >> 45 & 3, 1, "... DPL 0 has become 1");
	ck(TRY(fs_read, 8 * 8 + 4 + 1, 0), TRAPPED(13), "one past its end");
	ck(ext(SET_LDT, 0, 0), 0, "no LDT");
	ck(TRY(fs_read, 8 + 4 + 1, 0), TRAPPED(13), "... then none of its selectors");
	ck(last.error, 12, "... error code");
}

void guest_main(void)
{
	what_may_stand();
	limits();
	code();
	gates();
	ldt_rules();
}
