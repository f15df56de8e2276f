/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The texts of -h and -version, made from the table of options.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <string.h>

#include "ui/options.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "0.1"
#endif

#ifdef __clang__
#define COMPILER "" /* its __VERSION__ has its name */
#else
#define COMPILER "gcc "
#endif

#define HELP_COLUMN 34
#define HELP_WIDTH 100

/* Text broken at blanks, each further line set in by HELP_COLUMN. */
static void print_wrapped(FILE *out, const char *text)
{
	size_t room = HELP_WIDTH - HELP_COLUMN, len;

	for (;;) {
		len = strlen(text);
		if (len > room) {
			len = room;
			while (len && text[len] != ' ')
				len--;
			if (!len)
				len = strcspn(text, " ");
		}
		fprintf(out, "%.*s\n", (int)len, text);
		text += len;
		if (!*text)
			return;
		text++;
		fprintf(out, "%*s", HELP_COLUMN, "");
	}
}

void options_print_help(FILE *out)
{
	const struct option_row *r;
	const char *group = "";

	fputs("usage: paravane [options]\n"
	      "       paravane snapshot info|verify|diff|export FILE ...   (paravane snapshot --help)\n"
	      "\n"
	      "Boots a guest in an instruction-level interpreter that is its own Xen host. Options are spelled as in\n"
	      "QEMU, with one dash or two. What holds without an option is given in (brackets).\n",
	      out);
	for (r = option_rows; r->name; r++) {
		int n;

		if (strcmp(r->group, group)) {
			group = r->group;
			fprintf(out, "\n%s:\n", group);
		}
		n = fprintf(out, "  -%s%s%s", r->name, *r->arg ? " " : "", r->arg);
		if (n >= HELP_COLUMN - 1)
			fprintf(out, "\n%*s", HELP_COLUMN, "");
		else
			fprintf(out, "%*s", HELP_COLUMN - n, "");
		print_wrapped(out, r->help);
	}
	fputs("\n"
	      "Examples:\n"
	      "  a Debian kernel with a root shell on this terminal\n"
	      "    paravane -M xenpv -name demo -m 500 -smp 2 -kernel vmlinuz -initrd ird.gz \\\n"
	      "        -append \"console=hvc0\" -nographic\n"
	      "  the same run every time, as fast as it goes, with a limit and the numbers at the end\n"
	      "    paravane -m 1G -kernel vmlinuz -initrd ird.gz -append console=hvc0 \\\n"
	      "        -serial file:boot.log -icount sleep=off -timeout 300 -stats\n"
	      "  a flat image on a bare processor, from reset; port 0xf4 ends it\n"
	      "    paravane -M none -cpu 486 -m 16 -bios rom.bin\n"
	      "  the console on a socket, and a log of hypercalls\n"
	      "    paravane -kernel vmlinuz -serial unix:/tmp/demo.sock,server=on,wait=off -d hypercall -D calls.log\n"
	      "  a screen in a window, and for VNC viewers on port 5901\n"
	      "    paravane -kernel vmlinuz -initrd ird.gz -serial pty -display sdl -vnc :1,password=secret\n"
	      "\n"
	      "On the terminal: Ctrl-A h shows the keys, Ctrl-A x exits.\n"
	      "Exit codes: 0 power off, 1 usage or host error, 2 guest crash, 3 timeout, 4 reboot under -no-reboot; -M none: 2 * value + 1 of\n"
	      "port 0xf4.\n",
	      out);
}

struct feature {
	const char *name, *what;
	bool built_in;
};

static const struct feature features[] = {
	{ "zlib", "gzip kernels", HAVE_ZLIB },
	{ "liblzma", "xz and lzma kernels", HAVE_LZMA },
	{ "libzstd", "zstd kernels", HAVE_ZSTD },
	{ "liblz4", "lz4 kernels", HAVE_LZ4 },
	{ "libbz2", "bzip2 kernels", HAVE_BZ2 },
	{ "liblzo2", "lzo kernels", HAVE_LZO },
	{ "libnbd", "disks of NBD servers", HAVE_NBD },
	{ "libslirp", "networks of type user", HAVE_SLIRP },
	{ "SDL2", "windows", HAVE_SDL2 },
	{ "libvncserver", "VNC", HAVE_VNCSERVER },
	{ "libvterm", "the text console on screens", HAVE_VTERM },
	{ "zydis", "disassembly in logs and crash reports", HAVE_ZYDIS },
	{ "libseccomp", "-sandbox", HAVE_SECCOMP },
};

void options_print_version(FILE *out)
{
	size_t i;

	fprintf(out, "paravane version %s\n", PACKAGE_VERSION);
	fprintf(out, "compiled with " COMPILER "%s for a %d-bit %s-endian host\n", __VERSION__, (int)sizeof(void *) * 8,
		HOST_BIG_ENDIAN ? "big" : "little");
	fputs("machines: xenpv, none\n"
	      "accelerators: interp\n"
	      "character devices: stdio, mon:stdio, pty, file, unix, tcp, vc, null\n"
	      "networks: user, tap, socket, stream, dgram, hubport\n"
	      "libraries:\n",
	      out);
	for (i = 0; i < ARRAY_SIZE(features); i++)
		fprintf(out, "  %-12s %-40s %s\n", features[i].name, features[i].what,
			features[i].built_in ? "yes" : "not built in");
	fputs("License GPL-2.0-or-later; there is no warranty.\n", out);
}
