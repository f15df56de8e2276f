/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first and only program of a guest: draws on /dev/fb0, as it is told on the console, and says what it drew last as a CRC-32
 * (IEEE 802.3) over red, green, blue of each visible pixel. One command a line:
 *   draw SEED MS PAUSE  random drawing for so many ms of the guest's time, with pauses of up to PAUSE ms; MS: a beat each 100 ms
 *   both SEED MS PAUSE  the same by two processes at a time
 *   dots SEED N PAUSE   N small things, each where nothing later is drawn, with pauses of up to PAUSE ms
 *   text SEED N PAUSE   N words anywhere by the kernel's console
 *   rect X Y W H RGB    one rectangle, RGB in hexadecimal
 *   flash X Y W H MS    one rectangle inverted and, so many ms later, inverted back
 *   size W H            another resolution
 *   off                 power off
 */
#include <fcntl.h>
#include <linux/fb.h>
#include <linux/kd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

struct screen {
	int fd, tty;
	uint8_t *memory;
	unsigned width, height, stride; /* stride: pixels */
	uint64_t random;
};

static uint32_t any(struct screen *s)
{
	/* xorshift64* */
	s->random ^= s->random >> 12;
	s->random ^= s->random << 25;
	s->random ^= s->random >> 27;
	return (uint32_t)(s->random * 0x2545f4914f6cdd1dull >> 32);
}

static unsigned below(struct screen *s, unsigned n)
{
	return any(s) % n;
}

static volatile uint32_t *at(struct screen *s, unsigned x, unsigned y)
{
	return (volatile uint32_t *)s->memory + (size_t)y * s->stride + x;
}

static unsigned long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (unsigned long)t.tv_sec * 1000 + (unsigned long)t.tv_nsec / 1000000;
}

static void pause_for(unsigned ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000l };

	nanosleep(&t, NULL);
}

static uint32_t sum(struct screen *s)
{
	static uint32_t table[256];
	uint32_t crc = ~0u;
	unsigned x, y, i;

	for (i = 0; !table[255] && i < 256; i++) {
		uint32_t c = i;
		int k;

		for (k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
		table[i] = c;
	}
	for (y = 0; y < s->height; y++)
		for (x = 0; x < s->width; x++) {
			uint32_t p = *at(s, x, y);

			crc = table[(crc ^ p >> 16) & 0xff] ^ crc >> 8;
			crc = table[(crc ^ p >> 8) & 0xff] ^ crc >> 8;
			crc = table[(crc ^ p) & 0xff] ^ crc >> 8;
		}
	return ~crc;
}

static void rect(struct screen *s, unsigned x, unsigned y, unsigned w, unsigned h, uint32_t colour)
{
	unsigned i, k;

	for (k = y; k < y + h && k < s->height; k++)
		for (i = x; i < x + w && i < s->width; i++)
			*at(s, i, k) = colour;
}

static void invert(struct screen *s, unsigned x, unsigned y, unsigned w, unsigned h)
{
	unsigned i, k;

	for (k = y; k < y + h && k < s->height; k++)
		for (i = x; i < x + w && i < s->width; i++)
			*at(s, i, k) ^= 0xffffff;
}

static void copy(struct screen *s)
{
	unsigned w = 1 + below(s, s->width), h = 1 + below(s, s->height), x = below(s, s->width - w + 1), y = below(s, s->height - h + 1),
		 tx = below(s, s->width - w + 1), ty = below(s, s->height - h + 1), i;

	for (i = 0; i < h; i++) {
		unsigned k = ty > y ? h - 1 - i : i;

		memmove((void *)at(s, tx, ty + k), (void *)at(s, x, y + k), w * 4);
	}
}

/* Up or down by some lines, all of it at once, as a console without acceleration does. */
static void scroll(struct screen *s)
{
	unsigned n = 1 + below(s, 40);
	size_t line = (size_t)s->stride * 4, rest = line * (s->height - n);

	if (below(s, 2)) {
		memmove(s->memory, s->memory + line * n, rest);
		rect(s, 0, s->height - n, s->width, n, any(s));
	} else {
		memmove(s->memory + line * n, s->memory, rest);
		rect(s, 0, 0, s->width, n, any(s));
	}
}

/* By write(), which the driver sees in another way than the mapping. */
static void through_file(struct screen *s)
{
	uint32_t line[300];
	unsigned n = 1 + below(s, 300), i, x = below(s, s->width), y = below(s, s->height - 1);

	for (i = 0; i < n; i++)
		line[i] = any(s);
	if (pwrite(s->fd, line, n * 4, ((off_t)y * s->stride + x) * 4) != (ssize_t)n * 4)
		printf("ERROR the framebuffer takes no write\n");
}

static void something(struct screen *s)
{
	unsigned i, n;

	switch (below(s, 32)) {
	case 0: rect(s, 0, 0, s->width, s->height, any(s)); break;
	case 1:
	case 2:
	case 3: scroll(s); break;
	case 4:
	case 5:
	case 6: copy(s); break;
	case 7:
	case 8: through_file(s); break;
	case 9:
	case 10:
	case 11: rect(s, 0, below(s, s->height), s->width, 1, any(s)); break;
	case 12:
	case 13:
	case 14: rect(s, below(s, s->width), 0, 1, s->height, any(s)); break;
	case 15:
	case 16: invert(s, below(s, s->width), below(s, s->height), 1 + below(s, 200), 1 + below(s, 200)); break;
	case 17:
	case 18:
	case 19:
	case 20:
	case 21:
		n = 1 + below(s, 50);
		for (i = 0; i < n; i++)
			*at(s, below(s, s->width), below(s, s->height)) = any(s);
		break;
	case 22: /* the corners */
		*at(s, 0, 0) = any(s);
		*at(s, s->width - 1, 0) = any(s);
		*at(s, 0, s->height - 1) = any(s);
		*at(s, s->width - 1, s->height - 1) = any(s);
		break;
	default: rect(s, below(s, s->width), below(s, s->height), 1 + below(s, 150), 1 + below(s, 150), any(s)); break;
	}
}

static void draw(struct screen *s, unsigned seed, unsigned ms, unsigned pause)
{
	unsigned long begun = now(), beat = begun, t;
	unsigned long strokes = 0;

	s->random = 88172645463325252ull + seed;
	while ((t = now()) < begun + ms) {
		if (t >= beat) {
			printf("BEAT %lu\n", t - begun);
			beat += 100;
		}
		something(s);
		strokes++;
		if (pause && !below(s, 4))
			pause_for(below(s, pause + 1));
	}
	printf("STROKES %lu\n", strokes);
}

static void dots(struct screen *s, unsigned seed, unsigned n, unsigned pause)
{
	unsigned i, turn;

	s->random = 88172645463325252ull + seed;
	turn = below(s, 60);
	for (i = 0; i < n; i++) {
		/* A place of 60 in a row of its own; 37 and 60 have no common factor. */
		unsigned x = below(s, s->width - 40), y = (i + turn) * 37 % 60 * (s->height / 60);

		rect(s, x, y, 1 + below(s, 40), 1 + below(s, s->height / 60), any(s));
		if (below(s, 2))
			pause_for(below(s, pause + 1));
	}
}

static void text(struct screen *s, unsigned seed, unsigned n, unsigned pause)
{
	unsigned i, k;

	s->random = 88172645463325252ull + seed;
	if (ioctl(s->tty, KDSETMODE, KD_TEXT))
		printf("ERROR no text\n");
	dprintf(s->tty, "\033[?25l\033[2J");
	for (i = 0; i < n; i++) {
		char word[16];

		for (k = 0; k < 1 + i % 15; k++)
			word[k] = (char)('!' + below(s, 94));
		dprintf(s->tty, "\033[%u;%uH\033[%um%.*s", 1 + below(s, s->height / 16), 1 + below(s, s->width / 8 - 16), 30 + below(s, 8),
			(int)k, word);
		if (!below(s, 3))
			pause_for(below(s, pause + 1));
	}
	if (ioctl(s->tty, KDSETMODE, KD_GRAPHICS))
		printf("ERROR no graphics\n");
}

static int resolution(struct screen *s, unsigned w, unsigned h)
{
	struct fb_var_screeninfo var;
	struct fb_fix_screeninfo fix;

	if (ioctl(s->fd, FBIOGET_VSCREENINFO, &var))
		return -1;
	if (w) {
		var.xres = var.xres_virtual = w;
		var.yres = var.yres_virtual = h;
		if (ioctl(s->fd, FBIOPUT_VSCREENINFO, &var) || ioctl(s->fd, FBIOGET_VSCREENINFO, &var))
			return -1;
	}
	if (ioctl(s->fd, FBIOGET_FSCREENINFO, &fix) || var.bits_per_pixel != 32)
		return -1;
	s->width = var.xres;
	s->height = var.yres;
	s->stride = fix.line_length / 4;
	if (!s->memory)
		s->memory = mmap(NULL, fix.smem_len, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	return s->memory == MAP_FAILED ? -1 : 0;
}

static void obey(struct screen *s, const char *line)
{
	unsigned a, b, c, d, e;

	if (sscanf(line, "draw %u %u %u", &a, &b, &c) == 3) {
		draw(s, a, b, c);
	} else if (sscanf(line, "both %u %u %u", &a, &b, &c) == 3) {
		pid_t child = fork();

		draw(s, child ? a : a + 1000, b, c);
		if (!child)
			exit(0);
		if (child < 0 || wait(NULL) != child)
			printf("ERROR no second process\n");
	} else if (sscanf(line, "dots %u %u %u", &a, &b, &c) == 3) {
		dots(s, a, b, c);
	} else if (sscanf(line, "text %u %u %u", &a, &b, &c) == 3) {
		text(s, a, b, c);
	} else if (sscanf(line, "rect %u %u %u %u %x", &a, &b, &c, &d, &e) == 5) {
		rect(s, a, b, c, d, e);
	} else if (sscanf(line, "flash %u %u %u %u %u", &a, &b, &c, &d, &e) == 5) {
		invert(s, a, b, c, d);
		pause_for(e);
		invert(s, a, b, c, d);
	} else if (sscanf(line, "size %u %u", &a, &b) == 2) {
		if (resolution(s, a, b))
			printf("ERROR no such size\n");
		rect(s, 0, 0, 1, 1, 0x123456); /* the driver tells the size with the next stroke */
	} else if (!strncmp(line, "off", 3)) {
		reboot(RB_POWER_OFF);
	} else {
		printf("ERROR what is %s\n", line);
	}
	printf("DREW %ux%u %08x\n", s->width, s->height, sum(s));
}

int main(void)
{
	struct screen s = { .fd = -1 };
	struct termios t;
	char line[128];
	int tries;

	setvbuf(stdout, NULL, _IOLBF, 0);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	if (!tcgetattr(0, &t)) {
		t.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(0, TCSANOW, &t);
	}
	for (tries = 0; tries < 100 && (s.fd = open("/dev/fb0", O_RDWR)) < 0; tries++)
		pause_for(100);
	/* The kernel's own console, with its cursor, leaves the screen alone from here on. */
	s.tty = open("/dev/tty1", O_RDWR | O_NOCTTY);
	if (s.fd < 0 || s.tty < 0 || ioctl(s.tty, KDSETMODE, KD_GRAPHICS) || resolution(&s, 0, 0))
		printf("ERROR no framebuffer\n");
	else
		printf("READY %ux%u\n", s.width, s.height);
	while (fgets(line, sizeof line, stdin))
		obey(&s, line);
	reboot(RB_POWER_OFF);
	return 0;
}
