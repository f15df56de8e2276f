#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""watch.py SOCKET: a VNC viewer that looks until the guest is gone, moves nothing, and says how much it saw."""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rfb  # noqa: E402

for _ in range(600):
    if os.path.exists(sys.argv[1]):
        break
    time.sleep(0.05)
v = rfb.Viewer(sys.argv[1])
sizes = []
try:
    while True:
        v.update(0.5)
        if (v.width, v.height) not in sizes:
            sizes.append((v.width, v.height))
except OSError:
    print(f"saw {' '.join(f'{w}x{h}' for w, h in reversed(sizes))} in {len(v.rects)} rectangles, {v.received} bytes")
