#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""grub.py PROGRAM GUEST WORKDIR: GRUB for Xen boots GUEST (tests/guests/loaded.elf) from disks of all kinds, by its menu.

Needs Debian's grub-xen-host and e2fsprogs. Exit code 77: one of them is not here; "grub.py --there" says no more than that.
"""
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import uuid
import zlib

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rfb  # noqa: E402
import xvfb  # noqa: E402
from console import Console, Count, Gone, tool  # noqa: E402

MIB = 1 << 20
DOWN, UP, ENTER = "\x1b[B", "\x1b[A", "\r"
MODULE = bytes(i * 7 & 0xff for i in range(100001))
MODULE_SAYS = f"module {len(MODULE)} bytes, sum {sum(b * (i % 251 + 1) for i, b in enumerate(MODULE))}"

MENU = """set timeout={timeout}
set default=0
menuentry "the first" {{
	linux /boot/loaded.elf entry=first
}}
menuentry "the second" {{
	linux /boot/loaded.elf entry=second root=/dev/xvda
	initrd /boot/module
}}
"""

# As grub-mkconfig writes it, cut down to what matters.
MKCONFIG = """set default="0"
if [ x"${{feature_menuentry_id}}" = xy ]; then
  menuentry_id_option="--id"
else
  menuentry_id_option=""
fi
if [ x$feature_default_font_path = xy ] ; then
   font=unicode
fi
terminal_output console
if [ "${{recordfail}}" = 1 ] ; then
  set timeout=30
else
  set timeout=0
fi
menuentry 'Guest' --class gnu-linux --class os $menuentry_id_option 'simple-{uuid}' {{
	insmod gzio
	if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi
	insmod part_gpt
	insmod part_msdos
	insmod ext2
	if [ x$feature_platform_search_hint = xy ]; then
	  search --no-floppy --fs-uuid --set=root  {uuid}
	else
	  search --no-floppy --fs-uuid --set=root {uuid}
	fi
	echo	'Loading the guest ...'
	linux	/boot/loaded.elf root=UUID={uuid} ro  quiet
	echo	'Loading its module ...'
	initrd	/boot/module
}}
"""


class Disks:
    def __init__(self, guest, work):
        self.guest = guest
        self.work = work

    def tree(self, cfg, at="boot/grub"):
        top = f"{self.work}/tree"
        shutil.rmtree(top, ignore_errors=True)
        os.makedirs(f"{top}/boot")
        shutil.copy(self.guest, f"{top}/boot/loaded.elf")
        with open(f"{top}/boot/module", "wb") as f:
            f.write(MODULE)
        if cfg is not None:
            os.makedirs(f"{top}/{at}")
            with open(f"{top}/{at}/grub.cfg", "w") as f:
                f.write(cfg)
        return top

    def make(self, name, cfg, offset=0, fs=None, **where):
        """An image with an ext4 file system from offset on."""
        path = f"{self.work}/{name}.img"
        with open(path, "wb") as f:
            f.truncate(24 * MIB)
        code, said = tool("mke2fs", "-q", "-F", "-t", "ext4", "-d", self.tree(cfg, **where), "-E", f"offset={offset}",
                          *(["-U", fs] if fs else []), path, "16M")
        if code:
            raise Gone(said)
        return path


def put(path, at, data):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(data)


def mbr(path, first, count, kind=0x83):
    put(path, 446, struct.pack("<B3sB3sII", 0x80, b"\0\2\0", kind, b"\xff\xff\xff", first, count))
    put(path, 510, b"\x55\xaa")


def gpt(path, parts):
    """parts: (type, first sector, count)"""
    last = 24 * MIB // 512 - 1
    mbr(path, 1, last, 0xee)
    entries = b"".join(uuid.UUID(kind).bytes_le + uuid.uuid5(uuid.NAMESPACE_OID, str(first)).bytes_le +
                       struct.pack("<QQQ72x", first, first + count - 1, 0) for kind, first, count in parts)
    entries = entries.ljust(128 * 128, b"\0")

    def header(mine, other, table):
        fields = (b"EFI PART", 0x10000, 92, 0, 0, mine, other, 34, last - 33, uuid.uuid5(uuid.NAMESPACE_OID, "disk").bytes_le,
                  table, 128, 128, zlib.crc32(entries))
        layout = "<8sIIIIQQQQ16sQIII"
        crc = zlib.crc32(struct.pack(layout, *fields))
        return struct.pack(layout, *fields[:3], crc, *fields[4:])

    put(path, 512, header(1, last, 2))
    put(path, 1024, entries)
    put(path, (last - 32) * 512, entries)
    put(path, last * 512, header(last, 1, last - 32))


def boot(program, work, *options):
    """A boot without a word typed: (exit code, console, stderr)"""
    p = subprocess.run([program, "-M", "xenpv", "-m", "64", "-serial", "stdio", "-timeout", "600", *options],
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return p.returncode, p.stdout.decode(errors="replace"), p.stderr.decode(errors="replace")


def booted(c, name, got, cmdline, module=True):
    code, out, err = got
    m = re.search(r"cmdline \[(.*)\]", out)
    ok = code == 0 and m and m[1] == cmdline and "failed 0" in out and (not module or MODULE_SAYS in out)
    c.check(name, ok, f"exit code {code}; {out[-500:]}; {err}")


def menus(c, program, disks, work):
    disk = disks.make("whole", MENU.format(timeout=30))
    g = Console([program, "-M", "xenpv", "-m", "64", "-hda", f"{disk}", "-serial", "stdio", "-timeout", "600"], f"{work}/menu.out")
    g.wait_for(rb"GNU GRUB  version")
    g.wait_for(rb"executed automatically")
    g.type(DOWN)
    g.wait_for(rb"\*the second")
    g.type(UP)
    g.wait_for(rb"\*the first")
    g.type(DOWN)
    g.wait_for(rb"\*the second")
    g.type(ENTER)
    m = g.wait_for(rb"cmdline \[(.*)\]")
    c.same("the entry chosen with the arrow keys boots", m[1], b"entry=second root=/dev/xvda")
    g.wait_for(rb"RESULT passed \d+ failed 0")
    c.same("... and ends", g.end(), 0)
    c.check("... with its module", MODULE_SAYS.encode() in g.seen)
    g = Console([program, "-M", "xenpv", "-m", "64", "-hda", disk, "-serial", "stdio", "-timeout", "600"], f"{work}/line.out")
    g.wait_for(rb"executed automatically")
    g.type("c")
    g.wait_for(rb"grub>")
    g.type("ls\r")
    c.check("GRUB's command line lists the disk", g.wait_for(rb"\(xen/xvda\)"))
    g.type("halt\r")
    c.same("... and its halt is a power off", g.end(), 0)
    c.check("... without a word of ours: the prompt was asked for", b"paravane: the boot" not in g.seen)


def bar(viewer):
    """Where the bar of the menu is: the first line of the picture that is lit nearly all along."""
    picture = viewer.rgb()
    for y in range(viewer.height):
        if picture[y * viewer.width * 3:(y + 1) * viewer.width * 3].count(0) < viewer.width:
            return y
    return None


def by_vnc(c, program, disks, work):
    if not re.search("libvncserver.*yes", tool(program, "-version")[1]):
        return
    disk = disks.make("vnc", MENU.format(timeout=60))
    with tempfile.TemporaryDirectory() as spot:  # a socket's path is short
        g = Console([program, "-M", "xenpv", "-m", "64", "-hda", disk, "-serial", "stdio", "-timeout", "600",
                     "-vnc", f"unix:{spot}/vnc"], f"{work}/vnc.out")
        g.wait_for(rb"executed automatically")
        v = rfb.Viewer(f"{spot}/vnc")
        first = v.until(bar, 30)
        c.check("a viewer sees the menu", first is not None)
        v.key("down")
        second = v.until(lambda viewer: bar(viewer) != first and bar(viewer), 30)
        c.check("... and its bar go down", first and second and second > first, f"{first} and {second}")
        v.key("return")
        m = g.wait_for(rb"cmdline \[(.*)\]")
        c.same("the entry chosen by VNC boots", m[1], b"entry=second root=/dev/xvda")
        c.same("... and ends", g.end(), 0)
        v.close()


class Letters:
    """A picture of the text console: 80 x 25 letters of 8 x 16 pixels, each as 16 bytes, a bit set where it is lit."""

    def __init__(self, path):
        width, height, b = rfb.read_ppm(path)
        self.size = width, height
        if self.size != (640, 400) or len(b) != 640 * 400 * 3:
            raise ValueError(f"the window is {width} x {height}")
        lit = [sum((b[at + 3 * i] > 128) << (7 - i) for i in range(8)) for at in range(0, len(b), 24)]
        self.rows = [[bytes(lit[(16 * y + i) * 80 + x] for i in range(16)) for x in range(80)] for y in range(25)]

    def frame(self):
        """The rows of the menu's upper and lower edge: one and the same letter along most of a row, corners at the ends."""
        found = []
        for y, row in enumerate(self.rows):
            edge = row[40]
            if any(edge) and row[2:78] == [edge] * 76 and any(row[1]) and row[1] == row[78] != edge:
                found.append(y)
        return found if len(found) == 2 else None

    def inverted(self):
        """Rows where the ground is lit."""
        return [y for y, row in enumerate(self.rows) if row[60] == b"\xff" * 16]

    def text(self, y):
        return b"".join(self.rows[y][3:77])  # without the star before what is chosen


def by_window(c, program, disks, work):
    lacks = xvfb.lacks()
    if lacks or not re.search("SDL2.*yes", tool(program, "-version")[1]):
        print(f"grub: the menu in a window is left out: {f'there is no {lacks[0]} here' if lacks else 'this build has no SDL2'}")
        return
    disk = disks.make("window", MENU.format(timeout=-1))
    if os.path.exists(f"{work}/window.text"):
        os.unlink(f"{work}/window.text")
    x = xvfb.Xvfb()
    g = None

    def look(what, seconds=60):
        """Pictures of the window until one is as it should be; the last one that could be read."""
        end = time.monotonic() + seconds
        got = None
        while time.monotonic() < end:
            try:
                x.picture(window, f"{work}/window.ppm")
                got = Letters(f"{work}/window.ppm")
                if what(got):
                    break
            except (OSError, ValueError, IndexError):
                pass
            time.sleep(0.1)
        return got

    try:
        g = Console(["env", f"DISPLAY={x.display}", program, "-M", "xenpv", "-name", "menu", "-hda", disk, "-m", "300",
                     "-display", "sdl", "-serial", f"file:{work}/window.text", "-timeout", "200"], f"{work}/window.out")
        end = time.monotonic() + 60
        window = ""
        while not window and g.process.poll() is None and time.monotonic() < end:
            window = x.window("Paravane .menu.")
            time.sleep(0.1)
        if not c.check("a window opens", window, g.seen):
            return
        x.run("xdotool", "windowmove", window, "0", "0")
        x.run("xdotool", "mousemove", "320", "200")
        first = look(lambda p: p.frame() and p.inverted())
        if not c.check("the window has the size of the text console", first):
            return
        frame = first.frame() or [0, 0]
        c.check("it shows the menu's frame", 2 <= frame[0] and frame[0] + 8 < frame[1] < 24, frame)
        top = frame[0] + 1
        c.same("and the first entry inverted", first.inverted(), [top])
        x.run("xdotool", "key", "Down")
        second = look(lambda p: p.inverted() == [top + 1])
        c.same("Down in the window: the second is", second.inverted(), [top + 1])
        for y, name in ((top, "first"), (top + 1, "second")):
            c.check(f"... and the {name} entry has its other colours",
                    first.text(y) == bytes(255 - b for b in second.text(y)) and len(set(first.text(y))) > 4)
        changed = [y for y in range(25) if first.rows[y] != second.rows[y]]
        c.same("... and nothing else has changed", changed, [top, top + 1])
        x.run("xdotool", "key", "Return")
        c.same("the guest chosen there ends", g.end(), 0)
        with open(f"{work}/window.text", "rb") as f:
            said = f.read()
        m = re.search(rb"cmdline \[(.*)\]", said)
        c.same("... and is the one chosen in the window", m and m[1], b"entry=second root=/dev/xvda")
        c.check("... with its module", MODULE_SAYS.encode() in said, said[-300:])
    finally:
        if g and g.process.poll() is None:
            g.kill()
        x.stop()


def timeouts(c, program, disks, work):
    disk = disks.make("timeout", MENU.format(timeout=3))
    ran = [boot(program, work, "-hda", disk, "-stats", "-icount", "sleep=off") for _ in range(2)]
    booted(c, "the default boots when the time is over", ran[0], "entry=first", module=False)
    m = re.search(r"guest time: *([\d.]+) s", ran[0][2])
    c.check("... after 3 s of the guest's time", m and 3 <= float(m[1]) < 3.6, ran[0][2])
    c.check("... the same each time", re.search("state hash.*", ran[0][2])[0] == re.search("state hash.*", ran[1][2])[0])


def kinds_of_disks(c, program, disks, work):
    fs = str(uuid.uuid5(uuid.NAMESPACE_OID, "paravane"))
    cmdline = f"root=UUID={fs} ro quiet"
    disk = disks.make("mbr", MKCONFIG.format(uuid=fs), MIB, fs)
    mbr(disk, 2048, 16 * 2048)
    booted(c, "MBR, search --fs-uuid", boot(program, work, "-hda", disk), cmdline)
    disk = disks.make("gpt", MKCONFIG.format(uuid=fs), 2 * MIB, fs)
    gpt(disk, [("21686148-6449-6e6f-744e-656564454649", 2048, 2048), ("0fc63daf-8483-4772-8e79-3d69d8477de4", 4096, 16 * 2048)])
    booted(c, "GPT, search --fs-uuid", boot(program, work, "-drive", f"file={disk},format=raw,readonly=on"), cmdline)
    with open(f"{work}/blank.img", "wb") as f:
        f.truncate(MIB)
    booted(c, "the second disk", boot(program, work, "-hda", f"{work}/blank.img", "-hdb", disk), cmdline)
    if shutil.which("qemu-img"):
        tool("qemu-img", "convert", "-f", "raw", "-O", "qcow2", disk, f"{work}/disk.qcow2")
        booted(c, "a qcow2 image", boot(program, work, "-hda", f"{work}/disk.qcow2"), cmdline)
    code, said = tool("e2fsck", "-fn", f"{work}/whole.img")
    c.check("the disk is as it was", code == 0, said)
    disk = disks.make("boot", MENU.format(timeout=0), at="grub")
    booted(c, "a /boot of its own", boot(program, work, "-hda", disk), "entry=first", module=False)
    shutil.copy(where(), f"{work}/mine.bin")
    booted(c, "-bootloader", boot(program, work, "-hda", disk, "-bootloader", f"{work}/mine.bin"), "entry=first", module=False)


def nothing_there(c, program, disks, work):
    disk = disks.make("empty", None)
    for name, image in (("a disk without grub.cfg", disk), ("a blank disk", f"{work}/blank.img")):
        g = Console([program, "-M", "xenpv", "-m", "64", "-hda", image, "-serial", "stdio", "-timeout", "600"], f"{work}/none.out")
        g.wait_for(rb"error: no such device: /boot/grub/grub.cfg")
        c.check(f"{name}: GRUB says what it misses", True)
        g.wait_for(rb"grub>")
        g.wait_for(rb"paravane: the boot loader found nothing to boot.*/boot/grub/grub.cfg.*-kernel")
        c.check(f"{name}: and so do we", True)
        g.type("reboot\r")
        g.wait_for(rb"Welcome to GRUB")
        g.wait_for(rb"paravane: the boot loader found nothing")
        g.type("halt\r")
        c.same(f"{name}: the prompt takes commands", g.end(), 0)


def where():
    for d in ("/usr/lib/grub-xen", "/usr/lib/xen/boot"):
        if os.path.exists(f"{d}/grub-x86_64-xen.bin"):
            return f"{d}/grub-x86_64-xen.bin"
    return None


def main():
    if not where() or not shutil.which("mke2fs"):
        print("there is no GRUB for Xen here, or no mke2fs: install Debian's grub-xen-host and e2fsprogs")
        return 77
    if sys.argv[1:] == ["--there"]:
        return 0
    program, guest, work = sys.argv[1:4]
    os.makedirs(work, exist_ok=True)
    c = Count("grub")
    disks = Disks(guest, work)
    for part in (menus, by_vnc, by_window, timeouts, kinds_of_disks, nothing_there):
        began = time.monotonic()
        try:
            part(c, program, disks, work)
        except (Gone, OSError, ValueError, TypeError, subprocess.SubprocessError) as e:
            c.check(part.__name__, False, e)
        if os.environ.get("VERBOSE"):
            print(f"      {part.__name__}: {time.monotonic() - began:.1f} s")
    print(f"grub: {c.passed} passed, {c.failed} failed")
    return c.failed != 0


if __name__ == "__main__":
    sys.exit(main())
