/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a command, reads its output as it comes and times the marks of bench/guest/work.c in it: on the host's clock, and
 * in CPU time of the command's process. POSIX. What it leaves out: anything about what the numbers mean (bench/run).
 * usage: watch [-t SECONDS] [-l LOG] [-c] -- COMMAND...; prints NAME WALL CPU N SUM a mark; exits with 1 when "done" is missing
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct watch {
	pid_t pid;
	clockid_t cpu_clock;
	double wall0, cpu0; /* at the last "start" */
	double last_cpu;    /* the process may be gone when its last words are read */
	int guest_cpu;      /* take CPU time from the mark: a native run, whose children count too */
	int done;
	FILE *log;
};

static double clock_seconds(clockid_t id)
{
	struct timespec t;

	return clock_gettime(id, &t) == 0 ? (double)t.tv_sec + (double)t.tv_nsec / 1e9 : -1;
}

static double cpu_seconds(struct watch *w)
{
	double t = clock_seconds(w->cpu_clock);

	if (t >= 0)
		w->last_cpu = t;
	return w->last_cpu;
}

/* A line of output; now is when it was complete. */
static void watch_line(struct watch *w, const char *line, double wall, double cpu)
{
	char name[32], what[32];
	unsigned long n = 0, usec = 0;
	char sum[32] = "0";
	const char *mark = strstr(line, "BENCH ");

	if (w->log)
		fprintf(w->log, "%10.4f %s\n", wall, line);
	if (!mark || sscanf(mark, "BENCH %31s %31s %lu %lu %31s", name, what, &n, &usec, sum) < 2)
		return;
	if (!strcmp(what, "done"))
		w->done = 1;
	if (!strcmp(what, "start")) {
		w->wall0 = wall;
		w->cpu0 = cpu;
	}
	if (!strcmp(what, "end")) {
		printf("%s\t%.6f\t%.6f\t%lu\t%s\n", name, wall - w->wall0,
		       w->guest_cpu ? (double)usec / 1e6 : cpu - w->cpu0, n, sum);
		fflush(stdout);
	}
}

static void run(struct watch *w, int fd, double seconds)
{
	char line[1024], buf[4096];
	size_t len = 0;
	double begin = clock_seconds(CLOCK_MONOTONIC), end = begin + seconds;

	w->wall0 = 0;
	w->cpu0 = 0;
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		double wall = clock_seconds(CLOCK_MONOTONIC), cpu;
		ssize_t n;

		if (w->done && end > wall + 2)
			end = wall + 2; /* time to power off by itself */
		if (wall >= end)
			return;
		n = poll(&p, 1, (int)((end - wall) * 1000) + 1);
		if (n < 0 && errno != EINTR)
			return;
		if (n <= 0)
			continue;
		n = read(fd, buf, sizeof(buf));
		wall = clock_seconds(CLOCK_MONOTONIC) - begin;
		cpu = cpu_seconds(w);
		if (n <= 0)
			return;
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] == '\r')
				continue;
			if (buf[i] != '\n' && len < sizeof(line) - 1) {
				line[len++] = buf[i];
				continue;
			}
			line[len] = 0;
			len = 0;
			watch_line(w, line, wall, cpu);
		}
	}
}

int main(int argc, char **argv)
{
	struct watch w = { 0 };
	double seconds = 300;
	int opt, fds[2], status;

	while ((opt = getopt(argc, argv, "t:l:c")) != -1) {
		if (opt == 't')
			seconds = atof(optarg);
		else if (opt == 'l')
			w.log = fopen(optarg, "w");
		else if (opt == 'c')
			w.guest_cpu = 1;
		else
			return 2;
	}
	if (optind >= argc || pipe(fds)) {
		fprintf(stderr, "usage: watch [-t SECONDS] [-l LOG] [-c] -- COMMAND...\n");
		return 2;
	}
	w.pid = fork();
	if (w.pid < 0)
		return 2;
	if (w.pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(fds[1], 1);
		if (w.log)
			dup2(fileno(w.log), 2);
		close(fds[0]);
		close(fds[1]);
		execvp(argv[optind], argv + optind);
		fprintf(stderr, "watch: cannot run %s: %s\n", argv[optind], strerror(errno));
		_exit(127);
	}
	close(fds[1]);
	if (clock_getcpuclockid(w.pid, &w.cpu_clock))
		w.cpu_clock = (clockid_t)-1;
	run(&w, fds[0], seconds);
	for (int i = 0; i < 40 && waitpid(w.pid, &status, WNOHANG) == 0; i++) {
		if (i == 0)
			kill(w.pid, SIGTERM);
		if (i == 20)
			kill(w.pid, SIGKILL);
		nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
	}
	if (w.log)
		fclose(w.log);
	return w.done ? 0 : 1;
}
