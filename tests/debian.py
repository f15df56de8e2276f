#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""debian.py PROGRAM IMAGES WORKDIR: a Debian 12 system on its own disk, as a person would use it.

IMAGES is what tests/debian_image.sh made. Boots the raw disk twice (by GRUB for Xen, where that is
installed: no -kernel), kills it once, and then works in the qcow2 one:
network both ways, sshd, disks and cards that come and go under load, a disk that grows, a balloon, virtual CPUs.
"""
import hashlib
import http.server
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from console import LONG, Console, Count, Gone, tool  # noqa: E402

GRUB = any(os.path.exists(f"{d}/grub-x86_64-xen.bin") for d in ("/usr/lib/grub-xen", "/usr/lib/xen/boot"))


class Guest(Console):
    """A running guest: its console, and its monitor as a socket. By GRUB on its disk, or by a kernel of IMAGES."""

    def __init__(self, program, images, spot, log, *options, grub=False):
        self.monitor_path = os.path.join(spot, "monitor")
        self.mon = None
        kernel = [] if grub else ["-kernel", f"{images}/vmlinuz", "-initrd", f"{images}/initrd.img", "-append",
                                  "root=/dev/xvda console=hvc0 quiet systemd.show_status=0"]
        super().__init__([program, "-M", "xenpv", "-name", "debian", *kernel, "-serial", "stdio", "-timeout", "900", "-monitor",
                          f"unix:{self.monitor_path},server=on,wait=off", *options], log)

    def login(self):
        self.wait_for(rb"login: ")
        self.type("root\n")
        self.wait_for(rb"Password: ")
        self.type("paravane\n")
        self.wait_for(rb"# ")
        self.type("stty -echo; bind 'set enable-bracketed-paste off'; PS1=; PS2=; dmesg -n 1; echo RE''ADY\n")
        self.wait_for(rb"READY\r\n")

    def run(self, command, seconds=LONG):
        """(exit code, what it said)"""
        self.type(f"{{ {command}\n}} </dev/null 2>&1; echo \"@E\"\"ND $?@\"\n")
        m = self.wait_for(rb"(?s)(.*?)@END (\d+)@\r\n", seconds)
        return int(m[2]), m[1].decode(errors="replace").replace("\r\n", "\n").strip()

    def say(self, command, seconds=LONG):
        return self.run(command, seconds)[1]

    def ask(self, command):
        """A word to the monitor; its answer."""
        if self.mon is None:
            self.mon = socket.socket(socket.AF_UNIX)
            self.mon.settimeout(LONG)
            self.mon.connect(self.monitor_path)
            self._answer()
        self.mon.sendall(command.encode() + b"\n")
        return self._answer()

    def _answer(self):
        got = b""
        while not got.endswith(b"(paravane) "):
            more = self.mon.recv(4096)
            if not more:
                raise Gone(f"the monitor said {got!r} and went")
            got += more
        return got[:-len(b"(paravane) ")].decode(errors="replace").strip()

    def until(self, command, wanted, seconds=LONG):
        """Runs a command in the guest until it says something that matches."""
        end = time.monotonic() + seconds
        while True:
            said = self.say(command)
            if re.search(wanted, said) or time.monotonic() > end:
                return said
            time.sleep(0.3)

class Server(http.server.BaseHTTPRequestHandler):
    """Gives blob, and takes what is PUT."""
    blob = b""
    taken = {}

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.blob)))
        self.end_headers()
        self.wfile.write(self.blob)

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Server.taken[self.path] = hashlib.sha256(body).hexdigest()
        self.send_response(201)
        self.end_headers()

    def log_message(self, *args):
        pass


def choose_second(c, g):
    """Down and Enter in GRUB's menu, which it reads from the guest's disk."""
    g.wait_for(rb"GNU GRUB +version")
    g.wait_for(rb"\*Debian GNU/Linux, the first entry")
    g.wait_for(rb"executed automatically")
    g.type("\x1b[B")
    g.wait_for(rb"\*Debian GNU/Linux, the second entry")
    g.type("\r")
    g.wait_for(rb"Loading Linux")
    c.check("GRUB on the disk's own menu", True)


def raw_twice(c, program, images, spot, work):
    """Written, powered off, read again, written, killed after a sync."""
    disk = f"{work}/raw.img"
    tool("cp", "--sparse=always", f"{images}/disk.raw", disk)
    g = Guest(program, images, spot, f"{work}/raw1.out", "-m", "400", "-hda", disk)
    g.login()
    c.same("systemd has come up", g.say("systemctl is-system-running --wait"), "running")
    c.same("on ext4", g.say("findmnt -no SOURCE,FSTYPE /"), "/dev/xvda ext4")
    first = g.say("dd if=/dev/urandom of=/root/first bs=1M count=24 status=none; sha256sum </root/first")
    g.type("poweroff\n")
    c.same("poweroff ends it", g.end(), 0)
    c.same("fsck after power off", tool("e2fsck", "-fn", disk)[0], 0)
    g = Guest(program, images, spot, f"{work}/raw2.out", "-m", "400", "-hda", disk, grub=GRUB)
    if GRUB:
        choose_second(c, g)
    g.login()
    if GRUB:
        c.check("the entry that was chosen is the one that runs", g.say("cat /proc/cmdline").endswith(" entry=second"))
    c.same("what was written is there after a reboot", g.say("sha256sum </root/first"), first)
    second = g.say("dd if=/dev/urandom of=/root/second bs=1M count=8 status=none; sync; sha256sum </root/second")
    g.type("dd if=/dev/zero of=/root/third bs=64k count=2000 & sleep 0.3; echo UN''DER WAY\n")
    g.wait_for(rb"UNDER WAY")
    g.kill()
    code, said = tool("e2fsck", "-p", disk)
    c.check("the journal of a killed guest is replayed", code in (0, 1), said)
    code, said = tool("e2fsck", "-fn", disk)
    c.check("... and then fsck finds nothing", code == 0, said)
    out = f"{work}/second"
    tool("debugfs", "-R", f"dump /root/second {out}", disk)
    with open(out, "rb") as f:
        c.same("what was synced before SIGKILL is safe", hashlib.sha256(f.read()).hexdigest(), second.split()[0])


def network(c, g, images, work, port, ssh_port):
    c.check("an address by DHCP", "10.0.2.15" in g.until("ip -4 -br addr", r"10\.0\.2\.15"))
    url = f"http://10.0.2.2:{port}/"
    got = g.say(f"wget -q -O - {url}blob | sha256sum").split()[0]
    c.same("a transfer in, through NAT", got, hashlib.sha256(Server.blob).hexdigest())
    mine = g.say("dd if=/dev/urandom of=/tmp/up bs=1M count=8 status=none; sha256sum </tmp/up").split()[0]
    g.say(f"wget -q -O /dev/null --method=PUT --body-file=/tmp/up {url}up")
    c.same("... and out", Server.taken.get("/up"), mine)
    ssh = ["ssh", "-q", "-i", f"{images}/key", "-p", str(ssh_port), "-o", "StrictHostKeyChecking=no", "-o",
           f"UserKnownHostsFile={work}/known", "-o", "ConnectTimeout=60", "root@127.0.0.1"]
    code, said = tool(*ssh, "echo $((6 * 7)); uname -s")
    c.same("hostfwd leads to its sshd", said, "42\nLinux\n")


def plugging(c, g, work):
    for name in ("one", "two"):
        with open(f"{work}/{name}.img", "wb") as f:
            f.truncate(64 << 20)
    g.type("{ while [ ! -e /tmp/enough ]; do dd if=/dev/urandom of=/root/load bs=64k count=100 conv=fsync status=none; done; } &\n")
    for name in ("one", "two"):
        c.same(f"disk_add {name}", g.ask(f"disk_add file={work}/{name}.img,format=raw,id={name}").count("rror"), 0)
    g.until("lsblk -rno NAME | sort | tr '\\n' ' '", r"xvdb xvdc")
    c.check("two disks come under load", "xvdb xvdc" in g.say("lsblk -rno NAME | sort | tr '\\n' ' '"))
    c.same("... with a file system each", g.run("for d in b c; do mke2fs -q -t ext4 /dev/xvd$d; mkdir -p /mnt/$d; mount /dev/xvd$d /mnt/$d || "
                                                "exit 1; done; cp /root/load /mnt/b")[0], 0)
    g.ask("block_resize one 128")
    g.until("blockdev --getsize64 /dev/xvdb", r"134217728")
    g.say("resize2fs /dev/xvdb")
    c.check("a disk grows, and its file system with it", int(g.say("df --output=size -B1M /mnt/b | tail -n 1")) > 100)
    g.say("umount /mnt/b /mnt/c")
    g.ask("disk_remove one")
    g.ask("disk_remove two")
    c.check("both go again", "xvd" not in g.until("lsblk -rno NAME | grep -v xvda", r"^\s*$"))
    for name in ("one", "two"):
        for _ in range(100):
            if name not in g.ask("info block"):
                break
            time.sleep(0.2)
        code, said = tool("e2fsck", "-fn", f"{work}/{name}.img")
        c.check(f"fsck of {name}", code == 0, said)
    g.ask("netdev_add user,id=more,net=10.9.0.0/24")
    g.ask("device_add xen-net-device,netdev=more,id=card")
    c.check("a network card comes", "10.9.0." in g.until("ip -4 -br addr", r"10\.9\.0\."))
    g.ask("device_del card")
    c.check("... and goes", "10.9.0." not in g.until("ip -4 -br addr | grep 10.9.0", r"^\s*$"))
    g.say("touch /tmp/enough; wait; rm -f /root/load")


def control(c, g):
    whole = int(g.say("awk '/MemTotal/ {print $2}' /proc/meminfo"))
    g.ask("balloon 300")
    g.until("awk '/MemTotal/ {print ($2 < %d)}' /proc/meminfo" % (whole - 250 * 1024), "^1")
    half = int(g.say("awk '/MemTotal/ {print $2}' /proc/meminfo"))
    c.check("a balloon of half the memory", half < whole - 250 * 1024, f"{whole} {half}")
    g.ask("balloon 600")
    g.until("awk '/MemTotal/ {print ($2 >= %d)}' /proc/meminfo" % whole, "^1")
    c.check("... and back", int(g.say("awk '/MemTotal/ {print $2}' /proc/meminfo")) >= whole)
    c.same("four CPUs", g.say("nproc"), "4")
    g.ask("vcpu-set 1")
    c.same("... one", g.until("nproc", "^1$"), "1")
    g.ask("vcpu-set 4")
    g.until("for f in /sys/devices/system/cpu/cpu[123]/online; do echo 1 >$f; done; nproc", "^4$")
    c.same("... four", g.say("nproc"), "4")


def work_in_it(c, program, images, spot, work):
    disk = f"{work}/disk.qcow2"
    tool("qemu-img", "convert", "-O", "qcow2", f"{images}/disk.raw", disk)
    Server.blob = os.urandom(16 << 20)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        ssh_port = s.getsockname()[1]
    g = Guest(program, images, spot, f"{work}/qcow2.out", "-m", "600", "-smp", "4", "-hda", disk,
              "-nic", f"user,hostfwd=tcp:127.0.0.1:{ssh_port}-:22")
    g.login()
    c.same("the qcow2 disk boots too, with four CPUs", g.say("systemctl is-system-running --wait"), "running")
    network(c, g, images, work, server.server_address[1], ssh_port)
    plugging(c, g, work)
    control(c, g)
    mark = g.say("dd if=/dev/urandom of=/root/mark bs=1M count=4 status=none; sha256sum </root/mark").split()[0]
    g.ask("system_powerdown")
    c.same("system_powerdown ends it", g.end(), 0)
    code, said = tool("qemu-img", "check", disk)
    c.check("qemu-img check", code == 0, said)
    flat = f"{work}/flat.img"
    tool("qemu-img", "convert", "-O", "raw", disk, flat)
    code, said = tool("e2fsck", "-fn", flat)
    c.check("fsck of what is in the qcow2", code == 0, said)
    tool("debugfs", "-R", f"dump /root/mark {work}/mark", flat)
    with open(f"{work}/mark", "rb") as f:
        c.same("... and its file", hashlib.sha256(f.read()).hexdigest(), mark)


def main():
    program, images, work = sys.argv[1:4]
    os.makedirs(work, exist_ok=True)
    c = Count("debian")
    for part in (raw_twice, work_in_it):
        with tempfile.TemporaryDirectory() as spot:  # a socket's path is short
            try:
                part(c, program, images, spot, work)
            except (Gone, OSError, ValueError, subprocess.SubprocessError) as e:
                c.check(part.__name__, False, e)
    print(f"debian: {c.passed} passed, {c.failed} failed")
    return c.failed != 0


if __name__ == "__main__":
    sys.exit(main())
