#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""strip.py PROGRAM KERNEL BUSYBOX WORKDIR: snapshots by keys, as a VNC viewer has them, and a window where Xvfb is there.

Ctrl-Alt-S takes one, Ctrl-Alt-R shows them as a strip. The guest counts lines that are typed: after going back it goes on from the
count of that time. What is over the screen is in no screendump, and keys that the strip takes get to no guest. With $PICTURES (a
folder) what was seen is left there.
"""
import os
import re
import struct
import subprocess
import sys
import tempfile
import zlib

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rfb  # noqa: E402
import xvfb  # noqa: E402
from console import Console, Count, Gone, monitor, tool  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SETTLED = 60
rfb.KEYS.update({"left": 0xff51, "right": 0xff53})


def png(v, name):
    """What a viewer sees, for people."""
    if not os.environ.get("PICTURES"):
        return
    rgb = v.rgb()
    rows = b"".join(b"\0" + rgb[y * v.width * 3:(y + 1) * v.width * 3] for y in range(v.height))
    out = b"\x89PNG\r\n\x1a\n"
    for kind, body in ((b"IHDR", struct.pack(">IIBBBBB", v.width, v.height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        out += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    with open(f"{os.environ['PICTURES']}/{name}.png", "wb") as f:
        f.write(out)


class Guest(Console):
    def __init__(self, program, kernel, ramdisk, spot, work, x):
        """x: the X server its window is on."""
        self.vnc, self.mon, self.kept, self.dump, self.shot = (f"{spot}/{n}" for n in ("vnc", "monitor", "kept", "dump.ppm", "window.ppm"))
        self.x = x
        super().__init__([*(["env", f"DISPLAY={x.display}"] if x else []), program, "-name", "strip", "-m", "160", "-kernel", kernel, "-initrd",
                          ramdisk, "-append", "console=hvc0 quiet cryptomgr.notests rodata=off", "-serial", "stdio", "-timeout", "900",
                          "-vnc", f"unix:{self.vnc}", "-monitor", f"unix:{self.mon},server=on,wait=off", "-display", "sdl" if x else "none",
                          "-snapshot-dir", self.kept], f"{work}/console.out")

    def says(self, line):
        """Types a line: its number and what the guest read."""
        self.type(line + "\n")
        m = self.wait_for(rb"GOT (\d+) \[([^\]]*)\]")
        return int(m[1]), m[2].decode()

    def files(self):
        return sorted(n for n in os.listdir(self.kept) if n.endswith(".snap")) if os.path.isdir(self.kept) else []

    def over(self, v):
        """How many pixels of what a viewer sees are not the guest's."""
        if os.path.exists(self.dump):
            os.unlink(self.dump)
        monitor(self.mon, f"screendump {self.dump}")
        return v.differs(self.dump)


def chord(v, name, times=1):
    """Ctrl-Alt and a key, which may say several times that it is down, as one does that is held."""
    v.key("ctrl", 1)
    v.key("alt", 1)
    for _ in range(times):
        v.key(name, 1)
    v.key(name, 0)
    v.key("alt", 0)
    v.key("ctrl", 0)


def waits(v, what, seconds=SETTLED):
    return v.until(lambda _: what(), seconds)


def taken(c, g, v, name, count, times=1):
    chord(v, "s", times)
    c.check(f"{name}: a word is over the screen", waits(v, lambda: g.over(v) > 0))
    png(v, name.replace(" ", "-"))
    c.check(f"{name}: it is there", waits(v, lambda: f"snap-{count}.snap" in g.files()), g.files())
    c.check(f"{name}: the word goes", waits(v, lambda: g.over(v) == 0))
    c.same(f"{name}: there are so many", len(g.files()), count)


def opened(c, g, v, name):
    chord(v, "r")
    if not c.check(f"{name}: the strip is over the screen", waits(v, lambda: g.over(v) > v.width * 60)):
        return
    v.update(1.5)  # the pictures come
    png(v, name.replace(" ", "-"))


def left(c, g, v, name):
    v.key("escape")
    c.check(f"{name}: Esc leaves", waits(v, lambda: g.over(v) == 0))


def run(c, g, v):
    """All of it."""
    c.same("a line", g.says("one"), (1, "one"))
    chord(v, "2")
    c.check("the text is shown", v.until(lambda w: (w.width, w.height) == (640, 400), SETTLED), (v.width, v.height))
    c.check("nothing is over it", waits(v, lambda: g.over(v) == 0))
    taken(c, g, v, "the first", 1, times=4)
    c.same("a second line", g.says("two"), (2, "two"))
    taken(c, g, v, "the second", 2)
    c.same("a third line", g.says("three"), (3, "three"))

    opened(c, g, v, "two of them")
    before = v.rgb()
    v.key("left")
    c.check("an arrow chooses another", waits(v, lambda: v.rgb() != before))
    for ch in "qw7":
        v.key(ch)
    if g.x:
        window = g.x.window("Paravane .strip.")
        g.x.run("xdotool", "windowmove", window, "0", "0")

        def shown():
            g.x.picture(window, g.shot)
            return v.differs(g.shot) == 0
        c.check("the window has it, too", waits(v, shown))
    left(c, g, v, "two of them")
    c.same("keys of the strip do not reach the guest", g.says("four"), (4, "four"))
    # Keys do, after it: they are typed on the text console.
    for ch in "five":
        v.key(ch)
    v.key("return")
    m = g.wait_for(rb"GOT (\d+) \[([^\]]*)\]")
    c.same("keys reach the guest again", (int(m[1]), m[2]), (5, b"five"))

    opened(c, g, v, "to go back")
    v.key("left")
    v.key("return")
    c.check("going back closes the strip", waits(v, lambda: g.over(v) == 0))
    c.same("it goes on from the first", g.says("again"), (2, "again"))

    chord(v, "1")
    c.check("graphics are shown", v.until(lambda w: (w.width, w.height) == (800, 600), SETTLED), (v.width, v.height))
    opened(c, g, v, "over graphics")
    late = rfb.Viewer(g.vnc)
    c.check("one who comes late sees it", late.until(lambda w: w.rgb() == v.rgb(), SETTLED))
    late.close()
    chord(v, "r")
    c.check("Ctrl-Alt-R again leaves", waits(v, lambda: g.over(v) == 0))

    # A file that is none: a sentence, and the guest goes on. Many of them: shown as quickly.
    with open(f"{g.kept}/snap-9.snap", "wb") as f:
        f.write(b"no snapshot\n" * 1000)
    opened(c, g, v, "a bad one")
    before = v.rgb()
    v.key("return")
    c.check("it is said what is wrong with it", waits(v, lambda: v.rgb() != before))
    png(v, "refused")
    c.check("the strip stays", g.over(v) > 0)
    left(c, g, v, "a bad one")
    c.same("the guest went on", g.says("more"), (3, "more"))
    os.unlink(f"{g.kept}/snap-9.snap")
    for i in range(100):
        os.link(f"{g.kept}/snap-1.snap", f"{g.kept}/many-{i}.snap")
    opened(c, g, v, "a hundred")
    before = v.rgb()
    v.key("home")
    c.check("the first of a hundred", waits(v, lambda: v.rgb() != before))
    for i in range(30):
        v.key("page_down")
    c.same("the guest goes on meanwhile", g.says("on"), (4, "on"))
    left(c, g, v, "a hundred")
    v.close()


def main():
    if len(sys.argv) != 5:
        sys.exit(f"usage: {sys.argv[0]} PROGRAM KERNEL BUSYBOX WORKDIR")
    program, kernel, busybox, work = (os.path.abspath(p) for p in sys.argv[1:])
    libraries = tool(program, "-version")[1]
    if not re.search("libvncserver.*yes", libraries) or not re.search("libvterm.*yes", libraries):
        print("strip: this build lacks libvncserver or libvterm; skipped")
        return 77
    os.makedirs(work, exist_ok=True)
    ramdisk = f"{work}/initrd.gz"
    subprocess.run(["sh", "-c", '. "$0"; make_initrd "$1" "$2" "$3"', f"{HERE}/../script/setup.sh", busybox, f"{HERE}/strip.d", ramdisk],
                   check=True)
    c = Count("strip")
    g = x = None
    with tempfile.TemporaryDirectory(prefix="paravane-") as spot:
        try:
            if xvfb.lacks() or not re.search("SDL2.*yes", libraries):
                print("strip: without a window: that takes SDL2, Xvfb, xdotool and ImageMagick's import")
            else:
                x = xvfb.Xvfb()
            g = Guest(program, kernel, ramdisk, spot, work, x)
            g.wait_for(rb"READY")
            run(c, g, rfb.Viewer(g.vnc))
        except (Gone, OSError, ValueError, TypeError, IndexError, subprocess.SubprocessError) as e:
            c.check("it goes on to the end", False, repr(e))
        finally:
            if g and g.process.poll() is None:
                g.kill()
            if x:
                x.stop()
    print(f"strip: {c.passed} passed, {c.failed} failed")
    return c.failed != 0


if __name__ == "__main__":
    sys.exit(main())
