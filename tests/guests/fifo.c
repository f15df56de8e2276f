/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event channels of the FIFO ABI: control block, event words, order, priorities, errors (Xen public/event_channel.h).
 */
#include "tests/guests/lib.h"

#define W_PENDING 31
#define W_MASKED 30
#define W_LINKED 29
#define W_LINK 0x1ffffu

struct control {
	u32 ready, pad, head[16];
};
struct init {
	u64 gfn;
	u32 offset, vcpu;
	u8 link_bits, pad[7];
};

static struct control *cb;
static u32 *words;
static u32 order[64], norder;

static int bit(u32 port, u32 n)
{
	return READ(words[port]) >> n & 1;
}

static void drain(u32 port)
{
	u32 ready;

	WRITE(vinfo()->pending, 0);
	while ((ready = __atomic_exchange_n(&cb->ready, 0, __ATOMIC_SEQ_CST)) != 0) {
		while (ready) {
			u32 q = (u32)__builtin_ctz(ready), head = READ(cb->head[q]);

			while (head) {
				u32 w = __sync_fetch_and_and(&words[head], ~((1u << W_LINKED) | W_LINK));
				u32 next = w & W_LINK;

				if (w >> W_PENDING & 1 && !(w >> W_MASKED & 1)) {
					__sync_fetch_and_and(&words[head], ~(1u << W_PENDING));
					if (norder < ARRAY_SIZE(order))
						order[norder++] = head;
				}
				head = next;
			}
			WRITE(cb->head[q], 0);
			ready &= ready - 1;
			ready |= __atomic_exchange_n(&cb->ready, 0, __ATOMIC_SEQ_CST);
		}
	}
}

static i64 init(u64 gfn, u32 offset, u32 vcpu)
{
	struct init i = { gfn, offset, vcpu, 0, { 0 } };
	i64 r = evtchn(INIT_CONTROL, &i);

	if (!r)
		ck(i.link_bits, 17, "link bits");
	return r;
}

void guest_main(void)
{
	void *page = page_alloc();
	u32 a[4], b[4], i;
	u64 gfn, early, early2;

	words = page_alloc();
	for (i = 0; i < 1024; i++)
		words[i] = 1u << W_MASKED;
	early = (u64)alloc_unbound(DOMID_SELF, DOMID_SELF);
	early2 = (u64)bind_interdomain(DOMID_SELF, (u32)early); /* pending before the change */
	cb = (struct control *)((u8 *)page + 64);
	ck(init(mfn_of(page), 4, 0), -EINVAL, "init_control: offset not of 8");
	ck(init(mfn_of(page), 4096 - 64, 0), -EINVAL, "init_control: offset past the page");
	ck(init(mfn_of(page), 0, 99), -ENOENT, "init_control: no such vCPU");
	ck(init(~0UL >> 12, 0, 0), -EINVAL, "init_control: no such frame");
	ck(init(mfn_of(page), 64, 0), 0, "init_control");
	ck(init(mfn_of(page), 64, 0), -EINVAL, "init_control twice");
	gfn = ~0UL >> 12;
	ck(evtchn(EXPAND_ARRAY, &gfn), -EINVAL, "expand_array: no such frame");
	gfn = mfn_of(words);
	ck(evtchn(EXPAND_ARRAY, &gfn), 0, "expand_array");
	use_fifo = 1;
	port_hook = drain;
	ck(bit((u32)early2, W_PENDING), 1, "what was pending stays pending");
	events_on();
	for (i = 0; i < 4; i++) {
		a[i] = (u32)alloc_unbound(DOMID_SELF, DOMID_SELF);
		b[i] = (u32)bind_interdomain(DOMID_SELF, a[i]);
		ck(bit(b[i], W_PENDING), 1, "bind makes port %u pending", i);
		ck(bit(b[i], W_LINKED), 0, "masked: not linked %u", i);
		__sync_fetch_and_and(&words[b[i]], ~(1u << W_PENDING));
		port_unmask(b[i]);
		ck(bit(b[i], W_MASKED), 0, "unmask %u", i);
	}
	ck(norder, 0, "nothing came");
	port_send(a[2]);
	ck(norder, 1, "an event comes at once");
	ck(order[0], b[2], "of its port");
	ck(bit(b[2], W_PENDING), 0, "pending cleared");
	/* Order of one queue. */
	events_off();
	norder = 0;
	port_send(a[3]);
	port_send(a[0]);
	port_send(a[0]);
	port_send(a[2]);
	port_send(a[1]);
	ck(vinfo()->pending, 1, "upcall pending");
	ck(READ(cb->ready), 1u << 7, "ready: priority 7");
	ck(READ(cb->head[7]), b[3], "head");
	ck(READ(words[b[3]]) & W_LINK, b[0], "link to the next");
	events_on();
	ck(norder, 4, "four came");
	ck(order[0] == b[3] && order[1] == b[0] && order[2] == b[2] && order[3] == b[1], 1,
	   "in the order they were sent");
	/* Priorities. */
	ck(evtchn2(SET_PRIORITY, b[0], 15), 0, "set_priority 15");
	ck(evtchn2(SET_PRIORITY, b[2], 0), 0, "set_priority 0");
	ck(evtchn2(SET_PRIORITY, b[2], 16), -EINVAL, "set_priority 16");
	ck(evtchn2(SET_PRIORITY, 100000, 3), -EINVAL, "set_priority: no such port");
	events_off();
	norder = 0;
	port_send(a[0]);
	port_send(a[1]);
	port_send(a[2]);
	ck(READ(cb->ready), 1u | 1u << 7 | 1u << 15, "ready: three queues");
	events_on();
	ck(norder, 3, "three came");
	ck(order[0] == b[2] && order[1] == b[1] && order[2] == b[0], 1, "by priority");
	/* Masks. */
	norder = 0;
	__sync_fetch_and_or(&words[b[1]], 1u << W_MASKED);
	port_send(a[1]);
	ck(norder, 0, "masked: nothing comes");
	ck(bit(b[1], W_PENDING), 1, "masked: pending");
	ck(bit(b[1], W_LINKED), 0, "masked: not linked");
	port_unmask(b[1]);
	ck(norder, 1, "unmask delivers");
	/* Closing. */
	ck(port_close(b[1]), 0, "close");
	ck(port_send(a[1]), 0, "send to nobody");
	ck(norder, 1, "goes nowhere");
	events_off();
	norder = 0;
	port_send(a[2]);
	ck(port_close(b[2]), 0, "close a linked port");
	events_on();
	ck(norder <= 1, 1, "it may come, or not");
	/* A second page. */
	{
		u32 *more = page_alloc();
		u32 p = 0;

		for (i = 0; i < 1024; i++) {
			i64 r = alloc_unbound(DOMID_SELF, DOMID_SELF);

			if (r < 0) {
				ck2(r, -ENOSPC, -ENOSPC, "ports end at the domain's limit");
				break;
			}
			p = (u32)r;
			if (p == 1023)
				break;
		}
		gfn = mfn_of(more);
		ck(evtchn(EXPAND_ARRAY, &gfn), 0, "expand_array again");
	}
}
