/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "paravane snapshot info": what a file of a snapshot says of itself, for people and as JSON (RFC 8259).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cpu/x86/model.h"
#include "hw/host/display/display.h"
#include "snapshot/file.h"
#include "ui/snapshot_tool.h"

static const char *machine(const struct snapshot_about *a)
{
	return a->kind == DOMAIN_PV ? "xenpv" : a->kind == DOMAIN_BARE ? "none" : "unknown";
}

static void put_digest(FILE *out, const struct image *img)
{
	const u8 *d = image_digest(img);
	u32 i;

	for (i = 0; i < IMAGE_DIGEST_BYTES; i++)
		fprintf(out, "%02x", d[i]);
}

/* Features by name, with this between them. What every processor has is none. */
static void put_features(FILE *out, u64 features, const char *quote, const char *between)
{
	bool any = false;
	u32 i;

	for (i = 1; i < 64; i++) {
		const char *name = x86_feature_name(i);

		if (!(features & BIT(i)))
			continue;
		fputs(any ? between : "", out);
		any = true;
		if (name)
			fprintf(out, "%s%s%s", quote, name, quote);
		else
			fprintf(out, "%snumber-%u%s", quote, i, quote);
	}
}

/* All memories' frames. */
static u64 all_frames(struct image *img)
{
	struct image_memory *m;
	u64 n = 0;
	u32 i;

	for (i = 0; (m = image_memory_at(img, i)); i++)
		n += image_memory_frames(m);
	return n;
}

/* False: there is no picture, or it cannot be read. */
static bool look_at_picture(struct image *img, struct picture *p)
{
	struct error e;
	u8 *data;
	size_t len;
	int rc = image_chunk(img, SNAPSHOT_PICTURE, 0, &data, &len, &e);

	if (rc)
		return false;
	rc = picture_read(p, data, len);
	free(data);
	return !rc;
}

/* ---- for people -------------------------------------------------------------------------------------------------- */

static void show_frames(FILE *out, const char *what, u64 frames, u64 bytes)
{
	if (!frames)
		return;
	fprintf(out, "    %-13s %12" PRIu64 " frames %12.1f MiB", what, frames, (double)frames / 256);
	if (bytes)
		fprintf(out, ", %" PRIu64 " bytes in the file", bytes);
	fputc('\n', out);
}

static void show_contents(FILE *out, struct image *img)
{
	struct image_chunk_info c;
	struct image_memory *m;
	struct image_usage u;
	u64 i = 0;
	u32 k;

	while (image_next_chunk(img, &i, &c)) {
		fprintf(out, "  chunk %-9s %" PRIu64 " bytes", c.type, c.len);
		if (c.stored != c.len)
			fprintf(out, ", %" PRIu64 " in the file", c.stored);
		if (c.instance)
			fprintf(out, ", number %" PRIu64, c.instance);
		fputs(c.flags & IMAGE_MANDATORY ? ", mandatory\n" : "\n", out);
	}
	for (k = 0; (m = image_memory_at(img, k)); k++) {
		image_usage(m, &u);
		fprintf(out, "  memory %-8s %" PRIu64 " frames with numbers below %" PRIu64 "\n", image_memory_name(m), image_memory_frames(m),
			image_memory_limit(m));
		show_frames(out, "zeros", u.zero, 0);
		show_frames(out, "as in parent", u.parent, 0);
		show_frames(out, "not packed", u.raw, u.raw_bytes);
		show_frames(out, "packed", u.packed, u.packed_bytes);
	}
}

static void show(FILE *out, struct image *img, const struct snapshot_about *a)
{
	time_t t = (time_t)a->date;
	char date[32] = "";
	struct picture picture;
	const struct image *p;

	strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", localtime(&t));
	fprintf(out, "%s:\n", image_path(img));
	fprintf(out, "  guest           %s, machine %s, %u bits, at most %" PRIu64 " vCPU%s\n", a->name, machine(a), a->is32 ? 32u : 64u, a->vcpus,
		a->vcpus == 1 ? "" : "s");
	fprintf(out, "  memory          %.1f MiB\n", (double)all_frames(img) / 256);
	fprintf(out, "  instructions    %" PRIu64 ", each takes %llu ns (shift=%" PRIu64 ")\n", a->instructions, a->shift < 64 ? BIT(a->shift) : 0,
		a->shift);
	fprintf(out, "  guest time      %" PRIu64 ".%09" PRIu64 " s\n", a->now / 1000000000, a->now % 1000000000);
	fprintf(out, "  taken           %s\n", date);
	fprintf(out, "  features        ");
	put_features(out, a->features, "", " ");
	fprintf(out, "\n  file            %" PRIu64 " bytes, packed: %s\n", image_size(img), image_codec_name(image_codec(img)));
	fprintf(out, "  digest          ");
	put_digest(out, img);
	for (p = image_parent(img); p; p = image_parent(p)) {
		fprintf(out, "\n  parent          ");
		put_digest(out, p);
		fprintf(out, " %s", image_path(p));
	}
	fputc('\n', out);
	if (look_at_picture(img, &picture)) {
		fprintf(out, "  picture         %u x %u, of a screen of %u x %u\n", picture.s.width, picture.s.height, picture.width, picture.height);
		picture_free(&picture);
	}
	show_contents(out, img);
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static void put_string(FILE *out, const char *s)
{
	fputc('"', out);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(out, "\\%c", *s);
		else if ((u8)*s < ' ')
			fprintf(out, "\\u%04x", (u8)*s);
		else
			fputc(*s, out);
	}
	fputc('"', out);
}

static void put_contents(FILE *out, struct image *img)
{
	struct image_chunk_info c;
	struct image_memory *m;
	struct image_usage u;
	bool any = false;
	u64 i = 0;
	u32 k;

	fputs(",\n    \"chunks\": [", out);
	for (; image_next_chunk(img, &i, &c); any = true) {
		fputs(any ? ",\n      " : "\n      ", out);
		fputs("{ \"type\": ", out);
		put_string(out, c.type);
		fprintf(out, ", \"instance\": %" PRIu64 ", \"mandatory\": %s, \"bytes\": %" PRIu64 ", \"stored\": %" PRIu64 " }", c.instance,
			c.flags & IMAGE_MANDATORY ? "true" : "false", c.len, c.stored);
	}
	fputs(" ],\n    \"memories\": [", out);
	for (k = 0; (m = image_memory_at(img, k)); k++) {
		image_usage(m, &u);
		fputs(k ? ",\n      " : "\n      ", out);
		fputs("{ \"name\": ", out);
		put_string(out, image_memory_name(m));
		fprintf(out, ", \"frames\": %" PRIu64 ", \"limit\": %" PRIu64 ", \"zero\": %" PRIu64 ", \"parent\": %" PRIu64 ", \"raw\": %" PRIu64
			", \"raw_bytes\": %" PRIu64 ", \"packed\": %" PRIu64 ", \"packed_bytes\": %" PRIu64 " }", image_memory_frames(m),
			image_memory_limit(m), u.zero, u.parent, u.raw, u.raw_bytes, u.packed, u.packed_bytes);
	}
	fputs(" ]", out);
}

static void put_json(FILE *out, struct image *img, const struct snapshot_about *a)
{
	struct picture picture;
	const struct image *p;

	fputs("  {\n    \"path\": ", out);
	put_string(out, image_path(img));
	fputs(",\n    \"guest\": ", out);
	put_string(out, (const char *)a->name);
	fprintf(out, ",\n    \"machine\": \"%s\",\n    \"bits\": %u,\n    \"vcpus\": %" PRIu64, machine(a), a->is32 ? 32u : 64u, a->vcpus);
	fprintf(out, ",\n    \"memory\": %" PRIu64 ",\n    \"shift\": %" PRIu64 ",\n    \"instructions\": %" PRIu64 ",\n    \"guest_time_ns\": %"
		PRIu64 ",\n    \"date\": %" PRIu64, all_frames(img) * PAGE_SIZE, a->shift, a->instructions, a->now, a->date);
	fputs(",\n    \"features\": [ ", out);
	put_features(out, a->features, "\"", ", ");
	fprintf(out, " ],\n    \"size\": %" PRIu64 ",\n    \"codec\": \"%s\",\n    \"digest\": \"", image_size(img), image_codec_name(image_codec(img)));
	put_digest(out, img);
	fputs("\",\n    \"parents\": [", out);
	for (p = image_parent(img); p; p = image_parent(p)) {
		fputs(p == image_parent(img) ? "\n      { \"digest\": \"" : ",\n      { \"digest\": \"", out);
		put_digest(out, p);
		fputs("\", \"path\": ", out);
		put_string(out, image_path(p));
		fputs(" }", out);
	}
	fputs(" ]", out);
	if (look_at_picture(img, &picture)) {
		fprintf(out, ",\n    \"picture\": { \"width\": %u, \"height\": %u, \"screen_width\": %u, \"screen_height\": %u }", picture.s.width,
			picture.s.height, picture.width, picture.height);
		picture_free(&picture);
	}
	put_contents(out, img);
	fputs("\n  }", out);
}

int snapshot_info(const struct snapshot_args *a)
{
	int code = 0, i;
	bool any = false;

	if (a->json)
		fputs("[\n", a->out);
	for (i = 0; i < a->files; i++) {
		struct snapshot_about about;
		struct error e = { "" };
		struct image *img;

		if (snapshot_open(a->file[i], &img, &about, &e)) {
			msg_error("%s", e.text);
			code = 1;
			continue;
		}
		if (a->json) {
			fputs(any ? ",\n" : "", a->out);
			put_json(a->out, img, &about);
		} else {
			fputs(any ? "\n" : "", a->out);
			show(a->out, img, &about);
		}
		any = true;
		image_close(img);
	}
	if (a->json)
		fputs(any ? "\n]\n" : "]\n", a->out);
	return code;
}
