#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""installer.py PROGRAM WORKDIR: Debian's graphical installer, booted directly and seen in two ways at once.

A VNC viewer (tests/rfb.py) and a window on a virtual X server (Xvfb) show its first screen; keys and the pointer, from VNC and
from the monitor, move its selection. Of pictures it keeps the facts: size, colours, what moved where. Exit code 77: something it
needs is not there, and a sentence says what.
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rfb  # noqa: E402
from console import monitor  # noqa: E402
from xvfb import Xvfb  # noqa: E402

IMAGES = "/usr/lib/debian-installer/images/12/amd64/gtk/debian-installer/amd64"
SLOW = 600 if os.environ.get("SLOW") else 300  # seconds until its first screen on a loaded machine
SOON = 40
BAR = (0x2b, 0x88, 0x78)  # the colour of the selected line, about
passed = failed = 0


def check(name, ok, why=""):
    global passed, failed
    if ok:
        passed += 1
        if os.environ.get("VERBOSE"):
            print(f"ok    installer: {name}")
    else:
        failed += 1
        print(f"FAIL  installer: {name}{': ' + str(why)[-400:] if why != '' else ''}")
    sys.stdout.flush()
    return ok


def leave_out(why):
    print(f"installer: {why}; skipped")
    sys.exit(77)


def near(a, b, by=24):
    return all(abs(x - y) <= by for x, y in zip(a, b))


def bar(v):
    """The lines of the selection: (first, last), None when there is none. It spans the list, its text is white."""
    if (v.width, v.height) != (800, 600):
        return None
    lines = [y for y in range(120, 560) if near(v.pixel(600, y), BAR) and near(v.pixel(700, y), BAR) and near(v.pixel(350, y), BAR)]
    return (lines[0], lines[-1]) if len(lines) > 8 and lines[-1] - lines[0] + 1 == len(lines) else None


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def look(program, spot, work, x):
    """Boots it and looks."""
    vnc, mon, shot = (os.path.join(spot, n) for n in ("vnc", "monitor", "window.ppm"))
    guest = subprocess.Popen(
        [program, "-M", "xenpv", "-m", "1024", "-name", "installer", "-kernel", f"{IMAGES}/linux", "-initrd", f"{IMAGES}/initrd.gz",
         "-append", "console=tty0 quiet", "-serial", "null", "-vnc", f"unix:{vnc}", "-display", "sdl" if x else "none",
         "-monitor", f"unix:{mon},server=on,wait=off", "-timeout", str(2 * SLOW)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(f"{work}/err", "wb"),
        env={**os.environ, **({"DISPLAY": x.display} if x else {})})
    try:
        end = time.monotonic() + SOON
        while not os.path.exists(vnc) and guest.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
        v = rfb.Viewer(vnc)
        first = v.until(bar, SLOW)
        if not check("its first screen is seen", first, open(f"{work}/err").read()):
            print("      what was seen is", save(v, f"{work}/seen.ppm"))
            return
        v.update(3)
        first = bar(v)
        save(v, f"{work}/first.ppm")
        check("the name", v.name.startswith("installer") or "installer" in v.name, v.name)
        check("the banner is dark and bluish", v.pixel(20, 60)[2] > v.pixel(20, 60)[0] and max(v.pixel(20, 60)) < 160, v.pixel(20, 60))
        white = sum(1 for i in range(185, 530, 5) for k in range(400, 750, 5) if v.pixel(k, i) == (255, 255, 255))
        check("the list is white", white > 3000, white)
        if x:
            window = x.window("Paravane .installer.")
            x.run("xdotool", "windowmove", window, "0", "0")  # nobody else places it, and it would stand over the edge
            n = v.settles(lambda: x.picture(window, shot), shot, time.monotonic() + SOON)
            check("the window shows the same", n == 0, f"{n} pixels differ")

        # Keys by character, then by place.
        v.clear()
        v.key("down")
        second = v.until(lambda w: (bar(w) or first)[0] > first[0] + 8 and bar(w), SOON)
        check("the selection moves down", second and 15 < second[0] - first[0] < 40, (first, second))
        v.update(1)
        area = sum(r[2] * r[3] for r in v.rects)
        outside = [r for r in v.rects if r[1] < 120 or r[1] + r[3] > 560]
        check("only what changed is sent", 0 < area < 800 * 600 // 4 and not outside, (area, v.rects))
        check("keys by their place are understood", v.extended)
        v.scan_key("up", 0xc8)
        third = v.until(lambda w: bar(w) == first and first, SOON)
        check("the selection moves up again", third == first, (first, bar(v)))
        # The pointer: the line after next.
        step = second[0] - first[0] if second else 23
        at = (first[0] + first[1]) // 2 + 2 * step
        v.pointer(300, at)
        v.update(0.5)
        v.pointer(300, at, 1)
        v.update(0.2)
        v.pointer(300, at, 0)
        there = v.until(lambda w: bar(w) and bar(w)[0] - 4 <= at <= bar(w)[1] + 4 and bar(w), SOON)
        check("a click selects", there, (at, bar(v)))
        # A letter leads to the next language that begins with it; the monitor's keys.
        said = monitor(mon, "sendkey up")
        back = v.until(lambda w: there and bar(w) and bar(w)[0] < there[0] - 8 and bar(w), SOON)
        check("the monitor's sendkey moves it", back, (there, bar(v), said))
        said = monitor(mon, "info mice") + monitor(mon, "info displays") + monitor(mon, "info vnc")
        for part in ("(absolute)", "* 1: graphics, 800 x 600", "Client: a local socket"):
            check(f"the monitor knows: {part}", part in said, said)
        # The pointer wanders, the selection too: X draws and restores under the one, scrolls for the other.
        v.clear()
        for i in range(60):
            v.pointer(100 + i * 37 % 600, 60 + i * 53 % 500)
            if i % 6 == 0:
                v.key("up" if i % 4 else "down")
            v.update(0.05)
        v.key("page_down")
        v.update(0.5)
        v.key("home")
        v.update(0.5)
        check("the pointer's ways are seen", len(v.rects) > 20, v.rects)
        # When it has settled, what the monitor writes is what is seen, and so is the window.
        end = time.monotonic() + SOON
        dump = f"{spot}/dump.ppm"
        n = v.settles(lambda: monitor(mon, f"screendump {dump}"), dump, end)
        check("screendump writes what is seen", n == 0, f"{n} pixels differ")
        save(v, f"{work}/last.ppm")
        if x:
            n = v.settles(lambda: x.picture(window, shot), shot, end)
            check("the window still shows the same", n == 0, f"{n} pixels differ")

        # Nothing moves: watching it costs little.
        v.update(1)
        v.clear()
        begun, used = time.monotonic(), cpu_seconds(guest.pid)
        v.update(5)
        share = (cpu_seconds(guest.pid) - used) / (time.monotonic() - begun)
        print(f"installer: watched and idle it takes {100 * share:.1f} % of a processor")
        check("an idle screen costs little", share < 0.2 or v.rects, f"{100 * share:.1f} %")

        # The text console is there, too, and the viewer is told of its size.
        monitor(mon, "console 2")
        check("the text console has its own size", v.until(lambda w: (w.width, w.height) == (640, 400), SOON), (v.width, v.height))
        monitor(mon, "console 1")
        check("and back", v.until(lambda w: bar(w), SOON), (v.width, v.height))
        print(f"installer: {cpu_seconds(guest.pid):.0f} s of a processor in all")
        v.close()
        guest.send_signal(signal.SIGTERM)
        check("it ends when asked to", guest.wait(SOON) == 1, guest.returncode)
    finally:
        guest.kill()
        guest.wait()


def save(v, path):
    with open(path, "wb") as f:
        f.write(b"P6\n%d %d\n255\n" % (v.width, v.height) + v.rgb())
    return path


def main():
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} PROGRAM WORKDIR")
    program, work = (os.path.abspath(p) for p in sys.argv[1:])
    if not os.path.exists(f"{IMAGES}/initrd.gz"):
        leave_out("Debian's package debian-installer-12-netboot-amd64 is not there")
    features = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stdout.split("\n")
    have = [name for name in ("SDL2", "libvncserver") if any(name in line and "yes" in line for line in features)]
    if "libvncserver" not in have:
        leave_out("this build has no libvncserver")
    tools = "SDL2" in have and all(shutil.which(t) for t in ("Xvfb", "xdotool", "import"))
    if not tools:
        print("installer: without a window: that takes SDL2, Xvfb, xdotool and ImageMagick's import")
    os.makedirs(work, exist_ok=True)
    x = Xvfb() if tools else None
    try:
        with tempfile.TemporaryDirectory(prefix="paravane-") as spot:
            look(program, spot, work, x)
    except (OSError, subprocess.TimeoutExpired) as e:
        check("the server serves", False, e)
    finally:
        if x:
            x.stop()
    print(f"installer: {passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
