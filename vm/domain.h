/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hosts, domains and vCPUs. A host has the frame pool, the code cache, the poll set and the log of one execution
 * thread, and a list of domains. A domain has its memory, its virtual time and its input queue (the door). What kind of
 * machine it is (a Xen PV guest, a bare processor) is said by enum domain_kind, and struct domain_ops calls its code.
 */
#ifndef VM_DOMAIN_H
#define VM_DOMAIN_H

#include "base/log.h"
#include "base/poll.h"
#include "base/state.h"
#include "cpu/cpu.h"
#include "mmu/frames.h"
#include "vm/input.h"
#include "vm/timeline.h"

#define MAX_VCPUS 64

struct domain;

enum vcpu_run { VCPU_OFFLINE, VCPU_RUNNABLE, VCPU_BLOCKED };

/* Scheduling state of a vCPU that the guest can observe. */
struct vcpu_state {
	u8 run; /* enum vcpu_run */
	u8 pad[7];
	u64 retired; /* instructions */
};
extern const struct state_desc vcpu_state_desc;

struct vcpu {
	struct cpu *cpu;
	struct domain *d;
	u32 id;
	struct vcpu_state s;
	void *machine; /* e.g. struct pv_vcpu */
};

/* Why a domain ended. The first five are Xen's SHUTDOWN_* codes (public/sched.h). */
enum domain_end {
	END_POWEROFF = 0,
	END_REBOOT = 1,
	END_SUSPEND = 2,
	END_CRASH = 3,
	END_WATCHDOG = 4,
	END_SOFT_RESET = 5,
	END_RUNNING = 100, /* not ended */
	END_HALTED,        /* all vCPUs are down or wait for nothing that can come */
	END_TIMEOUT,
	END_MIGRATED,      /* it goes on in another process */
	END_LOST,          /* the host lost some of its memory: see the sentence in crash */
	END_KILLED         /* by a signal or a command */
};

/* What machine a domain is. */
enum domain_kind {
	DOMAIN_NONE, /* none yet */
	DOMAIN_BARE, /* a processor and memory: hw/bare.c */
	DOMAIN_PV    /* a paravirtual Xen guest: pv/domain.c */
};

struct domain_ops {
	/* A vCPU is about to run, and has just run. */
	void (*enter)(struct vcpu *v);
	void (*leave)(struct vcpu *v);
	/* The machine's lines for a crash report, after what is common to all processors of the one that crashed. */
	void (*report)(struct domain *d, FILE *out);
	void (*destroy)(struct domain *d);
};

#define CRASH_REASON 256

/* How far the domain is in its current round of slots. */
struct domain_state {
	u64 round;   /* a bit for each vCPU that still has a slot in this round */
	u64 retired; /* instructions of all vCPUs up to the last slot's end */
};
extern const struct state_desc domain_state_desc;
extern const struct state_desc domain_outside_desc;

struct domain {
	struct host *host;
	struct domain *next;
	char name[64];
	u32 id; /* Xen's domid */
	struct mem mem;
	struct timeline time;
	struct door door;
	struct state_list states;
	struct vcpu *vcpus[MAX_VCPUS];
	u32 nvcpus;
	enum domain_end end;
	struct domain_state s;
	struct vcpu *running;  /* the vCPU that runs its slot now, or NULL */
	u64 slot_start_icount; /* its count when the slot began */
	char crash[CRASH_REASON]; /* the reason, when end is END_CRASH */
	struct vcpu *crash_vcpu;
	/* Set by domain_become(). machine is what the kind says, e.g. a struct pv_domain: only that kind's code may take it. */
	enum domain_kind kind;
	const struct domain_ops *ops;
	void *machine;
	bool (*live)(struct domain *d); /* whether input may still come from outside; NULL: no */
	void *live_opaque;
	/*
	 * Management. While paused or suspended is set, no vCPU runs and virtual time stands still. Of these suspended alone is
	 * saved, and like end and crash it is in no hash: no guest sees it.
	 */
	bool paused;        /* stopped from outside (the monitor's stop) */
	bool suspended;     /* the guest suspended itself; whoever resumes it clears this */
	bool keep_suspended; /* a manager is there that can resume it; without one a suspend is cancelled at once */
	bool asleep;        /* used by host_run() alone: no vCPU could run when the host began to wait */
	/*
	 * Used by the scheduler alone, host ns. Short waits are skipped at first and slept later, many at once: so much
	 * is yet to be slept.
	 */
	u64 unslept;
	u64 awake_host, awake_now; /* host time and virtual time when the domain last had something to run */
};

INLINE bool domain_stopped(const struct domain *d)
{
	return d->paused || d->suspended;
}

struct host {
	struct frame_pool frames;
	const struct cpu_arch *arch; /* of all its processors */
	struct code_cache *code;
	struct poll_set *poll;
	struct log log;
	struct domain *domains;
	u64 quantum;    /* instructions a slot when several vCPUs run */
	bool singlestep;
	bool idle_sleep; /* -icount sleep=on */
	u64 timeout_ns;  /* host time after which domains end with END_TIMEOUT; 0: never */
	void (*tick)(struct host *h, void *opaque); /* called about ten times a second, to show progress */
	void *tick_opaque;
	volatile int *kill; /* non-zero: a signal asked to end; NULL is allowed */
	u64 started;        /* host time at which host_run() began: timeout_ns counts from there */
	u32 looks;          /* calls of vcpu_ending(): only each LOOK_EVERYth reads the clock */
};

/* 0 or -ENOMEM. arch: its processors, e.g. &x86_arch. tb_bytes: size of the code cache, 0 for the default. */
int host_init(struct host *h, const struct cpu_arch *arch, u64 tb_bytes);
void host_exit(struct host *h);

/* An empty domain: memory for frame numbers below mfn_limit, n vCPUs in reset. NULL when memory is short. */
struct domain *domain_create(struct host *h, const char *name, u64 mfn_limit, u32 nvcpus, u32 shift);
void domain_destroy(struct domain *d);
/* Makes an empty domain a machine of a kind. machine is freed by ops->destroy; ops is NULL for one that never runs. */
void domain_become(struct domain *d, enum domain_kind kind, void *machine, const struct domain_ops *ops);
/* The domain of that number, or NULL. */
struct domain *host_domain(const struct host *h, u32 id);

/* Ends the domain. Only the first call counts. */
void domain_end(struct domain *d, enum domain_end why);
/* Crashes it with a reason, in a sentence. v may be NULL. */
void domain_crash(struct domain *d, struct vcpu *v, const char *fmt, ...) PRINTF(3, 4);

/* Instructions retired by all vCPUs, exact at any boundary. */
u64 domain_icount(const struct domain *d);
/* Virtual time at this very instruction of the running vCPU, ns. */
u64 domain_now(const struct domain *d);
/* Arms a timer of this domain; the running slot ends early if need be. */
int domain_arm(struct domain *d, struct vtimer *tm, u64 deadline);

/* Makes a blocked vCPU runnable. Its first slot is in the next round. */
void vcpu_wake(struct vcpu *v);
/* Blocks a vCPU. The one that runs stops at this boundary. */
void vcpu_block(struct vcpu *v);

/* Brings the described state up to what the processors work with: before it is saved. */
void domain_sync(struct domain *d);
/* A hash of the whole guest-visible state: memory, vCPUs, time and everything registered. */
u64 domain_hash(struct domain *d);

#endif
