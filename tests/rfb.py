# SPDX-License-Identifier: GPL-2.0-or-later
"""A small VNC viewer for tests (RFC 6143): pictures, changed rectangles, keys by character and by place, the pointer."""
import select
import socket
import struct
import time

RAW, DESKTOP_SIZE, EXTENDED_KEY = 0, -223, -258
KEYS = {"down": 0xff54, "up": 0xff52, "return": 0xff0d, "tab": 0xff09, "escape": 0xff1b, "shift": 0xffe1, "ctrl": 0xffe3,
        "alt": 0xffe9, "end": 0xff57, "home": 0xff50, "page_down": 0xff56}


class Viewer:
    def __init__(self, address, shared=True, seconds=60, follows=True):
        """address: the path of a socket, or (host, port). No password. follows: asks for the next update when one came."""
        if isinstance(address, str):
            self.s = socket.socket(socket.AF_UNIX)
        else:
            self.s = socket.socket()
        self.s.settimeout(seconds)
        self.s.connect(address)
        self.extended = False
        self.follows = follows
        self.updates = 0
        self.rects = []   # of all updates since clear()
        self.received = 0
        if self.get(12) != b"RFB 003.008\n":
            raise OSError("the server speaks another version")
        self.s.sendall(b"RFB 003.008\n")
        kinds = self.get(self.get(1)[0])
        if 1 not in kinds:
            raise OSError("the server wants a password")
        self.s.sendall(b"\1")
        if self.get(4) != b"\0\0\0\0":
            raise OSError("the server refuses")
        self.s.sendall(b"\1" if shared else b"\0")
        self.width, self.height = struct.unpack(">HH", self.get(4))
        self.get(16)
        self.name = self.get(struct.unpack(">I", self.get(4))[0]).decode()
        # 32 bits a pixel: blue, green, red, nothing.
        self.s.sendall(struct.pack(">BxxxBBBBHHHBBBxxx", 0, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0))
        wanted = [RAW, DESKTOP_SIZE, EXTENDED_KEY]
        self.s.sendall(struct.pack(f">BxH{len(wanted)}i", 2, len(wanted), *wanted))
        self.pixels = bytearray(self.width * self.height * 4)
        self.asked = False  # an update is still to come
        self.ask(False)

    def close(self):
        self.s.close()

    def get(self, n):
        b = bytearray()
        while len(b) < n:
            more = self.s.recv(min(n - len(b), 1 << 20))
            if not more:
                raise OSError("the server hung up")
            b += more
        self.received = getattr(self, "received", 0) + n
        return bytes(b)

    def ask(self, incremental=True):
        self.s.sendall(struct.pack(">BBHHHH", 3, incremental, 0, 0, self.width, self.height))
        self.asked = True

    def _rect(self):
        x, y, w, h, kind = struct.unpack(">HHHHi", self.get(12))
        if kind == DESKTOP_SIZE:
            self.width, self.height = w, h
            self.pixels = bytearray(w * h * 4)
            return True
        if kind == EXTENDED_KEY:
            self.extended = True
            return False
        if kind != RAW:
            raise OSError(f"the server sends encoding {kind}, which was not asked for")
        b = self.get(w * h * 4)
        if w and h:
            self.rects.append((x, y, w, h))
        for i in range(h):
            at = ((y + i) * self.width + x) * 4
            self.pixels[at:at + w * 4] = b[i * w * 4:(i + 1) * w * 4]
        return False

    def update(self, seconds):
        """Takes what the server sends within so many seconds. True when something came."""
        end = time.monotonic() + seconds
        came = False
        while True:
            left = max(end - time.monotonic(), 0)
            if not select.select([self.s], [], [], left)[0]:
                return came
            came = True
            kind = self.get(1)[0]
            if kind == 0:
                fresh, before = False, len(self.rects)
                for _ in range(struct.unpack(">xH", self.get(3))[0]):
                    fresh |= self._rect()
                self.updates += 1
                self.asked = self.asked and not fresh and len(self.rects) == before
                if self.follows or fresh:
                    self.ask(not fresh)
            elif kind == 3:
                self.get(struct.unpack(">xxxI", self.get(7))[0])
            elif kind != 2:
                raise OSError(f"the server sends message {kind}")

    def until(self, what, seconds):
        """Updates until what(viewer) is true. What it gave last."""
        end = time.monotonic() + seconds
        while True:
            got = what(self)
            if got or time.monotonic() > end:
                return got
            self.update(0.2)

    def clear(self):
        self.rects = []

    def key(self, name, down=None):
        sym = KEYS.get(name) or ord(name)
        for d in ([1, 0] if down is None else [down]):
            self.s.sendall(struct.pack(">BBxxI", 4, d, sym))

    def scan_key(self, name, xt):
        """By place on the keyboard, as QEMU's extended key events have it."""
        for d in (1, 0):
            self.s.sendall(struct.pack(">BBHII", 255, 0, d, KEYS.get(name) or ord(name), xt))

    def pointer(self, x, y, buttons=0):
        self.s.sendall(struct.pack(">BBHH", 5, buttons, x, y))

    def pixel(self, x, y):
        at = (y * self.width + x) * 4
        return self.pixels[at + 2], self.pixels[at + 1], self.pixels[at]

    def rgb(self):
        """The picture as bytes of red, green, blue."""
        out = bytearray(self.width * self.height * 3)
        for i in range(3):
            out[i::3] = self.pixels[2 - i::4]
        return bytes(out)

    def differs(self, path):
        """How many pixels of a PPM file differ from the picture; -1: it has another size, or is not whole yet."""
        try:
            w, h, b = read_ppm(path)
        except (OSError, IndexError, ValueError):
            return -1
        mine = self.rgb()
        if (w, h) != (self.width, self.height) or len(b) != len(mine):
            return -1
        if b == mine:
            return 0
        return sum(1 for i in range(0, len(mine), 3) if b[i:i + 3] != mine[i:i + 3])

    def settles(self, take, path, end):
        """Calls take(), which writes the PPM file, until it is the picture or the clock says end; how many pixels differ then."""
        while True:
            take()
            self.update(0.2)
            n = self.differs(path)
            if not n or time.monotonic() > end:
                return n


def read_ppm(path):
    """Width, height, bytes of red, green, blue."""
    b = open(path, "rb").read()
    words, at = [], 0
    while len(words) < 4:
        end = at
        while b[end] not in b" \n\t":
            end += 1
        if b[at:at + 1] == b"#":
            end = b.index(b"\n", at)
        elif end > at:
            words.append(b[at:end])
        at = end + 1
    return int(words[1]), int(words[2]), b[at:]
