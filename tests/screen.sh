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
pid= xpid=
stop() {
	[ -z "$pid" ] || { kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; }
	pid=
}
trap 'stop; [ -z "$xpid" ] || kill "$xpid"' EXIT

# begin NAME OPTIONS...: starts the guest, its console in NAME.out, and waits until it is ready.
begin() {
	name=$1
	shift
	rm -f "$dir/$name.out" "$dir"/screen-*.png
	(cd "$dir" && exec "$program" -M xenpv -name screen -m 256 -kernel "$kernel" -initrd "$dir/initrd.gz" \
		-append "console=hvc0 quiet consoleblank=0" -serial "file:$dir/$name.out" -timeout 55 "$@") </dev/null 2>"$dir/$name.err" &
	pid=$!
	until_has "$dir/$name.out" 'MARK ready'
}

# until_has FILE TEXT: at most 20 s.
until_has() {
	tries=0
	while [ $tries -lt 100 ] && kill -0 "$pid" 2>/dev/null && ! grep -qF -- "$2" "$1" 2>/dev/null; do
		tries=$((tries + 1))
		sleep 0.2
	done
}

# snap NAME WANTED-SIZE: a picture by VNC as NAME.ppm.
snap() {
	timeout 10 vncsnapshot -quiet -quality 100 -passwd "$dir/passwd" "localhost:$number" "$dir/$1.jpg" >"$dir/$1.log" 2>&1 </dev/null
	convert "$dir/$1.jpg" "$dir/$1.ppm" 2>>"$dir/$1.log"
	is "$1: size" "$(identify -format '%wx%h' "$dir/$1.ppm" 2>/dev/null)" "$2"
}

# colour NAME GEOMETRY: the mean colour there, each of red, green and blue as 0 (dark), 1 or 2 (bright).
colour() {
	convert "$dir/$1" -crop "$2" +repage -resize '1x1!' -depth 8 txt:- | sed -n 's/^0,0: (\([0-9.]*\),\([0-9.]*\),\([0-9.]*\).*/\1 \2 \3/p' |
		awk '{ for (i = 1; i <= 3; i++) printf "%d", $i > 170 ? 2 : $i > 85 ? 1 : 0; print "" }'
}

# grew NAME-BEFORE NAME-AFTER GEOMETRY: whether there is more ink in that part afterwards.
ink() {
	convert "$dir/$1" -crop "$2" +repage -colorspace gray -threshold 40% -format '%[fx:int(mean*w*h)]' info: 2>/dev/null
}

# ---- VNC --------------------------------------------------------------------------------------------------------
number=$((20 + $$ % 60))
# Two passwords as VNC's tools keep them (DES with a key that everybody knows): letmein, and another.
printf '\301\012\365\052\100\074\246\344' >"$dir/passwd"
printf '\064\011\267\124\177\111\100\330' >"$dir/wrong"
begin vnc -vnc "127.0.0.1:$number,to=$((number + 20)),password=letmein"
port=$(ss -ltnp 2>/dev/null | sed -n "s/.*127\.0\.0\.1:\(59[0-9][0-9]\) .*pid=$pid,.*/\1/p" | head -n 1)
[ -z "$port" ] || number=$((port - 5900))
has 'the framebuffer is 800 x 600' "$dir/vnc.out" 'MARK size 800,600'
sleep 1
snap first 800x600
if [ "$(ink first.ppm 800x600+0+0)" -gt 100 ] 2>/dev/null; then pass 'something is seen'; else fail 'nothing is seen'; fi
begun=$(date +%s)
timeout 10 vncsnapshot -quiet -passwd "$dir/wrong" "localhost:$number" "$dir/wrong.jpg" >"$dir/wrong.log" 2>&1 </dev/null
is 'a wrong password is refused' "$([ -e "$dir/wrong.jpg" ]; echo $?)" 1
[ $(($(date +%s) - begun)) -ge 1 ] && pass 'and slowly' || fail 'a wrong password is refused at once'
kill -USR2 "$pid"
sleep 0.5
is 'a signal writes the screen' "$(identify -format '%m %wx%h' "$dir/screen-1.png" 2>/dev/null)" 'PNG 800x600'
stop
"$program" -kernel "$kernel" -vnc "127.0.0.1:0" -display sdl -serial null >"$dir/nodisplay" 2>&1 </dev/null
is 'no desktop: status' $? 1
has 'no desktop: what to do' "$dir/nodisplay" '-vnc'
has 'no desktop: what to do else' "$dir/nodisplay" '-nographic'

# ---- a window ---------------------------------------------------------------------------------------------------
xnumber=$((100 + $$ % 400))
Xvfb ":$xnumber" -screen 0 1024x768x24 -nolisten tcp >"$dir/xvfb.log" 2>&1 &
xpid=$!
DISPLAY=:$xnumber
export DISPLAY
tries=0
while [ $tries -lt 50 ] && ! xdotool getdisplaygeometry >/dev/null 2>&1; do
	tries=$((tries + 1))
	sleep 0.1
done
begin sdl -vnc "unix:$dir/vnc.sock"
stop
is 'VNC and no window: none is there' "$(xdotool search --name Paravane 2>/dev/null)" ''
is 'the socket is gone' "$([ -e "$dir/vnc.sock" ]; echo $?)" 1
begin sdl
window=$(xdotool search --name 'Paravane .screen.' | head -n 1)
if [ -z "$window" ]; then
	fail 'no window opens by itself'
	finish
fi
pass 'a window opens by itself'
xdotool windowmove "$window" 0 0
sleep 1
shot() {
	import -window "$window" -depth 8 "$dir/$1.png" 2>>"$dir/import.log"
}
shot one
is 'the window has the size of the screen' "$(identify -format '%wx%h' "$dir/one.png")" 800x600
before=$(ink one.png 800x600+0+0)
xdotool type --delay 30 'echo AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
xdotool key Return
sleep 1
shot two
if [ "$(ink two.png 800x600+0+0)" -gt "$((before + 1000))" ]; then pass 'what is typed is seen'; else fail 'typed, and not seen'; fi
xdotool type --delay 30 'bars; echo done | tee /dev/hvc0'
xdotool key Return
until_has "$dir/sdl.out" 'done'
sleep 0.5
shot three
is 'red' "$(colour three.png 700x100+50+50)" 200
is 'green' "$(colour three.png 700x100+50+250)" 020
is 'blue' "$(colour three.png 700x50+50+420)" 002
xdotool key ctrl+alt+2
sleep 0.5
shot four
is 'the text console' "$(identify -format '%wx%h' "$dir/four.png")" 640x400
xdotool type --delay 30 'echo "Typed: $((6*7)) @#%"'
xdotool key Return
until_has "$dir/sdl.out" 'Typed: 42 @#%'
has 'typed at the text console' "$dir/sdl.out" 'Typed: 42 @#%'
sleep 0.5
shot five
if [ "$(ink five.png 640x400+0+0)" -gt "$(ink four.png 640x400+0+0)" ]; then pass 'and seen there'; else fail 'not seen there'; fi
xdotool key ctrl+alt+p
sleep 0.5
is 'a key writes the screen' "$(identify -format '%m %wx%h' "$dir/screen-1.png" 2>/dev/null)" 'PNG 640x400'
xdotool key ctrl+alt+1
sleep 0.5
shot six
is 'back again' "$(identify -format '%wx%h' "$dir/six.png"; colour six.png 700x100+50+50)" '800x600200'
has 'the title tells the speed' /dev/stdin 'MIPS' <<END
$(xdotool getwindowname "$window")
END
stop
finish
