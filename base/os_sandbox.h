/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls that differ between host systems: confinement. A process gives up what it does not need any more. On Linux: no
 * new privileges (prctl(2)), Landlock for files (landlock(7)), seccomp for system calls (by libseccomp). Elsewhere
 * there is nothing of the kind.
 */
#ifndef BASE_OS_SANDBOX_H
#define BASE_OS_SANDBOX_H

#include "base/log.h"
#include "base/types.h"

enum os_sandbox_right {
	OS_SANDBOX_READ = 1,   /* this file, or what is in this folder and below */
	OS_SANDBOX_WRITE = 2,  /* with reading, and in a folder making and removing files */
	OS_SANDBOX_REMOVE = 4, /* files in this folder and below */
	OS_SANDBOX_MAYBE = 8,  /* not an error when it is not there */
};

struct os_sandbox_path {
	const char *path;
	u32 rights; /* OS_SANDBOX_* */
};

struct os_sandbox {
	const struct os_sandbox_path *paths;
	size_t npaths;
	bool connects; /* makes Internet sockets, and looks up names */
	bool local;    /* makes Unix sockets */
	bool window;   /* a window library's needs: shared memory, code that it makes itself, the window system's socket */
};

/*
 * From here on, for the whole process and for ever: what s does not name is refused with EPERM or EACCES. What is open stays
 * open. Only for a process of one thread; those it starts later are confined, too. *files is false when this host cannot confine
 * files. 0; -ENOTSUP, where there is no such thing; or another -errno; with a sentence.
 */
int os_sandbox_enter(const struct os_sandbox *s, bool *files, struct error *e);

#endif
