# SPDX-License-Identifier: GPL-2.0-or-later
"""A virtual X server for tests of windows (Xvfb, xdotool, ImageMagick's import)."""
import os
import shutil
import subprocess

TOOLS = ("Xvfb", "xdotool", "import")


def lacks():
    """The tools that are not here."""
    return [t for t in TOOLS if not shutil.which(t)]


class Xvfb:
    def __init__(self):
        r, w = os.pipe()
        self.p = subprocess.Popen(["Xvfb", "-displayfd", str(w), "-screen", "0", "1024x768x24", "-nolisten", "tcp"], pass_fds=[w],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(w)
        with os.fdopen(r) as f:
            self.display = ":" + f.readline().strip()

    def run(self, *words):
        return subprocess.run(words, env={**os.environ, "DISPLAY": self.display}, capture_output=True, text=True,
                              timeout=60, check=False).stdout.strip()

    def stop(self):
        self.p.terminate()
        self.p.wait()

    def window(self, name):
        """The number of the window with this title (a regular expression), "" when there is none."""
        return self.run("xdotool", "search", "--name", name).split("\n")[0]

    def picture(self, window, path):
        """What a window shows, as a PPM file."""
        self.run("import", "-window", window, "-depth", "8", path)
