/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The layout of a snapshot file, for its writer and its reader: docs/snapshot-format.md explains it. A header, records that follow
 * each other without gaps, the last of which is the index, and a tail. All numbers are little-endian.
 */
#ifndef SNAPSHOT_IMAGE_FORMAT_H
#define SNAPSHOT_IMAGE_FORMAT_H

#include "base/log.h"
#include "snapshot/codec.h"

#define IMAGE_VERSION 1u
#define IMAGE_MAGIC "\x89PVS\r\n\x1a\n" /* 8 bytes; shows when somebody took it for text on its way */
#define IMAGE_TAIL_MAGIC "PVSend\r\n"
#define IMAGE_DIGEST 32u /* bytes */

/* The header. */
#define HEAD_BYTES 128u
enum {
	HEAD_VERSION = 8,
	HEAD_LENGTH = 12,    /* u32, HEAD_BYTES */
	HEAD_MANDATORY = 16, /* u64, FEATURE_*: who does not know one cannot read this file */
	HEAD_OPTIONAL = 24,  /* u64: who does not know one can; none yet */
	HEAD_PARENT = 32,    /* the parent's digest, or zeros */
	HEAD_ZERO = 64,      /* zeros up to the sum */
	HEAD_CRC = 124,      /* of all before */
};
#define FEATURE_PARENT BIT(0) /* there is a parent, and pages are said to be as in it */
#define FEATURE_CODEC(c) BIT(c)
#define FEATURES (BIT(IMAGE_CODECS) - 1)

/* The end of the file. */
#define TAIL_BYTES 64u
enum {
	TAIL_INDEX = 8,    /* u64, where the record of the index begins */
	TAIL_RECORDS = 16, /* u64, how many records it has */
	TAIL_ZERO = 24,
	TAIL_DIGEST = 28,
	TAIL_CRC = 60, /* of all before */
};

/* A record's head. Its tables follow, then zeros up to what is stored. */
#define RECORD_BYTES 96u
enum {
	RECORD_NAME = 0, /* 8 bytes, filled up with zeros */
	RECORD_KIND = 8,
	RECORD_CODEC = 9,
	RECORD_FLAGS = 10,
	RECORD_RUNS = 12,
	RECORD_NUMBER = 16,
	RECORD_LENGTH = 24,
	RECORD_STORED = 32,
	RECORD_OFFSET = 40,
	RECORD_HASH = 48,
	RECORD_SUM = 80,
	RECORD_ZERO = 84,
	RECORD_CRC = 92, /* of the head up to here and of the tables */
};
enum record_kind { RECORD_CHUNK = 1, RECORD_MEMORY, RECORD_PAGES, RECORD_INDEX };

struct record {
	char name[9]; /* type of the chunk, name of the memory */
	u8 kind, codec;
	u16 flags;
	u32 runs;    /* PAGES: runs in the first table */
	u64 number;  /* CHUNK: the instance; MEMORY: frames it has; PAGES: the first frame; INDEX: records */
	u64 length;  /* bytes when unpacked; MEMORY: its limit */
	u64 stored;  /* bytes in the file */
	u64 offset;  /* of them */
	u8 hash[IMAGE_DIGEST]; /* of them, BLAKE2b-256 */
	u32 sum;     /* CRC-32C of them; of pages that lie there as they are each has its own, in the second table */
};

/* The first table: runs of frames. The second: a u32 CRC-32C for each page of data, when they are not packed. */
#define RUN_BYTES 8u /* u32 kind, u32 frames */
enum run_kind { RUN_ABSENT, RUN_ZERO, RUN_PARENT, RUN_DATA, RUN_KINDS };

/* Bounds: what a reader has to have room for. */
#define RUNS_MAX 1024u                          /* of a record */
#define GROUP_MAX 256u                          /* pages of data of a record */
#define PACKED_MAX (16u << 20)                  /* bytes of a chunk that is packed */
#define CHUNK_MAX (1u << 30)                    /* of any other */
#define INDEX_MAX (256u << 20)                  /* bytes of the index */
#define LIMIT_MAX ((u64)1 << (52 - PAGE_SHIFT)) /* frames of a memory: an x86 processor has no more */
#define MEMORIES_MAX 64u
#define PARENTS_MAX 64u

/* Bytes of the tables of a record. */
u64 record_tables(const struct record *r);
/* True when its pages lie in the file as they are, at a multiple of their size. */
bool record_aligned(const struct record *r);
/* Where its stored bytes are to begin when its head is at this place. */
u64 record_offset(const struct record *r, u64 at);
/* The head's 96 bytes; its tables are there already. */
void record_encode(const struct record *r, u8 *head, const void *tables);
void record_decode(struct record *r, const u8 *head);
/* True for 1 to 8 characters that can be seen, and nothing but zeros behind them. */
bool record_name_good(const char *name);

#endif
