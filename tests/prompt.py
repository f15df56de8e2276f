#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""prompt.py PROGRAM KERNEL: a monitor on a terminal whose prompt stays usable while others write there: what is told of loading,
the log, and progress."""
import os
import pty
import re
import select
import signal
import sys
import tempfile
import time

from console import LONG, Count


class Terminal:
    """A program on a terminal of its own, and the lines that a person would see."""

    def __init__(self, command):
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.execv(command[0], command)
        self.seen = b""

    def read(self, seconds):
        end = time.time() + seconds
        while time.time() < end:
            if not select.select([self.fd], [], [], max(0, end - time.time()))[0]:
                continue
            try:
                got = os.read(self.fd, 65536)
            except OSError:
                return False
            self.seen += got
        return True

    def screen(self):
        """Lines as they stand: a carriage return goes to the start, ESC [ K erases what is behind."""
        lines, line, at = [], [], 0
        for c in re.findall(rb"\033\[[0-9]*[A-Za-z]|.|\n", self.seen, re.S):
            if c == b"\n":
                lines.append("".join(line))
                line, at = [], 0
            elif c == b"\r":
                at = 0
            elif c == b"\033[K":
                del line[at:]
            elif len(c) > 1:
                count = int(c[2:-1] or b"1")
                if c.endswith(b"D"):
                    at = max(0, at - count)
            elif c >= b" ":
                line[at:at + 1] = [c.decode("latin-1")]
                at += 1
        return lines, "".join(line)

    def until(self, wanted):
        end = time.time() + LONG
        while time.time() < end:
            lines, last = self.screen()
            if wanted(lines, last):
                return True
            if not self.read(0.1):
                return wanted(*self.screen())
        return False

    def type(self, text):
        os.write(self.fd, text.encode())


def main():
    program, kernel = os.path.abspath(sys.argv[1]), sys.argv[2]
    count = Count("prompt")
    t = Terminal([program, "-kernel", kernel, "-append", "console=hvc0 panic=-1", "-monitor", "stdio", "-serial", "null", "-S",
                  "-timeout", str(LONG)])
    try:
        count.check("a prompt after what is told of loading", t.until(lambda lines, last: last == "(paravane) " and
                    any("kernel" in line for line in lines)), t.screen())
        lines, _ = t.screen()
        count.check("loading is not on the line of a prompt", not any("(paravane) paravane:" in line for line in lines), lines)
        t.type("log hypercall,int\r")
        t.until(lambda lines, last: any(line.endswith("log hypercall,int") for line in lines) and last == "(paravane) ")
        t.type("cont\r")
        count.check("the log comes", t.until(lambda lines, last: any("set_trap_table" in line for line in lines)), t.screen()[0][-5:])
        # Half a word is typed while lines come; it is there when they pause, and is obeyed.
        t.type("sto")
        t.read(0.5)
        t.type("p\r")
        t.until(lambda lines, last: any(line.endswith("(paravane) stop") for line in lines) and last == "(paravane) ")
        lines, last = t.screen()
        count.check("what was typed stands on one line", any(line == "(paravane) stop" for line in lines), lines[-5:])
        count.same("the prompt is back", last, "(paravane) ")
        count.check("lines of the log are whole", all(re.match(r"\[\d+ \d+\.\d{9}\] d1", line) for line in lines if "d1 v0:" in line),
                    [line for line in lines if "d1 v0:" in line and not line.startswith("[")][:3])
        # Progress, asked for by a signal, and a prompt with a word behind it.
        t.type("info sta")
        t.until(lambda lines, last: last == "(paravane) info sta")
        os.kill(t.pid, signal.SIGUSR1)
        t.until(lambda lines, last: any("million instructions" in line for line in lines))
        count.check("the word is shown again", t.until(lambda lines, last: last == "(paravane) info sta"), t.screen()[1])
        t.type("tus\r")
        count.check("and goes on", t.until(lambda lines, last: any("VM status: paused" in line for line in lines)))
        # How far a snapshot is, on the line where the prompt comes back. It is read again and again, since the guest may be small.
        with tempfile.TemporaryDirectory(prefix="paravane-") as spot:
            seen = 0
            for i in range(20):
                before = len(t.seen)
                t.type(f"save -c {spot}/snapshot\r")
                t.until(lambda lines, last: any(line.endswith("/snapshot") for line in lines[-1:]) and last == "(paravane) ")
                seen += len(re.findall(rb"\[ \d+ % [\d.]+ of [\d.]+ MiB(, \d+ s left|, to the disk)? \]", t.seen[before:]))
                if seen:
                    break
            count.check("progress of a snapshot", seen)
            count.check("it leaves no line behind", not any("MiB" in line and "[ " in line for line in t.screen()[0]), t.screen()[0][-5:])
        t.type("quit\r")
        ended = False
        for _ in range(LONG):
            if not t.read(1):
                ended = True
                break
        count.check("quit", ended)
    finally:
        try:
            os.kill(t.pid, signal.SIGKILL)
        except OSError:
            pass
        os.waitpid(t.pid, 0)
    print(f"prompt: {count.passed} passed, {count.failed} failed")
    sys.exit(count.failed != 0)


main()
