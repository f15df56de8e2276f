/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cache of decoded blocks: an arena that is emptied as a whole when full, an index by frame, and the invalidation of
 * code that is written to.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/x86/block.h"
#include "cpu/x86/loop.h"

#define DEFAULT_BYTES (16u << 20)
#define HOST_LINE 64u
#define MIN_BYTES (64u << 10)
#define SCRATCH_RECS (BLOCK_MAX_INSNS * 6 + 2)

struct code_cache *code_cache_new(size_t bytes)
{
	struct code_cache *cc = calloc(1, sizeof *cc);

	if (!cc)
		return NULL;
	cc->size = bytes ? MAX(bytes, (size_t)MIN_BYTES) : DEFAULT_BYTES;
	cc->nbuckets = 1;
	while (cc->nbuckets < cc->size / 1024)
		cc->nbuckets *= 2;
	cc->raw = malloc(cc->size + HOST_LINE - 1);
	cc->arena = (u8 *)(uintptr_t)ALIGN_UP((uintptr_t)cc->raw, HOST_LINE);
	cc->buckets = calloc(cc->nbuckets, sizeof *cc->buckets);
	cc->scratch = malloc(sizeof(struct block) + SCRATCH_RECS * sizeof(struct insn));
	if (!cc->raw || !cc->buckets || !cc->scratch) {
		code_cache_free(cc);
		return NULL;
	}
	memset(cc->scratch, 0, sizeof *cc->scratch);
	return cc;
}

void code_cache_free(struct code_cache *cc)
{
	if (!cc)
		return;
	code_cache_flush(cc);
	free(cc->raw);
	free(cc->buckets);
	free(cc->scratch);
	free(cc);
}

void x86_wipe_jumps(struct x86 *c)
{
	u32 i;

	for (i = 0; i < JUMP_SLOTS; i++) {
		/* A tag no address of this slot has: the slot's own index is not among its hashes. */
		c->jumps[i].tag = ~(u64)0x5a5a5a5a;
		c->jumps[i].b = NULL;
	}
}

void code_cache_flush(struct code_cache *cc)
{
	struct code_page *p, *next;
	struct x86 *c;

	for (p = cc->pages; p; p = next) {
		next = p->next;
		p->frame->code = NULL;
		free(p);
	}
	cc->pages = NULL;
	cc->used = 0;
	cc->generation++;
	if (cc->buckets)
		memset(cc->buckets, 0, cc->nbuckets * sizeof *cc->buckets);
	for (c = cc->cpus; c; c = c->next_in_cache)
		x86_wipe_jumps(c);
}

static u32 bucket_of(const struct code_cache *cc, const struct frame *f, u32 off, u32 key)
{
	u64 h = ((uintptr_t)f >> 4) * 0x9e3779b97f4a7c15ULL;

	h ^= (u64)(off + (key << 12)) * 0xff51afd7ed558ccdULL;
	return (u32)(h >> 40) & (cc->nbuckets - 1);
}

struct block *code_find(struct code_cache *cc, const struct frame *f, u32 off, u32 key)
{
	struct block *b;

	for (b = cc->buckets[bucket_of(cc, f, off, key)]; b; b = b->hash_next)
		if (b->frame == f && b->off == off && b->key == key)
			return b;
	return NULL;
}

struct block *code_alloc(struct code_cache *cc, u32 nrecs)
{
	size_t need = sizeof(struct block) + nrecs * sizeof(struct insn);
	struct block *b;

	if (cc->size - cc->used < need)
		code_cache_flush(cc);
	b = (struct block *)(void *)(cc->arena + cc->used);
	cc->used += ALIGN_UP(need, 32);
	cc->used = MIN(cc->used, cc->size);
	return b;
}

static u64 lines_of(u32 off, u32 len)
{
	u32 first = off / 64;
	u32 last = MIN(off + len - 1, PAGE_SIZE - 1) / 64;

	return (~0ULL << first) & (~0ULL >> (63 - last));
}

struct code_page *code_watch(struct code_cache *cc, struct frame *f, struct mem *mem, u64 mfn)
{
	struct code_page *p = f->code;

	if (p)
		return p;
	p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	p->frame = f;
	p->next = cc->pages;
	p->prev = &cc->pages;
	if (p->next)
		p->next->prev = &p->next;
	cc->pages = p;
	f->code = p;
	mmu_revoke_writes(mem, mfn);
	return p;
}

void code_insert(struct code_cache *cc, struct block *b, struct mem *mem, u64 mfn)
{
	struct block **bucket = &cc->buckets[bucket_of(cc, b->frame, b->off, b->key)];
	struct code_page *p = code_watch(cc, b->frame, mem, mfn);

	if (!p)
		return; /* runs once, and is not found again */
	b->hash_next = *bucket;
	*bucket = b;
	b->page_next = p->blocks;
	p->blocks = b;
	p->lines |= lines_of(b->off, b->bytes);
	cc->translated++;
}

/*
 * Takes a block out of use. A CPU may be inside of it, and other blocks may jump into it, so its records are kept for now and
 * changed: each leads back to the dispatcher, which finds another block.
 */
static void block_kill(struct code_cache *cc, struct block *b)
{
	struct block **pp;
	u32 i;

	b->dead = true;
	for (i = 0; i < b->nrecs; i++)
		b->rec[i].fn = op_stale;
	for (pp = &cc->buckets[bucket_of(cc, b->frame, b->off, b->key)]; *pp; pp = &(*pp)->hash_next)
		if (*pp == b) {
			*pp = b->hash_next;
			break;
		}
}

static void unlink_dead(const struct code_cache *cc, struct code_page *p)
{
	struct block *b;
	u32 i;

	for (b = p->blocks; b; b = b->page_next)
		for (i = 0; i < 2; i++)
			if (b->links[i] != NO_LINK) {
				struct insn *r = &b->rec[b->links[i]];
				bool edge = r->fn == op_loop_edge;
				struct block *to = edge ? loop_edge_target(cc, r) : (struct block *)(uintptr_t)r->imm;

				if (to && to->dead) {
					r->imm = 0;
					if (edge)
						r->fn = op_goto;
				}
			}
}

void code_written(struct code_cache *cc, struct frame *f, u32 off, u32 len)
{
	struct code_page *p = f->code;
	struct block **pp, *b;
	u64 lines = 0;
	bool killed = false;

	b = cc->scratch;
	if (b->frame == f && off < (u32)b->off + b->bytes && b->off < off + len) {
		u32 i;

		for (i = 0; i < b->nrecs; i++)
			b->rec[i].fn = op_stale;
	}
	if (!p || !(p->lines & lines_of(off, len)))
		return;
	for (pp = &p->blocks; (b = *pp);) {
		if (off < (u32)b->off + b->bytes && b->off < off + len) {
			*pp = b->page_next;
			block_kill(cc, b);
			killed = true;
		} else {
			lines |= lines_of(b->off, b->bytes);
			pp = &b->page_next;
		}
	}
	p->lines = lines;
	if (killed)
		unlink_dead(cc, p);
}

void code_drop_frame(struct frame *f, void *cache)
{
	struct code_cache *cc = cache;
	struct code_page *p = f->code;

	p->lines = ~0ULL;
	code_written(cc, f, 0, PAGE_SIZE);
	*p->prev = p->next;
	if (p->next)
		p->next->prev = p->prev;
	free(p);
	f->code = NULL;
	if (cc->scratch->frame == f)
		cc->scratch->frame = NULL;
}
