#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# screen.sh PROGRAM KERNEL BUSYBOX WORKDIR: Debian's kernel with a framebuffer, looked at by a VNC client (vncsnapshot) and in a
# window on a virtual X server (Xvfb, xdotool, import), with keys typed there. Of pictures it keeps the facts: size, colours, what
# changed.
[ $# = 4 ] || { echo "usage: $0 PROGRAM KERNEL BUSYBOX WORKDIR" >&2; exit 1; }
program=$1 kernel=$2 busybox=$3 dir=$4 suite=screen
here=$(cd "$(dirname "$0")" && pwd)
root=$here/.. yes=0
. "$here/checks.sh"
. "$root/script/setup.sh"
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
case $program in /*) ;; *) program=$PWD/$program ;; esac
for tool in vncsnapshot Xvfb xdotool import convert; do
	if ! command -v $tool >/dev/null 2>&1; then
		echo "screen: there is no $tool here: install Debian's vncsnapshot, xvfb, xdotool and imagemagick to try screens; skipped"
		exit 0
	fi
done
for need in SDL2 libvncserver libvterm; do
	if ! "$program" -version | grep -q "$need .*yes"; then
		echo "screen: this build has no $need; skipped"
		exit 0
	fi
done
unset DISPLAY WAYLAND_DISPLAY SDL_VIDEODRIVER
make_initrd "$busybox" "$here/screen.d" "$dir/initrd.gz"
pid='' xpid=''
stop() {
	[ -z "$pid" ] || { kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; }
	pid=
}
trap 'stop; [ -z "$xpid" ] || kill "$xpid"' EXIT

# begin NAME OPTIONS...: starts the guest, its console in NAME.out.
begin() {
	name=$1
	shift
	rm -f "$dir/$name.out" "$dir"/screen-*.png
	(cd "$dir" && exec "$program" -M xenpv -name screen -m 256 -kernel "$kernel" -initrd "$dir/initrd.gz" \
		-append "console=hvc0 quiet $brief consoleblank=0" -serial "file:$dir/$name.out" -timeout 400 "$@") </dev/null 2>"$dir/$name.err" &
	pid=$!
}

# until_has FILE TEXT: at most 120 s.
until_has() {
	tries=0
	while [ $tries -lt 2000 ] && kill -0 "$pid" 2>/dev/null && ! grep -qF -- "$2" "$1" 2>/dev/null; do
		tries=$((tries + 1))
		sleep 0.2
	done
}

# soon COMMAND...: until it is true, at most 100 s; the window or a picture may need a moment.
soon() {
	tries=0
	while [ $tries -lt 500 ]; do
		if "$@"; then return 0; fi
		tries=$((tries + 1))
		sleep 0.2
	done
	return 1
}

# snap NAME: a picture by VNC as NAME.ppm.
snap() {
	timeout 300 vncsnapshot -quiet -quality 100 -passwd "$dir/passwd" "localhost:$number" "$dir/$1.jpg" >"$dir/$1.log" 2>&1 </dev/null
	convert "$dir/$1.jpg" "$dir/$1.ppm" 2>>"$dir/$1.log"
}

# colour NAME GEOMETRY: the mean colour there, each of red, green and blue as 0 (dark), 1 or 2 (bright).
colour() {
	convert "$dir/$1" -crop "$2" +repage -resize '1x1!' -depth 8 txt:- | sed -n 's/^0,0: (\([0-9.]*\),\([0-9.]*\),\([0-9.]*\).*/\1 \2 \3/p' |
		awk '{ for (i = 1; i <= 3; i++) printf "%d", ($i > 85) + ($i > 170); print "" }'
}

# ink NAME GEOMETRY: how many pixels are bright there.
ink() {
	convert "$dir/$1" -crop "$2" +repage -colorspace gray -threshold 40% -format '%[fx:int(mean*w*h)]' info: 2>/dev/null
}

# ---- VNC --------------------------------------------------------------------------------------------------------
number=$((20 + $$ % 60))
# Two passwords as VNC's tools keep them (DES with a key that everybody knows): letmein, and another.
printf '\301\012\365\052\100\074\246\344' >"$dir/passwd"
printf '\064\011\267\124\177\111\100\330' >"$dir/wrong"
begin vnc -vnc "127.0.0.1:$number,to=$((number + 20)),password=letmein"
until_has "$dir/vnc.out" 'MARK ready'
port=$(ss -ltnp 2>/dev/null | sed -n "s/.*127\.0\.0\.1:\(59[0-9][0-9]\) .*pid=$pid,.*/\1/p" | head -n 1)
[ -z "$port" ] || number=$((port - 5900))
has 'the framebuffer is 800 x 600' "$dir/vnc.out" 'MARK size 800,600'
seen() {
	snap first
	[ "$(ink first.ppm 800x600+0+0)" -gt 100 ] 2>/dev/null
}
if soon seen; then pass 'something is seen'; else fail 'nothing is seen'; fi
is 'its size' "$(identify -format '%wx%h' "$dir/first.ppm" 2>/dev/null)" 800x600
begun=$(date +%s)
timeout 300 vncsnapshot -quiet -passwd "$dir/wrong" "localhost:$number" "$dir/wrong.jpg" >"$dir/wrong.log" 2>&1 </dev/null
is 'a wrong password is refused' "$([ -e "$dir/wrong.jpg" ]; echo $?)" 1
[ $(($(date +%s) - begun)) -ge 1 ] && pass 'and slowly' || fail 'a wrong password is refused at once'
kill -USR2 "$pid"
soon [ -s "$dir/screen-1.png" ]
is 'a signal writes the screen' "$(identify -format '%m %wx%h' "$dir/screen-1.png" 2>/dev/null)" 'PNG 800x600'
stop
"$program" -kernel "$kernel" -vnc "127.0.0.1:0" -display sdl -serial null >"$dir/nodisplay" 2>&1 </dev/null
is 'no desktop: status' $? 1
has 'no desktop: what to do' "$dir/nodisplay" '-vnc'
has 'no desktop: what to do else' "$dir/nodisplay" '-nographic'
DISPLAY=:9987 "$program" -kernel "$kernel" -display sdl -serial null -timeout 60 >"$dir/gone" 2>&1 </dev/null
is 'a desktop that is not there: status' $? 1
has 'a desktop that is not there: what to do' "$dir/gone" '-vnc'

# ---- looking changes nothing --------------------------------------------------------------------------------------
# once NAME OPTIONS...: a guest that draws and powers off, with idle time skipped: how it ended is in NAME.stats.
once() {
	name=$1
	shift
	"$program" -M xenpv -name screen -m 256 -kernel "$kernel" -initrd "$dir/initrd.gz" -append "console=hvc0 quiet $brief once" \
		-icount sleep=off -serial null -timeout 400 -stats "$@" </dev/null >"$dir/$name.stats" 2>&1
	grep -E '^(instructions|guest time|state hash)' "$dir/$name.stats"
}
alone=$(once alone -display none)
python3 "$here/watch.py" "$dir/watch.sock" >"$dir/watch.out" 2>&1 &
watcher=$!
is 'a watched guest does what it does alone' "$(once watched -vnc "unix:$dir/watch.sock")" "$alone"
wait $watcher
has 'and it was watched' "$dir/watch.out" 'saw 800x600'
has 'it ended by itself' "$dir/alone.stats" 'state hash'

# ---- a window ---------------------------------------------------------------------------------------------------
xnumber=$((100 + $$ % 400))
Xvfb ":$xnumber" -screen 0 1024x768x24 -nolisten tcp >"$dir/xvfb.log" 2>&1 &
xpid=$!
DISPLAY=:$xnumber
export DISPLAY
tries=0
while [ $tries -lt 600 ] && ! xdotool getdisplaygeometry >/dev/null 2>&1; do
	tries=$((tries + 1))
	sleep 0.1
done
begin both -vnc "unix:$dir/vnc.sock"
soon [ -S "$dir/vnc.sock" ]
until_has "$dir/both.out" 'about to get started'
is 'VNC and no window: none is there' "$(xdotool search --name Paravane 2>/dev/null)" ''
stop
is 'the socket is gone' "$([ -e "$dir/vnc.sock" ]; echo $?)" 1
# The first of the command lines that everything here is for.
: >"$dir/demo.img"
head -c 1048576 /dev/zero >"$dir/demo.img"
"$program" -name demo -M xenpv -hda "$dir/demo.img" -m 500 -kernel "$kernel" -initrd "$dir/initrd.gz" -serial pty </dev/null >"$dir/pty.out" \
	2>&1 &
pid=$!
found() {
	[ -n "$(xdotool search --name 'Paravane .demo.' 2>/dev/null)" ]
}
if soon found; then pass '-serial pty: a window opens by itself'; else fail '-serial pty: no window'; fi
has '-serial pty: where it is' "$dir/pty.out" '/dev/'
stop
"$program" -name demo -M xenpv -hda "$dir/demo.img" -m 500 -kernel "$kernel" -initrd "$dir/initrd.gz" -append "console=hvc0" -serial pty \
	-nographic </dev/null >"$dir/nographic.out" 2>&1 &
pid=$!
soon grep -q /dev/ "$dir/nographic.out"
has '-serial pty -nographic: where it is' "$dir/nographic.out" '/dev/'
is '-serial pty -nographic: no window' "$(xdotool search --name 'Paravane' 2>/dev/null)" ''
stop
begin sdl
until_has "$dir/sdl.out" 'MARK ready'
window=$(xdotool search --name 'Paravane .screen.' | head -n 1)
if [ -z "$window" ]; then
	fail 'no window opens by itself'
	finish
fi
pass 'a window opens by itself'
xdotool windowmove "$window" 0 0
shot() {
	import -window "$window" -depth 8 "$dir/$1.png" 2>>"$dir/import.log"
}
# inked NAME GEOMETRY MORE-THAN: takes a picture and looks how much there is.
inked() {
	shot "$1"
	[ "$(ink "$1.png" "$2")" -gt "$3" ] 2>/dev/null
}
# coloured NAME GEOMETRY COLOUR
coloured() {
	shot "$1"
	[ "$(colour "$1.png" "$2")" = "$3" ]
}
# sized NAME SIZE
sized() {
	shot "$1"
	[ "$(identify -format '%wx%h' "$dir/$1.png")" = "$2" ]
}
soon inked one 800x600+0+0 100
is 'the window has the size of the screen' "$(identify -format '%wx%h' "$dir/one.png")" 800x600
before=$(ink one.png 800x600+0+0)
xdotool type --delay 30 'echo AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
xdotool key Return
if soon inked two 800x600+0+0 "$((before + 1000))"; then pass 'what is typed is seen'; else fail 'typed, and not seen'; fi
xdotool type --delay 30 'bars; echo done | tee /dev/hvc0'
xdotool key Return
until_has "$dir/sdl.out" 'done'
soon coloured three 700x50+50+520 002
is 'red' "$(colour three.png 700x100+50+50)" 200
is 'green' "$(colour three.png 700x100+50+250)" 020
is 'blue' "$(colour three.png 700x50+50+520)" 002
xdotool key ctrl+alt+2
soon sized four 640x400
is 'the text console' "$(identify -format '%wx%h' "$dir/four.png")" 640x400
xdotool type --delay 30 'echo "Typed: $((6*7)) @#%"'
xdotool key Return
until_has "$dir/sdl.out" 'Typed: 42 @#%'
has 'typed at the text console' "$dir/sdl.out" 'Typed: 42 @#%'
if soon inked five 640x400+0+0 "$(ink four.png 640x400+0+0)"; then pass 'and seen there'; else fail 'not seen there'; fi
xdotool key ctrl+alt+p
soon [ -s "$dir/screen-1.png" ]
is 'a key writes the screen' "$(identify -format '%m %wx%h' "$dir/screen-1.png" 2>/dev/null)" 'PNG 640x400'
xdotool key ctrl+alt+1
soon sized six 800x600
is 'back again' "$(identify -format '%wx%h' "$dir/six.png"; colour six.png 700x100+50+50)" '800x600200'
has 'the title tells the speed' /dev/stdin 'MIPS' <<END
$(xdotool getwindowname "$window")
END
stop
finish
