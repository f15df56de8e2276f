/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the block back end: its device (xen/backend/vbd.c), its rings (xen/backend/vbd_ring.c), its requests (xen/backend/vbd_io.c). For these only.
 */
#ifndef XEN_BACKEND_VBD_IMPL_H
#define XEN_BACKEND_VBD_IMPL_H

#include "vm/timeline.h"
#include "xen/backend/vbd.h"

#define VBD_QUEUES 4u
#define VBD_RING_ORDER 4u
#define VBD_SEGMENTS 11u           /* of a request in the ring itself */
#define VBD_INDIRECT 256u          /* of an indirect one */
#define VBD_SECTOR 512u            /* bytes; of everything in the protocol */
#define VBD_PAGE_SECTORS 8u
#define VBD_BYTES_MAX (16u << 20)  /* of requests under way; more stay in their rings */
#define VBD_PERSISTENT 4224u       /* grants kept; blkfront uses at most 32 * 32 and some a queue with a ring of one page */
#define VBD_PERSISTENT_HASH 16384u /* a power of two, well above */
#define VBD_LAZY_MAX 32768u        /* bytes that are moved here rather than by a thread, unless more is waiting */
#define VBD_CLASSES 9u             /* buffers of 4 KiB to 1 MiB */

enum vbd_op {
	VBD_READ, VBD_WRITE, VBD_BARRIER, VBD_FLUSH, VBD_RESERVED, VBD_DISCARD, VBD_INDIRECT_OP
};
/*
 * VBD_LOST: of a flush that failed. xen-blkfront takes VBD_ERROR of a flush without data for "not supported": its callers are told
 * that all is well. What is none of the three it takes for an error.
 */
enum vbd_status { VBD_OKAY = 0, VBD_ERROR = -1, VBD_NOT_SUPPORTED = -2, VBD_LOST = -3 };

struct vbd_seg {
	u64 mfn;
	u32 ref;
	u8 first, last; /* sectors of the page */
	u8 pinned;      /* to be released with the request: not one of the grants that are kept */
	u8 pad;
};

/* A request as it was copied out of the ring, before it is believed. */
struct vbd_ask {
	u64 id, sector, nr_sectors; /* nr_sectors: of a discard */
	u32 op;                     /* what the answer says; of an indirect request what it carries */
	bool indirect;
	u32 nseg;
	u32 indirect_ref[8];
	struct vbd_seg seg[VBD_INDIRECT];
};

/* A request under way. */
struct vbd_req {
	struct vbd_req *next, *prev; /* in order of due, then of issue */
	struct vbd *v;
	struct block_request host;
	struct block_vec vec;
	u64 seq;      /* in order of issue */
	u64 zeroed;   /* bytes of a discard that the host was asked for */
	bool done;    /* by the host; the result is in ok */
	bool ok;
	bool waiting; /* for others that touch the same sectors: the host was not asked yet */
	bool flush_first, after_all, before_all;
	bool left;    /* the guest has gone: nobody wants the result */
	u8 op, queue;
	u32 nseg;
	u64 id, due;
	u64 offset, len; /* bytes of the disk */
	u8 *data;        /* of READ and WRITE */
	u32 class;
	struct vbd_seg seg[]; /* of READ: where data goes */
};

/* Described: see struct vbd_state. */
struct vbd_queue {
	i32 map, channel;
	u32 entries;
	u32 cons;   /* the next request to take */
	u32 rsp;    /* the next response to write */
	u32 pushed; /* responses the guest has been told of */
	u32 stalled; /* requests were left for lack of room */
};

/* Grants that are kept while the front end is connected. */
struct vbd_grants {
	u32 n;
	u32 ref[VBD_PERSISTENT];
	u64 mfn[VBD_PERSISTENT];
	u16 hash[VBD_PERSISTENT_HASH]; /* index + 1; 0: empty */
};

/*
 * A disk as it is saved, the host's part being finished: this, then grants that are kept, then requests in their order,
 * each with its segments and what was read. A disk that is not connected has zeros but for end.
 */
struct vbd_state {
	u64 end, bus_free, drain_at;
	u32 nqueues, requests, kept;
	u8 keeping; /* the front end has grants kept */
	u8 wide, through, draining;
	struct vbd_queue q[VBD_QUEUES];
};

struct vbd_kept_state {
	u64 mfn;
	u32 ref, pad;
};

struct vbd_req_state {
	u64 id, due, offset, len;
	u32 nseg;
	u8 op, queue, ok, pad;
};

extern const struct state_desc vbd_state_desc, vbd_kept_state_desc, vbd_req_state_desc, vbd_seg_desc;

struct vbd {
	struct vbd_config c;
	struct xen_domain *d;
	struct xenbus_device *dev;
	bool readonly;
	struct vtimer timer; /* for the first that is due, and the end */
	u64 end;             /* ns: when vbd_expel()'s grace ends; TIME_NEVER: it was not called */
	/* Of a connection. */
	u32 nqueues, entry; /* bytes of a ring's entry */
	bool wide;          /* 64-bit layout */
	bool through;       /* a flush failed, after which a front end asks for none: each write is on the disk when it completes */
	struct vbd_queue q[VBD_QUEUES];
	struct vbd_grants *kept; /* NULL: none are */
	u64 bus_free;       /* ns: when the modelled bus has carried what it was given */
	struct vbd_req *first, *last;
	u32 under_way;
	u64 bytes;
	bool draining;      /* all is answered as soon as the host has done it, whatever its due; then the bus goes on */
	u64 drain_at;       /* ns: since when */
	/* The host's own. */
	struct vbd_req *left;           /* those that nobody waits for any more */
	u64 seq;
	u32 writing, blocked;           /* requests: that change the disk and are not done; that wait for others */
	bool holding;                   /* the domain's time stands for us */
	struct vbd_req *free;           /* of VBD_SEGMENTS or fewer */
	void *buffers[VBD_CLASSES];     /* linked by their first word */
	u64 pooled;                     /* bytes in them: VBD_BYTES_MAX at most */
	struct vbd_ask *ask;
	struct vbd_stats stats;
};

/* ---- xen/backend/vbd_ring.c ---- */

/* Reads what the front end says of its queue q and maps it. 0, or -errno with a sentence. */
int vbd_queue_connect(struct vbd *v, u32 q, struct error *e);
/* Takes all requests that are there and for which there is room. The device may be disconnected afterwards. */
void vbd_queue_run(struct vbd *v, u32 q);
/* Puts an answer into the ring; the guest learns of it with vbd_queue_push(). */
void vbd_answer(struct vbd *v, u32 q, u64 id, u32 op, enum vbd_status status);
/* Shows the guest all answers, and raises its event if it wants that. */
void vbd_queue_push(struct vbd *v, u32 q);

/* ---- xen/backend/vbd_io.c ---- */

/* Checks a request and begins it, or answers it. */
void vbd_issue(struct vbd *v, u32 q, struct vbd_ask *a);
/* Everything due by now is answered. */
void vbd_complete(struct vbd *v, u64 now);
/* Drops what is under way and the grants that are kept; release: they are given back. */
void vbd_drop(struct vbd *v, bool release);
/* Arms the timer for the first that is due. */
void vbd_arm(struct vbd *v);
/* A request for n segments and len bytes of data, or NULL. */
struct vbd_req *vbd_req_new(struct vbd *v, u32 nseg, u64 len);
void vbd_req_free(struct vbd *v, struct vbd_req *r);
/* Puts it where it belongs by its due. */
void vbd_req_queue(struct vbd *v, struct vbd_req *r);
/* ---- xen/backend/vbd_host.c ---- */

/* Asks the host for a request that is queued, as soon as others before it are done that must be. */
void vbd_host_begin(struct vbd *v, struct vbd_req *r, enum block_op op);
/* Whether the host is through with it. If not, the domain's time is held until it is: to be asked when its timer fires. */
bool vbd_host_ready(struct vbd *v, struct vbd_req *r);
/* Time goes on, if it stood for us. */
void vbd_host_release(struct vbd *v);
/* The guest has gone, and r is off the queue: true when the host still works for it. It is freed later then. */
bool vbd_host_leave(struct vbd *v, struct vbd_req *r);
/* Lets the host finish what is under way; the guest does not see it. */
void vbd_settle(struct vbd *v);

/* ---- xen/backend/vbd_io.c ---- */

/* Memory kept for later requests. */
void vbd_pool_free(struct vbd *v);
/* Keeps a grant whose use has begun. False: no room. */
bool vbd_keep(struct vbd_grants *k, u32 ref, u64 mfn);

#endif
