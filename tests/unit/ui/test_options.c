/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ui/options: the table, every value's grammar, the sentences of refusal, and the manual's agreement with the table.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/nodes.h"
#include "tests/suites.h"
#include "ui/disasm.h"
#include "ui/options.h"
#include "ui/optvalue.h"

#define MAX_ARGS 16

/* Parses a line of words split at blanks ('~' stands for a blank); text gets what was printed. */
static int parse(struct options *o, struct error *e, char **text, const char *line)
{
	char *copy = strdup(line), *argv[MAX_ARGS + 1] = { (char *)"paravane" }, *p;
	size_t len;
	FILE *f = open_memstream(text, &len);
	int argc = 1, rc;

	for (p = strtok(copy, " "); p && argc < MAX_ARGS; p = strtok(NULL, " ")) {
		argv[argc++] = p;
		for (; *p; p++)
			if (*p == '~')
				*p = ' ';
	}
	e->text[0] = 0;
	rc = options_parse(o, argc, argv, f, e);
	fclose(f);
	free(copy);
	return rc;
}

/* A line that must be taken. The caller frees the options. */
static void good(struct options *o, const char *line)
{
	struct error e;
	char *text;
	int rc = parse(o, &e, &text, line);

	ck_assert_msg(rc == OPTIONS_RUN, "%s: %d %s", line, rc, e.text);
	ck_assert_msg(!guest_nodes_check(o->guest, &options_words, &e), "%s: %s", line, e.text);
	free(text);
}

/* A line that must be refused in a sentence that holds these words. */
static void bad(const char *line, const char *w1, const char *w2)
{
	struct options o;
	struct error e;
	char *text;
	int rc = parse(&o, &e, &text, line);

	ck_assert_msg(rc < 0, "%s: taken", line);
	ck_assert_msg(strstr(e.text, w1) && strstr(e.text, w2), "%s: '%s' has no '%s' or '%s'", line, e.text, w1, w2);
	options_free(&o);
	free(text);
}

/* A line that prints something and ends. */
static void shows(const char *line, const char *w1, const char *w2)
{
	struct options o;
	struct error e;
	char *text;
	int rc = parse(&o, &e, &text, line);

	ck_assert_msg(rc == OPTIONS_DONE, "%s: %d %s", line, rc, e.text);
	ck_assert_msg(strstr(text, w1) && strstr(text, w2), "%s: printed '%s'", line, text);
	options_free(&o);
	free(text);
}

START_TEST(the_usual_line)
{
	struct options o;

	good(&o,
	     "-M xenpv -name demo -m 500 -smp 2 -kernel vmlinuz -initrd ird.gz -append console=hvc0~quiet -nographic");
	ck_assert_ptr_eq(node_find(o.tree, "/guests/demo"), o.guest);
	ck_assert_str_eq(node_str(o.guest, "machine", ""), "xenpv");
	ck_assert_uint_eq(node_u64(o.guest, "memory", 0), 500 << 20);
	ck_assert_uint_eq(node_u64(o.guest, "vcpus", 0), 2);
	ck_assert_uint_eq(node_u64(o.guest, "maxvcpus", 0), 2);
	ck_assert_str_eq(node_str(o.guest, "kernel", ""), "vmlinuz");
	ck_assert_str_eq(node_str(o.guest, "initrd", ""), "ird.gz");
	ck_assert_str_eq(node_str(o.guest, "cmdline", ""), "console=hvc0 quiet");
	ck_assert_str_eq(node_str(o.guest, "serial0", ""), "mon:stdio");
	ck_assert_str_eq(node_str(o.guest, "on-reboot", ""), "restart");
	ck_assert_str_eq(node_str(o.guest, "clock-base", ""), "fixed");
	ck_assert(o.idle_sleep && !o.stats && !o.singlestep && !o.timeout_ns);
	options_free(&o);
}
END_TEST

START_TEST(values)
{
	static const struct {
		const char *line;
		u64 bytes;
	} sizes[] = {
		{ "-m 500", 500ull << 20 },      { "-m 500M", 500ull << 20 },
		{ "-m size=1G", 1ull << 30 },    { "--m 1g", 1ull << 30 },
		{ "-m 65536k", 64ull << 20 },    { "-m 1T", 1ull << 40 },
		{ "-m 33554432B", 32ull << 20 }, { "-m 256MiB", 256ull << 20 },
		{ "-m 1 -m 2", 2ull << 20 },     { "", 512ull << 20 },
	};
	static const struct {
		const char *line;
		u64 vcpus, maxvcpus;
	} smps[] = {
		{ "-smp 1", 1, 1 },
		{ "-smp 64", 64, 64 },
		{ "-smp cpus=3", 3, 3 },
		{ "-smp 2,maxcpus=4", 2, 4 },
		{ "-smp maxcpus=8", 8, 8 },
		{ "-smp sockets=2,cores=2,threads=1", 4, 4 },
		{ "-smp 4,sockets=1,cores=4", 4, 4 },
	};
	static const struct {
		const char *line, *base;
		u64 epoch;
	} clocks[] = {
		{ "-rtc base=utc", "utc", 1 },
		{ "-rtc localtime", "localtime", 1 },
		{ "-rtc 0", "fixed", 0 },
		{ "-rtc base=1700000000", "fixed", 1700000000 },
		{ "-rtc base=2023-11-14T22:13:20,clock=vm", "fixed", 1700000000 },
		{ "-rtc base=2000-02-29", "fixed", 951782400 },
		{ "-rtc base=1970-01-01T00:00:01", "fixed", 1 },
		{ "-rtc base=2100-03-01", "fixed", 4107542400 },
	};
	struct options o;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		good(&o, sizes[i].line);
		ck_assert_msg(node_u64(o.guest, "memory", 0) == sizes[i].bytes, "%s", sizes[i].line);
		options_free(&o);
	}
	for (i = 0; i < ARRAY_SIZE(smps); i++) {
		good(&o, smps[i].line);
		ck_assert_msg(node_u64(o.guest, "vcpus", 0) == smps[i].vcpus, "%s", smps[i].line);
		ck_assert_msg(node_u64(o.guest, "maxvcpus", 0) == smps[i].maxvcpus, "%s", smps[i].line);
		options_free(&o);
	}
	for (i = 0; i < ARRAY_SIZE(clocks); i++) {
		good(&o, clocks[i].line);
		ck_assert_str_eq(node_str(o.guest, "clock-base", ""), clocks[i].base);
		ck_assert_msg(node_u64(o.guest, "clock-epoch", 1) == clocks[i].epoch, "%s", clocks[i].line);
		options_free(&o);
	}
}
END_TEST

START_TEST(host_side)
{
	struct options o;

	good(&o,
	     "--singlestep -stats -progress -timeout 2.5 -accel interp,tb-size=16 -icount shift=3,sleep=off -D x.log "
	     "-d int,hypercall -d exec");
	ck_assert(o.singlestep && o.stats && o.progress && !o.idle_sleep);
	ck_assert(o.timeout_ns == 2500000000u);
	ck_assert(o.tb_bytes == 16 << 20);
	ck_assert_uint_eq(node_u64(o.guest, "icount-shift", 99), 3);
	ck_assert_uint_eq(o.log.items, LOG_INT | LOG_HYPERCALL | LOG_EXEC);
	ck_assert_str_eq(o.log_file, "x.log");
	options_free(&o);
	good(&o, "-icount auto -no-reboot -no-shutdown -display none -monitor none -cpu max -name guest=a-b.c");
	ck_assert(!node_has(o.guest, "icount-shift"));
	ck_assert_str_eq(node_str(o.guest, "on-reboot", ""), "destroy");
	ck_assert_str_eq(node_str(o.guest, "on-poweroff", ""), "preserve");
	ck_assert_str_eq(o.guest->name, "a-b.c");
	options_free(&o);
	good(&o, "-M none -bios rom.bin -cpu 486,+tsc -m 16");
	ck_assert_str_eq(node_str(o.guest, "machine", ""), "none");
	ck_assert_str_eq(node_str(o.guest, "bios", ""), "rom.bin");
	ck_assert_str_eq(node_str(o.guest, "cpu", ""), "486,+tsc");
	options_free(&o);
	good(&o, "-bios rom.bin -machine type=none");
	options_free(&o);
	good(&o, "-monitor stdio -monitor none -monitor unix:/tmp/x,server=on,wait=off -S");
	ck_assert_str_eq(node_str(o.guest, "monitor0", ""), "stdio");
	ck_assert_str_eq(node_str(o.guest, "monitor1", ""), "unix:/tmp/x,server=on,wait=off");
	ck_assert_str_eq(node_str(o.guest, "serial0", ""), "pty"); /* the terminal is taken */
	ck_assert(o.stopped);
	options_free(&o);
	good(&o, "-autosave 1.5,keep=7");
	ck_assert(o.autosave_ns == 1500000000u && o.autosave_keep == 7);
	options_free(&o);
	good(&o, "-monitor stdio -serial null");
	ck_assert_str_eq(node_str(o.guest, "serial0", ""), "null");
	options_free(&o);
	good(&o, "-serial unix:/tmp/x,server=on,wait=off");
	ck_assert_str_eq(node_str(o.guest, "serial0", ""), "unix:/tmp/x,server=on,wait=off");
	options_free(&o);
	good(&o, "-d exec,from=1.5 -dfilter 0x1000+0x10,5..7 -d to=3000i,syntax=att -daemonize -pidfile p.pid");
	ck_assert_uint_eq(o.log.items, LOG_EXEC);
	ck_assert_uint_eq(o.log.from.at, 1500000000);
	ck_assert_uint_eq(o.log.to.at, 3000);
	ck_assert(o.log.att);
	ck_assert_uint_eq(o.log_ranges, 2);
	ck_assert_uint_eq(o.log_range[0].last, 0x100f);
	ck_assert(o.daemonize);
	ck_assert_str_eq(o.pidfile, "p.pid");
	ck_assert_str_eq(node_str(o.guest, "serial0", ""), "pty"); /* nobody is at a terminal */
	options_free(&o);
}
END_TEST

/* What the guest's end does, by the new words and the old ones. */
START_TEST(ends)
{
	static const struct {
		const char *line, *reboot, *poweroff, *crash;
	} t[] = {
		{ "", "restart", "destroy", "destroy" },
		{ "-no-reboot", "destroy", "destroy", "destroy" },
		{ "-action reboot=shutdown", "destroy", "destroy", "destroy" },
		{ "-action reboot=shutdown -action reboot=reset", "restart", "destroy", "destroy" },
		{ "-action shutdown=pause,panic=pause", "restart", "preserve", "preserve" },
		{ "-action panic=shutdown,shutdown=poweroff", "restart", "destroy", "poweroff" },
		{ "-action panic=exit-failure -no-shutdown", "restart", "preserve", "destroy" },
	};
	struct options o;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		good(&o, t[i].line);
		ck_assert_str_eq(node_str(o.guest, "on-reboot", ""), t[i].reboot);
		ck_assert_str_eq(node_str(o.guest, "on-poweroff", ""), t[i].poweroff);
		ck_assert_str_eq(node_str(o.guest, "on-crash", ""), t[i].crash);
		options_free(&o);
	}
	bad("-action reboot=pause", "reboot=pause", "reboot=reset|shutdown");
	bad("-action panic", "panic=", "exit-failure");
	bad("-action watchdog=reset", "'watchdog'", "panic=");
	good(&o, "-uuid 01234567-89ab-CDEF-0123-456789abcdef");
	ck_assert_str_eq(node_str(o.guest, "uuid", ""), "01234567-89ab-CDEF-0123-456789abcdef");
	options_free(&o);
	bad("-uuid 1234", "-uuid 1234", "32 hexadecimal digits");
	bad("-uuid 01234567-89ab-cdef-0123-456789abcdeg", "cdeg", "32 hexadecimal digits");
	bad("-uuid 0123456-789ab-cdef-0123-456789abcdef", "0123456-", "32 hexadecimal digits");
}
END_TEST

/* A guest on a network has the time; one alone begins at the same moment each time. */
START_TEST(clock_by_network)
{
	static const struct {
		const char *line, *base;
	} t[] = {
		{ "", "fixed" },
		{ "-nic user", "utc" },
		{ "-nic none", "fixed" },
		{ "-netdev user,id=n0", "fixed" },
		{ "-netdev user,id=n0 -device xen-net-device,netdev=n0", "utc" },
		{ "-device xen-net-device", "fixed" },
		{ "-net nic -net user", "utc" },
		{ "-rtc 2020-01-01 -nic user", "fixed" },
		{ "-nic user -rtc localtime", "localtime" },
		{ "-rtc clock=vm -nic user", "fixed" },
		{ "-rtc utc", "utc" },
	};
	struct options o;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		good(&o, t[i].line);
		ck_assert_msg(!strcmp(node_str(o.guest, "clock-base", ""), t[i].base), "%s: %s", t[i].line, node_str(o.guest, "clock-base", ""));
		ck_assert_msg(node_has(o.guest, "clock-epoch") == !strcmp(t[i].base, "fixed"), "%s", t[i].line);
		options_free(&o);
	}
}
END_TEST

START_TEST(chardevs)
{
	static const struct {
		const char *line, *serial, *monitor;
	} t[] = {
		{ "-chardev pty,id=a -serial chardev:a", "pty", "" },
		{ "-serial chardev:a -chardev file,id=a,path=x", "file:x", "" },
		{ "-chardev stdio,id=a,mux=on,signal=off -serial chardev:a", "mon:stdio", "" },
		{ "-chardev stdio,id=a,mux=off -serial chardev:a", "stdio", "" },
		{ "-chardev null,id=a -serial chardev:a", "null", "" },
		{ "-chardev socket,id=a,path=/s,,1,server=on,wait=off -monitor chardev:a -serial null", "null", "unix:/s,,1,server=on,wait=off" },
		{ "-chardev socket,id=a,host=::1,port=77,server,nowait -monitor chardev:a -serial null", "null", "tcp:[::1]:77,server=on,wait=off" },
		{ "-chardev socket,id=a,port=77,nodelay=on -monitor chardev:a -serial null", "null", "tcp::77,nodelay=on" },
		{ "-chardev stdio,id=a,mux=on -monitor chardev:a", "pty", "stdio" },
		{ "-chardev pty,id=a -chardev pty,id=b -serial chardev:b -monitor chardev:a", "pty", "pty" },
	};
	struct options o;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		good(&o, t[i].line);
		ck_assert_msg(!strcmp(node_str(o.guest, "serial0", ""), t[i].serial), "%s: %s", t[i].line, node_str(o.guest, "serial0", ""));
		ck_assert_msg(!strcmp(node_str(o.guest, "monitor0", ""), t[i].monitor), "%s: %s", t[i].line, node_str(o.guest, "monitor0", ""));
		options_free(&o);
	}
	bad("-serial chardev:a", "chardev:a", "-chardev pty,id=a");
	bad("-chardev pty,id=a -serial chardev:a -monitor chardev:a", "-monitor chardev:a", "once");
	bad("-chardev pty,id=a -chardev pty,id=a", "'a'", "another id");
	bad("-chardev pty", "-chardev pty", "id=");
	bad("-chardev udp,id=a", "'udp'", "socket, stdio");
	bad("-chardev id=a", "'id'", "socket, stdio");
	bad("-chardev socket,id=a", "socket", "path=");
	bad("-chardev socket,id=a,path=x,port=1", "socket", "path=");
	bad("-chardev file,id=a", "file", "path=");
	bad("-chardev pty,id=a,path=x", "'path'", "no property");
	bad("-chardev pty,id=a,mux=on", "mux=on", "stdio");
	bad("-chardev stdio,id=a,signal=on", "signal=on", "Ctrl-C");
	bad("-chardev socket,id=a,path=x,server=maybe", "maybe", "on or off");
	bad("-chardev file,id=a,path=x -monitor chardev:a -serial null", "file:x", "answers");
	shows("-chardev help", "socket", "stdio");
}
END_TEST

/* QEMU's options that are not there: no guess at another word, but what to do. */
START_TEST(not_here)
{
	static const char *const options[] = { "gdb", "s", "qmp", "vga", "usb", "dtb", "enable-kvm", "boot", "nodefaults", "global", "virtfs",
					       "only-migratable", "mon", "curses", "watchdog", "runas", "fda" };
	const struct option_row *r;
	char line[60], said[60];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(options); i++) {
		snprintf(line, sizeof line, "-%s x", options[i]);
		snprintf(said, sizeof said, "-%s: this option of QEMU's is not supported: ", options[i]);
		bad(line, said, " ");
	}
	bad("--gdb tcp::1234", "--gdb: this option of QEMU's", "info registers");
	/* None of those that are there is among them. */
	for (r = option_rows; r->name; r++) {
		struct error e = { "" };

		option_unknown(r->name, r->name, &e);
		ck_assert_msg(!strstr(e.text, "QEMU"), "%s", r->name);
	}
}
END_TEST

START_TEST(refusals)
{
	char line[1100] = "-kernel k -append ";

	bad("-m 0", "-m 0", "as in -m 512M");
	bad("-m 0G", "-m 0G", "memory");
	bad("-m 1k", "-m 1k", "1M");
	bad("-m lots", "'lots'", "-m 1G");
	bad("-m 5Q", "'5Q'", "-m 1G");
	bad("-m -5", "'-5'", "-m 1G");
	bad("-m 2T", "-m 2T", "1T");
	bad("-m 99999999999999999999", "-m", "1T");
	bad("-m 1G,slots=4", "'slots'", "-m 512M");
	bad("-smp 0", "-smp 0", "1 to 64");
	bad("-smp 999", "-smp 999", "64");
	bad("-smp 65", "-smp 65", "64");
	bad("-smp 2x", "'2x'", "-smp 2");
	bad("-smp 4,maxcpus=2", "-smp 4,maxcpus=2", "maxcpus");
	bad("-smp 2,dies=2", "'dies'", "cpus=N");
	bad("-smp sockets=64,cores=64", "-smp", "64");
	bad("-M pc", "'pc'", "xenpv");
	bad("-M none -kernel x", "-kernel", "-bios");
	bad("-M none -initrd x", "-initrd", "-bios");
	bad("-M none -append x", "-append", "-bios");
	bad("-M none -bios r -bootloader x", "-bootloader x", "-M xenpv");
	bad("-hda d -initrd x", "-initrd x", "-kernel");
	bad("-hda d -append x", "-append 'x'", "-kernel");
	bad("-hda d -bootloader x -kernel y", "-bootloader x", "-kernel");
	bad("-M none -smp 2", "-smp", "one processor");
	bad("-bios x", "-bios x", "-M none");
	bad("-bios x -M none,accel=kvm", "'kvm'", "accel=interp");
	bad("-cpu host", "'host'", "nearest");
	bad("-cpu haswel", "'haswel'", "'haswell'");
	bad("-cpu max,+fsgsbas", "'fsgsbas'", "'fsgsbase'");
	bad("-cpu max,+avx512f", "avx512f", "not implemented");
	bad("-cpu max,", "max,", "missing");
	bad("-accel kvm", "'kvm'", "interp");
	bad("-accel interp,tb-size=0", "'0'", "tb-size");
	bad("-icount 11", "'11'", "0 to 10");
	bad("-icount shift=1,sleep=maybe", "'maybe'", "on or off");
	bad("-rtc base=yesterday", "'yesterday'", "utc");
	bad("-rtc base=2023-02-29", "'2023-02-29'", "date");
	bad("-rtc base=2023-13-01", "'2023-13-01'", "date");
	bad("-rtc base=99999999999999", "99999999999999", "1970");
	bad("-timeout 0", "-timeout 0", "-timeout 60");
	bad("-autosave 0", "'0'", "-autosave 60,keep=5");
	bad("-autosave 0.5", "'0.5'", "1 or more");
	bad("-autosave 10s", "'10s'", "1 or more");
	bad("-autosave 10,keep=0", "'keep=0'", "1 to 99");
	bad("-autosave 10,keep=100", "'keep=100'", "1 to 99");
	bad("-autosave 10,keep=2.5", "'keep=2.5'", "1 to 99");
	bad("-autosave 10,kept=2", "'kept=2'", "1 to 99");
	bad("-autosave keep=2", "'keep'", "-autosave 60");
	bad("-timeout soon", "soon", "-timeout 60");
	bad("-timeout nan", "nan", "-timeout 60");
	bad("-d int,nosuch", "'nosuch'", "-d help");
	bad("-d int,from=soon", "'from=soon'", "-d help");
	bad("-dfilter 5", "'5'", "START+SIZE");
	bad("-daemonize -nographic", "-nographic", "-serial pty");
	bad("-daemonize -serial mon:stdio", "-serial stdio", "-serial pty");
	bad("-daemonize -monitor stdio", "-monitor stdio", "-monitor pty");
	bad("-rtc clock=host", "'host'", "vm");
	bad("-device xen-disc,file=x", "xen-disc", "xen-disk,file=FILE");
	bad("-device xen-disk,fil=x", "-device xen-disk", "'fil'");
	bad("-device e1000", "e1000", "xen-net-device");
	bad("-serial vc", "-serial vc", "-serial stdio");
	bad("-serial com1", "-serial com1", "mon:stdio");
	bad("-monitor vc", "-monitor vc", "unix:PATH");
	bad("-monitor file:x", "-monitor file:x", "unix:PATH");
	bad("-monitor stdio -serial stdio", "-monitor stdio", "Ctrl-A c");
	bad("-serial null -monitor stdio -monitor mon:stdio", "-monitor stdio", "taken already");
	bad("-serial file:", "-serial file:", "file:PATH");
	bad("-serial null -serial null", "-serial null", "once");
	bad("-display gtk", "gtk", "sdl");
	bad("-display sdl,gl=on", "gl=on", "gl=off");
	bad("-vnc 1", "-vnc 1", "localhost:1");
	bad("-vnc :1,lossy=on", "lossy=on", "to=NUMBER");
	bad("-display vnc=here", "here", "unix:PATH");
	bad("-k xx", "xx", "en-us en-gb de");
	bad("-name a/b", "'a/b'", "-name demo");
	bad("-kernel", "-kernel", "FILE");
	bad("vmlinuz", "'vmlinuz'", "-kernel");
	bad("-kernle x", "-kernle", "did you mean -kernel?");
	bad("--inird x", "--inird", "-initrd");
	bad("-serail x", "-serail", "-serial");
	bad("-mem x", "-mem", "such option");
	bad("-zzzzzz", "-zzzzzz", "-h lists");
	bad("-kern x", "-kern", "-kernel");
	bad("-", "'-'", "options start");
	memset(line + 18, 'a', 1023);
	line[18 + 1023] = 0;
	{
		struct options o;

		good(&o, line);
		options_free(&o);
	}
	memset(line + 18, 'a', 1024);
	line[18 + 1024] = 0;
	bad(line, "1024 bytes", "1023");
}
END_TEST

START_TEST(lists)
{
	shows("-h", "usage: paravane", "-kernel FILE");
	shows("--help", "Guest:", "Examples:");
	shows("-help", "Exit codes", "-smp");
	shows("-version", "paravane version", "zlib");
	shows("-M help", "xenpv", "default");
	shows("-M ?", "none", "-bios");
	shows("-machine ?", "xenpv", "default");
	shows("-cpu help", "max", "CPUs");
	shows("-cpu ?", "x86-64-v3", " avx2 ");
	shows("-cpu Haswell,-avx -dumpdts", "cpu = ", "Haswell,-avx");
	shows("-accel help", "interp", "Accelerators");
	shows("-d help", "hypercall", "guest_errors");
	shows("-d help", "from=T", "syntax=att");
	shows("-device help", "xen-net-device", "xen-disk");
	shows("-device xen-disk,file=d.img,format=raw,id=sys -dumpdts", "sys {", "d.img");
	shows("-name t -m 1G -dumpdts", "t {", "memory = /bits/ 64 <0x40000000>;");
}
END_TEST

START_TEST(table)
{
	const struct option_row *r, *q;

	for (r = option_rows; r->name; r++) {
		ck_assert(r->handle && *r->help && *r->group);
		ck_assert_msg(!options_nearest(r->name) || !strcmp(options_nearest(r->name), r->name), "%s", r->name);
		for (q = r + 1; q->name; q++)
			ck_assert_msg(strcmp(r->name, q->name), "-%s is there twice", r->name);
		/* Groups are not scattered, or -h would head one twice. */
		for (q = r + 1; q->name && !strcmp(q->group, r->group); q++)
			;
		for (; q->name; q++)
			ck_assert_msg(strcmp(r->group, q->group), "-%s is apart from its group", q->name);
	}
}
END_TEST

/* Each option has an entry that starts "- `-name" in the manual, and the manual has no entry for anything else. */
START_TEST(manual_agrees)
{
	const char *dir = getenv("srcdir");
	char path[1000], line[1000];
	bool seen[200] = { false };
	FILE *f;
	size_t i;

	snprintf(path, sizeof path, "%s/docs/manual.md", dir ? dir : ".");
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s cannot be read: set srcdir", path);
	while (fgets(line, sizeof line, f)) {
		char *p = line;

		if (strncmp(p, "- `-", 4))
			continue;
		/* "- `-M TYPE`, `-machine TYPE`: ..." has two. */
		while ((p = strstr(p, "`-")) != NULL) {
			size_t len = strcspn(p + 2, " `");
			char *end = strstr(line, "`: ");

			if (end && p > end)
				break;
			for (i = 0; option_rows[i].name; i++)
				if (strlen(option_rows[i].name) == len && !memcmp(option_rows[i].name, p + 2, len))
					break;
			ck_assert_msg(option_rows[i].name != NULL, "the manual has an option that is not there: %s",
				      line);
			/* And its argument is spelled alike. */
			if (*option_rows[i].arg)
				ck_assert_msg(!strncmp(p + 3 + len, option_rows[i].arg, strlen(option_rows[i].arg)) &&
						      p[3 + len + strlen(option_rows[i].arg)] == '`',
					      "%s: the table says '%s'", line, option_rows[i].arg);
			seen[i] = true;
			p += 2;
		}
	}
	fclose(f);
	for (i = 0; option_rows[i].name; i++)
		ck_assert_msg(seen[i], "the manual does not tell of -%s", option_rows[i].name);
}
END_TEST

/* push rbp; mov rbp, rsp; sub rsp, 0x10; ud2; nop: cut right backwards, the one at rip marked. */
START_TEST(disasm)
{
	static const u8 code[] = { 0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x10, 0x0f, 0x0b, 0x90, 0x06 };
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	disasm_around(f, 64, code, sizeof code, 0xffffffff81000000, 0xffffffff81000008);
	fclose(f);
	ck_assert_msg(strstr(text, "-> ffffffff81000008  0f 0b") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "55") != NULL, "%s", text);
#if HAVE_ZYDIS
	ck_assert_msg(strstr(text, "   ffffffff81000001  48 89 e5") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "ud2\n") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "no instruction") != NULL, "%s", text); /* 06 is none in 64-bit mode */
#endif
	free(text);
	/* At the very start and the very end of what could be read. */
	text = NULL;
	f = open_memstream(&text, &len);
	disasm_around(f, 32, code, 1, 0x1000, 0x1000);
	fclose(f);
	ck_assert_msg(!strncmp(text, "-> 0000000000001000  55", 23), "%s", text);
	free(text);
}
END_TEST

Suite *options_suite(void)
{
	Suite *s = suite_create("options");
	TCase *t = tcase_create("options");

	tcase_add_test(t, the_usual_line);
	tcase_add_test(t, values);
	tcase_add_test(t, host_side);
	tcase_add_test(t, ends);
	tcase_add_test(t, clock_by_network);
	tcase_add_test(t, chardevs);
	tcase_add_test(t, not_here);
	tcase_add_test(t, refusals);
	tcase_add_test(t, lists);
	tcase_add_test(t, table);
	tcase_add_test(t, manual_agrees);
	tcase_add_test(t, disasm);
	suite_add_tcase(s, t);
	return s;
}
