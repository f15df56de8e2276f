# SPDX-License-Identifier: GPL-2.0-or-later
# Read by control.sh: disks and network cards come and go while the guest works.
# shellcheck disable=SC2154

shell='$(cat /sys/block/xvda/size)'
dd if=/dev/zero of="$spot/one" bs=1M seek=8 count=0 2>/dev/null
dd if=/dev/zero of="$spot/two" bs=1M seek=4 count=0 2>/dev/null
is 'no disks' "$(ask 'info block')" 'the guest has no disks'
is 'a disk' "$(ask "disk_add file=$spot/one,format=raw,id=one")" 'disk one is there'
eventually 'the guest takes it' 'info block' 'in use by the guest'
guest "while [ ! -b /dev/xvda ]; do usleep 50000; done; dd if=/dev/urandom of=/dev/xvda bs=1M count=8 2>/dev/null; sync; echo MARK size $shell; md5sum /dev/xvda | sed 's/^/MARK hash /'"
until_said 'MARK hash'
is 'its size' "$(tr -d '\r' <"$out" | sed -n 's/.*MARK size //p')" 16384
is 'what the guest wrote is in the file' "$(md5sum <"$spot/one" | cut -c1-32)" \
	"$(tr -d '\r' <"$out" | sed -n 's/.*MARK hash \([0-9a-f]*\).*/\1/p')"

# From here on that disk is read and written without end; others must not mind.
guest 'while :; do dd if=/dev/xvda of=/dev/xvda bs=64k 2>/dev/null || break; n=$((n + 1)); echo $n >/tmp/rounds; done &'
is 'another, by QEMU'"'"'s word' "$(ask "drive_add 0 file=$spot/two,format=raw,id=two")" 'disk two is there'
guest 'while [ ! -b /dev/xvdb ]; do usleep 50000; done; cat /dev/xvdb | wc -c | sed "s/^/MARK second /"'
until_said 'MARK second 4194304$'
is 'grown' "$(ask 'block_resize two 6')" ''
guest 'while [ "$(cat /sys/block/xvdb/size)" != 12288 ]; do usleep 50000; done; echo MARK grown'
until_said 'MARK grown$'
is 'taken away' "$(ask 'disk_remove two')" ''
guest 'while grep -q xvdb /proc/partitions; do usleep 50000; done; echo MARK second gone'
until_said 'MARK second gone$'
eventually 'and let go' 'info block' '^one:'
is 'no second' "$(ask 'info block' | grep -c '^two')" 0

added=$(ask 'netdev_add user,id=net0')
if [ -z "$added" ]; then
	is 'a network card' "$(ask 'device_add xen-net-device,netdev=net0,id=card0,mac=52:54:00:12:34:56')" ''
	guest 'while ! ifconfig eth0 10.0.2.15 up 2>/dev/null; do usleep 50000; done; ping -c 3 10.0.2.2 | sed -n "s/ packets received.*//; s/.*transmitted, /MARK pings /p"; sed "s/^/MARK card /" /sys/class/net/eth0/address'
	until_said 'MARK pings [1-3]$'
	until_said 'MARK card 52:54:00:12:34:56$'
	if ask 'info network' | grep -q 'card0'; then pass 'info network'; else fail 'info network does not tell of it'; fi
	is 'the network is in use' "$(ask 'netdev_del net0' | grep -c .)" 1
	is 'its cable' "$(ask 'set_link card0 off')$(ask 'set_link card0 on')" ''
	port=$((20000 + $$ % 20000))
	is 'a port' "$(ask "hostfwd_add tcp:127.0.0.1:$port-:80")$(ask "hostfwd_remove tcp:127.0.0.1:$port")" ''
	is 'taken away' "$(ask 'device_del card0')" ''
	guest 'while [ -e /sys/class/net/eth0 ]; do usleep 50000; done; echo MARK card gone'
	until_said 'MARK card gone$'
	eventually 'the network goes' 'netdev_del net0' 'no network\|there is no'
else
	echo "control: networks of the kind user: $added; skipped"
fi
guest 'echo MARK rounds $(($(cat /tmp/rounds) > 0))'
until_said 'MARK rounds 1$'

# Mistakes, each its own sentence.
is 'no such file' "$(ask 'disk_add file=/nosuch/disk,format=raw' | grep -c '/nosuch/disk')" 1
is 'no such disk' "$(ask 'disk_remove three' | grep -c three)" 1
is 'no such card' "$(ask 'device_del three')" "there is no network card and no disk 'three': info network and info block list them"
is 'no such device' "$(ask 'device_add e1000')" "there is no device 'e1000': use xen-net-device,netdev=ID or xen-disk,file=FILE"
is 'no size' "$(ask 'block_resize one big')" "'big' is no size: give a whole number, as in 512 (MiB) or 10G"
# One that is being written to is not tried: Linux's blkfront stops its queues and may wait for ever for a write still in them.
guest 'kill $!; while pidof dd >/dev/null; do usleep 50000; done; sync; echo MARK idle'
until_said 'MARK idle$'
is 'the one that was busy' "$(ask 'disk_remove one')" ''
eventually 'it goes' 'info block' 'the guest has no disks'
is 'another' "$(ask "disk_add file=$spot/two,format=raw,id=two")" 'disk two is there'
guest 'while [ ! -b /dev/xvda ] && [ ! -b /dev/xvdb ]; do usleep 50000; done; echo MARK third there'
until_said 'MARK third there$'
is 'by force' "$(ask 'disk_remove two force')" ''
eventually 'it is gone' 'info block' 'the guest has no disks'
guest 'while [ -b /dev/xvda ] || [ -b /dev/xvdb ]; do usleep 50000; done; echo MARK still alive'
until_said 'MARK still alive$'
