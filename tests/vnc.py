#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""vnc.py PROGRAM KERNEL WORKDIR: what VNC viewers see of a guest that draws, exactly, and what bad viewers do to it.

The guest is one static program (tests/vnc.d/draw.c) that draws through /dev/fb0 and says what it drew as a checksum. Viewers that
follow, come late or read slowly must end up with that picture, as must screendump and a window (where Xvfb is there); what is
sent is what changed; viewers that stall, leave in the middle of a message or send nonsense disturb nobody. $CC makes the program
(cc).
"""
import gzip
import os
import random
import re
import select
import shlex
import socket
import struct
import subprocess
import sys
import tempfile
import time
import zlib

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rfb  # noqa: E402
import xvfb  # noqa: E402
from console import Console, Count, Gone, monitor, tool  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SETTLED = 60     # seconds within which a picture must be right after the last stroke, on a loaded machine
HANDSHAKE = (b"RFB 003.008\n" b"\1" b"\1" + struct.pack(">BxxxBBBBHHHBBBxxx", 0, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0) +
             struct.pack(">BxH3i", 2, 3, 0, -223, -258) + struct.pack(">BBHHHH", 3, 0, 0, 0, 800, 600))
NONSENSE = [b"GET / HTTP/1.0\r\n\r\n", b"RFB 999.999\n\1\1", b"RFB 003.003\n\1\xff\xff\xff\xff", b"RFB 003.008\n\7",
            HANDSHAKE + b"\xfe\xfe\xfe\xfe", HANDSHAKE + b"\2\0\xff\xff" + b"\x80" * 300, HANDSHAKE + b"\6\0\0\0\x7f\xff\xff\xffx",
            HANDSHAKE + b"\6\0\0\0\xff\xff\xff\xff" + b"y" * 100, HANDSHAKE + struct.pack(">BBHHHH", 3, 0, 65535, 65535, 65535, 65535),
            HANDSHAKE + b"\0\0\0\0" + b"\1" * 16, HANDSHAKE + b"\xff\0\0\1" + b"\xff" * 8, HANDSHAKE + b"\xff\7\0\0" + b"\xff" * 8]


def initrd(program, path):
    """A RAM disk with one file: /init."""
    data = open(program, "rb").read()
    out = b""
    for name, mode, body in (("init", 0o100755, data), ("dev", 0o40755, b""), ("TRAILER!!!", 0, b"")):
        fields = (1, mode, 0, 0, 1, 0, len(body), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0"
        out += head + b"\0" * (-len(head) % 4) + body + b"\0" * (-len(body) % 4)
    with gzip.open(path, "wb", 6) as f:
        f.write(out)


class Guest(Console):
    def __init__(self, program, kernel, ramdisk, spot, work, x=None):
        """x: the X server its window is on."""
        self.vnc, self.mon, self.dump = (f"{spot}/{n}" for n in ("vnc", "monitor", "dump.ppm"))
        self.beats = []  # when they came
        self.x, self.window, self.shot = x, None, f"{spot}/window.ppm"
        super().__init__([*(["env", f"DISPLAY={x.display}"] if x else []), program, "-M", "xenpv", "-name", "draws", "-m", "160",
                          "-smp", "2", "-kernel", kernel, "-initrd", ramdisk, "-append", "console=hvc0 quiet cryptomgr.notests rodata=off",
                          "-serial", "stdio", "-timeout", "600", "-vnc", f"unix:{self.vnc}", "-monitor",
                          f"unix:{self.mon},server=on,wait=off", "-display", "sdl" if x else "none"],
                         f"{work}/console.out")

    def took(self, got):
        self.beats += [time.monotonic()] * got.count(b"BEAT")

    def has(self, pattern):
        """As wait_for(), without waiting: None when it is not there yet."""
        with self.fresh:
            m = re.compile(pattern).search(self.seen, self.at)
            if m:
                self.at = m.end()
            elif self.reader is None:
                raise Gone(f"no {pattern!r} after {self.seen[self.at:][-400:]!r}")
            return m

    def tell(self, command):
        self.type(command + "\n")

    def drew(self):
        """The picture it has drawn last: (width, height, sum), None while it is at it."""
        m = self.has(rb"DREW (\d+)x(\d+) ([0-9a-f]{8})\r?\n")
        return m and (int(m[1]), int(m[2]), int(m[3], 16))

    def told(self, command, *viewers):
        """A command's picture; what viewers are sent meanwhile they take."""
        self.tell(command)
        while True:
            got = self.drew()
            if got:
                return got
            for v in viewers:
                v.update(0.02)
            if not viewers:
                time.sleep(0.02)

    def memory(self):
        """Resident, in MiB."""
        return int(re.search(r"VmRSS:\s*(\d+)", open(f"/proc/{self.process.pid}/status").read())[1]) // 1024


def seen(v):
    return v.width, v.height, zlib.crc32(v.rgb())


def stored(path):
    """The picture in a PPM file."""
    try:
        w, h, b = rfb.read_ppm(path)
    except (OSError, IndexError, ValueError):
        return None
    return w, h, zlib.crc32(b)


def dumped(g):
    """What the monitor's screendump writes."""
    if os.path.exists(g.dump):
        os.unlink(g.dump)
    monitor(g.mon, f"screendump {g.dump}")
    return stored(g.dump)


def shown(c, name, g, want):
    """The window comes to have the picture."""
    end = time.monotonic() + SETTLED
    got = None
    while got != want and time.monotonic() < end:
        g.x.picture(g.window, g.shot)
        got = stored(g.shot)
    c.same(f"{name}: the window has it", got, want)


class Slow:
    """A viewer that asks now and then and reads when it likes."""

    def __init__(self, path, every):
        self.v = rfb.Viewer(path, follows=False)
        self.every = every
        self.next = 0

    def turn(self):
        if time.monotonic() < self.next:
            return
        self.next = time.monotonic() + self.every
        self.v.update(0)
        if not self.v.asked:
            self.v.ask()


def settle(c, name, g, want, viewers, slow):
    """Everybody comes to have the picture, and keeps it."""
    end = time.monotonic() + SETTLED
    wrong = list(viewers)
    while wrong and time.monotonic() < end:
        for v in viewers:
            v.update(0.05)
        for s in slow:
            s.turn()
        wrong = [v for v in viewers if seen(v) != want]
    c.check(f"{name}: viewers have the picture", not wrong, f"{[seen(v) for v in wrong]} and not {want}")
    while any(seen(s.v) != want for s in slow) and time.monotonic() < end:
        for s in slow:
            s.turn()
        time.sleep(0.02)
    for s in slow:
        c.same(f"{name}: a slow viewer has it", seen(s.v), want)
    c.same(f"{name}: screendump has it", dumped(g), want)
    for v in viewers:
        v.update(0.1)
    c.check(f"{name}: it stays", all(seen(v) == want for v in viewers))


def round_of(c, name, g, command, viewers, slow, late=0):
    """The guest draws, watched by all, and by one more who comes after so many seconds."""
    g.tell(command)
    comes = time.monotonic() + late
    mine = list(viewers)
    want = None
    while not want:
        for v in mine:
            v.update(0.02)
        for s in slow:
            s.turn()
        if late and time.monotonic() > comes:
            mine.append(rfb.Viewer(g.vnc))
            late = 0
        want = g.drew()
    settle(c, name, g, want, mine, slow)
    if g.window:
        shown(c, name, g, want)
    for v in mine[len(viewers):]:
        v.close()
    return want


def redraws(c, g):
    """Pictures, to the last pixel."""
    v = rfb.Viewer(g.vnc)
    v.until(lambda w: (w.width, w.height) == (800, 600), SETTLED)
    slow = [Slow(g.vnc, 0.7), Slow(g.vnc, 0.23)]
    everybody = [v]
    pictures = {round_of(c, "without pauses", g, "draw 1 700 0", everybody, slow, 0.5),
                round_of(c, "short pauses", g, "draw 2 1200 20", everybody, slow, 0.7),
                round_of(c, "long pauses", g, "draw 3 1500 150", everybody, slow, 0.9),
                round_of(c, "two processors", g, "both 10 800 20", everybody, slow, 0.8),
                round_of(c, "smaller", g, "size 640 480", everybody, slow),
                round_of(c, "smaller, drawn", g, "draw 4 1000 60", everybody, slow, 0.3),
                round_of(c, "as large as it was", g, "size 800 600", everybody, slow),
                round_of(c, "nobody but the slow ones", g, "draw 5 600 10", [], slow),
                round_of(c, "text", g, "text 1 300 10", everybody, slow)}
    # What is missed here nothing heals.
    slow.pop(0).v.close()
    for seed, n, ms in ((1, 60, 0), (2, 60, 8), (3, 40, 30), (4, 20, 80), (5, 12, 150), (6, 1, 0), (7, 2, 0)):
        pictures.add(round_of(c, f"{n} dots with pauses of up to {ms} ms", g, f"dots {seed} {n} {ms}", everybody, slow))
    c.same("pictures differ", len(pictures), 16)
    for s in slow:
        s.v.close()
    # What was drawn while nobody looked is seen by who comes then.
    v.close()
    want = g.told("draw 7 700 10")
    v = rfb.Viewer(g.vnc)
    settle(c, "drawn unseen", g, want, [v], [])
    # Short flashes end as they began.
    for ms in (1, 20, 60, 130):
        settle(c, f"a flash of {ms} ms", g, g.told(f"flash 100 100 300 200 {ms}", v), [v], [])
    return v


def proportional(c, g, v):
    """What is sent is what changed, and nothing when nothing did."""
    g.told("rect 0 0 800 600 203040", v)
    for x, y, colour in ((37, 41, "ff8000"), (790, 590, "00ff00"), (0, 0, "ffffff")):
        v.update(0.2)
        v.clear()
        before = v.received
        want = g.told(f"rect {x} {y} 10 10 {colour}", v)
        v.until(lambda w: seen(w) == want, SETTLED)
        v.update(0.3)
        area = sum(r[2] * r[3] for r in v.rects)
        c.check(f"10 x 10 at {x}, {y} arrive", seen(v) == want)
        c.check(f"10 x 10 at {x}, {y}: little is sent", 100 <= area <= 1600 and v.received - before < 4 * area + 200,
                f"{v.rects}, {v.received - before} bytes")
        print(f"vnc: 10 x 10 pixels took {v.received - before} bytes in {len(v.rects)} rectangles of {area} pixels")
    v.update(0.5)
    before = v.received
    v.update(2)
    c.same("an idle screen sends nothing", v.received - before, 0)
    g.told("rect 0 0 10 10 ffffff", v)
    v.update(0.5)
    c.same("neither does what is drawn as it was", v.received - before, 0)


def connect(path, room=None):
    s = socket.socket(socket.AF_UNIX)
    if room:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    s.settimeout(20)
    end = time.monotonic() + 20
    while True:
        try:
            s.connect(path)
            return s
        except BlockingIOError:  # many wait already
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def push(s, data):
    """As far as the other side takes it."""
    try:
        s.sendall(data)
    except OSError:
        pass


def bad(c, g, v):
    """Viewers that never read, leave at each byte, talk nonsense, while the guest draws and one good viewer looks."""
    g.told("draw 8 300 0", v)
    before = g.memory()
    g.beats = []
    g.tell("draw 9 6000 30")
    ask = struct.pack(">BBHHHH", 3, 0, 0, 0, 800, 600)
    stalled = [connect(g.vnc, 4096) for _ in range(3)]
    for s in stalled:
        s.settimeout(0.2)
        push(s, HANDSHAKE + ask * 300)
    half = connect(g.vnc)  # one that says the half of something
    push(half, HANDSHAKE[:-5])
    turns = 0
    dice = random.Random(5)
    cases = [(HANDSHAKE[:i], i % 3) for i in range(len(HANDSHAKE) + 1)] + [(n, i % 3) for i, n in enumerate(NONSENSE)]
    cases += [(HANDSHAKE + dice.randbytes(200), 0) for _ in range(10)] + [(dice.randbytes(100), 1) for _ in range(5)]
    most = want = None
    longest = 0
    while cases or not want:
        v.update(0.02)
        most = max(most or 0, g.memory())
        for _ in range(3):
            if not cases:
                break
            data, how = cases.pop()
            begun = time.monotonic()
            s = connect(g.vnc)
            longest = max(longest, time.monotonic() - begun)
            push(s, data)
            if how == 1 and select.select([s], [], [], 0.01)[0]:
                try:
                    s.recv(100)
                except OSError:
                    pass
            if how == 2:
                s.shutdown(socket.SHUT_WR)
            s.close()
            turns += 1
        want = want or g.drew()
    gaps = [b - a for a, b in zip(g.beats, g.beats[1:])]
    print(f"vnc: {turns} bad viewers; beats of 100 ms came {max(gaps):.2f} s apart at most; memory {before}, then at most {most} MiB")
    c.check("bad viewers: the guest goes on", len(g.beats) > 50 and max(gaps) < 5, f"{len(g.beats)} beats, {max(gaps)} s")
    c.check("bad viewers: others are still let in", longest < 10, longest)
    c.check("bad viewers: memory does not grow", most - before < 128, f"from {before} to {most} MiB")
    settle(c, "bad viewers", g, want, [v], [])
    for s in stalled + [half]:
        s.close()
    alone(c, "bad viewers", g)


def alone(c, name, g):
    """One viewer is left."""
    end = time.monotonic() + SETTLED
    while monitor(g.mon, "info vnc").count("Client:") > 1 and time.monotonic() < end:
        time.sleep(0.1)
    c.same(f"{name}: they are gone", monitor(g.mon, "info vnc").count("Client:"), 1)


def guess(path):
    """Answers a challenge with nonsense: how long that took, what was said."""
    begun = time.monotonic()
    s = connect(path)
    s.settimeout(60)

    def get(n):
        b = b""
        while len(b) < n:
            got = s.recv(n - len(b))
            if not got:
                break
            b += got
        return b

    get(12)
    s.sendall(b"RFB 003.008\n")
    kinds = get(get(1)[0])
    s.sendall(b"\2")
    get(16)
    s.sendall(os.urandom(16))
    said = get(4)
    s.close()
    return time.monotonic() - begun, kinds, said


def passwords(c, g, v):
    monitor(g.mon, "set_password vnc secret")
    g.tell("draw 10 3000 30")
    answer = b"RFB 003.008\n\2" + b"x" * 15
    for i in range(len(answer) + 1):
        s = connect(g.vnc)
        push(s, answer[:i])
        if i % 2:
            s.shutdown(socket.SHUT_WR)
        s.close()
        v.update(0)
    alone(c, "half a password", g)  # there is not room for any number
    took = []
    for _ in range(2):
        t, kinds, said = guess(g.vnc)
        took.append(t)
        c.same("a password is asked for, and nothing else goes", kinds, b"\2")
        c.same("a wrong one is refused", said, b"\0\0\0\1")
    c.check("and slowly", all(t >= 0.9 for t in took), took)
    try:
        rfb.Viewer(g.vnc).close()
        c.check("none at all is not enough", False)
    except OSError as e:
        c.same("none at all is not enough", str(e), "the server wants a password")
    want = None
    while not want:
        v.update(0.05)
        want = g.drew()
    settle(c, "guessed passwords", g, want, [v], [])
    alone(c, "guessed passwords", g)


def main():
    if len(sys.argv) != 4:
        sys.exit(f"usage: {sys.argv[0]} PROGRAM KERNEL WORKDIR")
    program, kernel, work = (os.path.abspath(p) for p in sys.argv[1:])
    if not re.search("libvncserver.*yes", tool(program, "-version")[1]):
        print("vnc: this build has no libvncserver; skipped")
        return 77
    os.makedirs(work, exist_ok=True)
    code, said = tool(*shlex.split(os.environ.get("CC", "cc")), "-std=gnu11", "-O2", "-m64", "-static", "-o", f"{work}/init",
                      f"{HERE}/vnc.d/draw.c")
    if code:
        print(f"vnc: {os.environ.get('CC', 'cc')} makes no static programs for amd64; skipped")
        return 77
    initrd(f"{work}/init", f"{work}/initrd.gz")
    c = Count("vnc")
    g = x = None
    with tempfile.TemporaryDirectory(prefix="paravane-") as spot:
        try:
            began = time.monotonic()

            def lap(name):
                nonlocal began
                print(f"vnc: {name} took {time.monotonic() - began:.1f} s")
                began = time.monotonic()

            if xvfb.lacks() or not re.search("SDL2.*yes", tool(program, "-version")[1]):
                print("vnc: without a window: that takes SDL2, Xvfb, xdotool and ImageMagick's import")
            else:
                x = xvfb.Xvfb()
            g = Guest(program, kernel, f"{work}/initrd.gz", spot, work, x)
            c.same("the guest draws on 800 x 600", g.wait_for(rb"(READY .*|ERROR .*)\r?\n")[1].strip(), b"READY 800x600")
            if x:
                g.window = x.window("Paravane .draws.")
                c.check("it has a window", g.window)
                x.run("xdotool", "windowmove", g.window, "0", "0")
            lap("boot")
            v = redraws(c, g)
            lap("redraws")
            proportional(c, g, v)
            lap("proportional")
            bad(c, g, v)
            lap("bad viewers")
            passwords(c, g, v)
            lap("passwords")
            g.tell("off")
            c.same("it powers off", g.end(120), 0)
            c.check("the guest complains of nothing", b"ERROR" not in g.seen, re.findall(rb"ERROR.*", g.seen))
        except (Gone, OSError, ValueError, TypeError, IndexError, subprocess.SubprocessError) as e:
            c.check("it goes on to the end", False, repr(e))
        finally:
            if g and g.process.poll() is None:
                g.kill()
            if x:
                x.stop()
    print(f"vnc: {c.passed} passed, {c.failed} failed")
    return c.failed != 0


if __name__ == "__main__":
    sys.exit(main())
