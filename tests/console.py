# SPDX-License-Identifier: GPL-2.0-or-later
"""A program whose console a test reads and types on, and counts of checks."""
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

LONG = 600  # seconds that anything may take on a loaded machine


class Count:
    def __init__(self, suite):
        self.suite = suite
        self.passed = 0
        self.failed = 0

    def check(self, name, ok, why=""):
        if ok:
            self.passed += 1
            if os.environ.get("VERBOSE"):
                print(f"ok    {self.suite}: {name}")
        else:
            self.failed += 1
            print(f"FAIL  {self.suite}: {name}{': ' + str(why)[-600:] if why else ''}")
        sys.stdout.flush()
        return ok

    def same(self, name, got, wanted):
        return self.check(name, got == wanted, f"{got!r}, not {wanted!r}")


class Gone(Exception):
    pass


class Console:
    """A running program: its console as a file of bytes."""

    def __init__(self, command, log):
        self.log = open(log, "wb")
        self.seen = b""
        self.at = 0
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.fresh = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while True:
            got = os.read(self.process.stdout.fileno(), 65536)
            with self.fresh:
                if not got:
                    self.reader = None
                    self.fresh.notify()
                    return
                self.log.write(got)
                self.log.flush()
                self.seen += got
                self.took(got)
                self.fresh.notify()

    def took(self, got):
        """For those that look at what comes when it comes."""

    def wait_for(self, pattern, seconds=LONG):
        """The match of what comes after all that was waited for before."""
        end = time.monotonic() + seconds
        with self.fresh:
            while True:
                m = re.compile(pattern).search(self.seen, self.at)
                if m:
                    self.at = m.end()
                    return m
                if self.reader is None or not self.fresh.wait(max(0, end - time.monotonic())):
                    raise Gone(f"no {pattern!r} after {self.seen[self.at:][-400:]!r}")

    def type(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def end(self, seconds=LONG):
        code = self.process.wait(seconds)
        self.log.close()
        return code

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def tool(*command):
    p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return p.returncode, p.stdout


def monitor(path, command, seconds=LONG):
    """What the monitor says to a command."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(seconds)
        s.connect(path)

        def answer():
            b = b""
            while b"(paravane) " not in b:
                got = s.recv(4096)
                if not got:
                    raise OSError(f"the monitor hung up after {b!r}")
                b += got
            return b.decode(errors="replace")

        answer()
        s.sendall(command.encode() + b"\n")
        return answer()
