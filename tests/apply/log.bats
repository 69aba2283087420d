#!/usr/bin/env bats
# --log: entries in the system's log. systemd-journald and the syslog daemon are played by a socket in a mount
# namespace, so that what libsystemd and libc really send is seen. tests/hosts has the real ones.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	unset NO_COLOR COLUMNS
	mkdir -p machine/etc machine/srv
	cat >site.lua <<-'LUA'
	local neap = require "neap"
	local secret = neap.secret { value = "hunter2hunter2" }
	neap.file { path = "/etc/motd", content = neap.params.text or "hello\n", mode = "0640" }
	neap.file { path = "/etc/secret", content = neap.format("%s!", secret) }
	neap.file { path = "/etc/same", content = "same" }
	LUA
	printf same >machine/etc/same
	cat >blocked.lua <<-'LUA'
	local neap = require "neap"
	local srv = neap.file { path = "/srv", content = "x" }
	neap.file { path = "/etc/after", content = "x", require = srv }
	LUA
	cat >listen.pl <<-'PERL'
	# Datagrams at a socket: fields of the journal a line each and an empty line, or the bytes of syslog.
	use IO::Socket::UNIX; use Socket;
	my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die "$ARGV[0]: $!";
	open(my $out, ">>", $ARGV[1]) or die; $out->autoflush(1);
	while (defined $socket->recv(my $data, 1 << 20)) {
		last if $data eq "end";
		if ($ARGV[0] !~ /journal/) { print $out "$data\n"; next; }
		my $text = "";
		while (length $data) {
			if ($data =~ s/^([A-Z0-9_]+)=([^\n]*)\n//) { $text .= "$1=$2\n"; next; }
			$data =~ s/^([A-Z0-9_]+)\n//s or die "no field: $data";
			my ($name, $length) = ($1, unpack("Q<", substr($data, 0, 8, "")));
			my $value = substr($data, 0, $length, ""); substr($data, 0, 1, "");
			$value =~ s/\n/\\n/g;
			$text .= "$name=$value\n";
		}
		print $out "$text\n";
	}
	PERL
	cat >inside.sh <<-'SH'
	# inside.sh SOCKET COMMAND…: with a listener there, what it hears in the file "heard".
	socket=$1
	shift
	rm -f heard && touch heard
	mkdir -p fresh
	mount -n -t tmpfs tmpfs fresh
	case $socket in
	/run/*) mkdir -p "fresh/${socket#/run/}" && rmdir "fresh/${socket#/run/}" && mount -n --bind fresh /run ;;
	/dev/*) cp -a /dev/null /dev/zero /dev/full /dev/urandom fresh/ && mount -n --bind fresh /dev ;;
	esac
	perl listen.pl "$socket" heard &
	for _ in $(seq 200); do [ ! -S "$socket" ] || break; sleep 0.02; done
	code=0
	"$@" || code=$?
	perl -MIO::Socket::UNIX -MSocket -e '
		IO::Socket::UNIX->new(Type => SOCK_DGRAM, Peer => $ARGV[0])->send("end") or die' "$socket"
	wait
	exit "$code"
	SH
	export NEAP
}

with_journal() { unshare --mount --propagation private bash inside.sh /run/systemd/journal/socket "$@"; }
with_syslog() { unshare --mount --propagation private bash inside.sh /dev/log "$@"; }

# entry N: the Nth entry that was heard, without what systemd adds.
entry() { awk -v RS= -v n="$1" 'NR == n' heard; }
# field N NAME
field() { entry "$1" | sed -n "s/^$2=//p"; }
entries() { awk -v RS= 'END { print NR }' heard; }

need() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	# shellcheck disable=SC2010
	ldconfig -p | grep -q libsystemd.so.0 || skip "no libsystemd"
}

@test "journal: an entry with its fields for each resource that was changed, and one for the end" {
	need
	run -0 --separate-stderr with_journal "$NEAP" apply -q --log journal --root machine site.lua
	[ "$output" = "applied: 2 created, 1 unchanged" ]
	echo "$stderr"
	cat heard
	[ -z "$stderr" ]
	[ "$(entries)" = 3 ]
	[ "$(field 1 MESSAGE)" = "created file[/etc/motd]" ]
	[ "$(field 1 PRIORITY) $(field 1 SYSLOG_IDENTIFIER)" = "5 neap" ]
	[ "$(field 1 NEAP_RECIPE) $(field 1 NEAP_ADDRESS) $(field 1 NEAP_TYPE)" = "site.lua file[/etc/motd] file" ]
	[ "$(field 1 NEAP_ACTION) $(field 1 NEAP_OUTCOME)" = "create changed" ]
	[ "$(field 1 CODE_FILE):$(field 1 CODE_LINE)" = "site.lua:3" ]
	[ "$(field 2 NEAP_ADDRESS)" = "file[/etc/secret]" ]
	[ "$(field 3 MESSAGE)" = "site.lua: applied: 2 created, 1 unchanged" ]
	[ "$(field 3 PRIORITY) $(field 3 NEAP_EXIT_CODE) $(field 3 NEAP_ADDRESS)" = "5 0 " ]
	id=$("$NEAP" status --root machine --format json | jq -r .last_run.id)
	for n in 1 2 3; do [ "$(field $n NEAP_RUN_ID)" = "$id" ]; done
	# What drifted is named by its parameters; a run without changes has its end.
	echo drift >machine/etc/motd
	chmod 600 machine/etc/motd
	run -0 with_journal "$NEAP" apply -q --log journal --root machine site.lua
	[ "$(entries)" = 2 ]
	[ "$(field 1 MESSAGE)" = "updated file[/etc/motd]: content, mode" ]
	run -0 with_journal "$NEAP" apply -q --log journal --root machine site.lua
	[ -z "$output" ]
	[ "$(entries)" = 1 ]
	[ "$(field 1 PRIORITY) $(field 1 MESSAGE)" = "6 site.lua: nothing to change: 3 resources as wanted" ]
}

@test "journal: what failed is an error, with its reason; so is the end" {
	need
	run -4 with_journal "$NEAP" apply -q --log journal --root machine blocked.lua
	[ "$(entries)" = 2 ]
	[ "$(field 1 MESSAGE)" = "file[/srv] (blocked.lua:2): /srv is a directory" ]
	[ "$(field 1 PRIORITY) $(field 1 NEAP_OUTCOME) $(field 1 CODE_LINE)" = "3 failed 2" ]
	[ "$(field 2 PRIORITY) $(field 2 NEAP_EXIT_CODE)" = "3 4" ]
	[ "$(field 2 MESSAGE)" = "blocked.lua: apply failed: 1 failed, 1 skipped" ]
	printf 'local neap = require "neap"\nneap.file { path = "/etc/motd", ownr = "root" }\nneap.file { path = "etc" }\n' >wrong.lua
	run -1 with_journal "$NEAP" apply -q --log journal --root machine wrong.lua
	[ "$(entries)" = 1 ]
	[ "$(field 1 PRIORITY) $(field 1 NEAP_EXIT_CODE)" = "3 1" ]
	[[ "$(field 1 MESSAGE)" == 'wrong.lua: wrong.lua:2: file[/etc/motd]: unknown parameter "ownr", and 1 more error' ]]
	"$NEAP" apply -q --root machine site.lua
	exec 9<>machine/var/lib/neap/lock
	flock -x 9
	run -3 with_journal "$NEAP" apply -q --log journal --root machine site.lua
	exec 9>&-
	[[ "$(field 1 MESSAGE)" == "site.lua: another run holds the lock"* ]]
	[ "$(field 1 NEAP_EXIT_CODE)" = 3 ]
}

@test "journal: what is found to have failed when all have had their turn is heard of too" {
	need
	unshare --net ip link add v type vxlan id 1 dstport 4789 2>/dev/null || skip "needs network namespaces, and vxlan"
	cat >undone.lua <<-LUA
	local neap = require "neap"
	neap.vxlan { name = "v0", id = 1, neighbours = { ["10.0.0.9"] = "02:00:00:00:00:09" } }
	neap.address { link = "v0", address = "10.0.0.1/24", ensure = "absent" } -- the last: the kernel forgets neighbours with it
	neap.file { path = "$PWD/x", content = "x" }
	LUA
	cat >net.sh <<-SH
	ip link add v0 type vxlan id 1 dstport 4789 && ip link set v0 up && ip address add 10.0.0.1/24 dev v0
	ip neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev v0 nud permanent
	exec "$NEAP" apply -q --state-dir "$PWD/state" --log journal undone.lua
	SH
	run -4 --separate-stderr with_journal unshare --net bash net.sh
	cat heard
	[ "$(entries)" = 4 ]
	[ "$(field 3 NEAP_ADDRESS)" = "vxlan[v0]" ]
	[ "$(field 3 NEAP_OUTCOME)" = failed ]
	[ "$(field 3 PRIORITY)" = 3 ]
	[ "$(field 4 NEAP_EXIT_CODE)" = 4 ]
}

@test "no secret is in an entry, and no byte that steers a terminal" {
	need
	cat >hostile.lua <<-'LUA'
	local neap = require "neap"
	local secret = neap.secret { value = "hunter2hunter2" }
	neap.exec { name = "e\27[31m", command = { "sh", "-c", "echo $S; exit 1" }, environment = { S = secret }, always = true }
	neap.file { path = "/etc/\u{9b}31m", content = secret }
	LUA
	mkdir state
	chmod 700 state
	run -4 with_journal "$NEAP" apply -q --log journal --state-dir state --root "$PWD/machine" hostile.lua
	[ "$(entries)" = 3 ]
	run ! grep -q hunter2 heard
	[ "$(grep '^MESSAGE=' heard | LC_ALL=C tr -d '\n\t -~' | wc -c)" = 0 ]
}

@test "syslog: the messages of the same entries, from neap" {
	need
	run -4 --separate-stderr with_syslog "$NEAP" apply -q --log syslog --root machine blocked.lua
	[ "$output" = "apply failed: 1 failed, 1 skipped" ]
	[ "$(wc -l <heard)" = 2 ]
	# Facility daemon (3), severity error (3).
	[[ "$(sed -n 1p heard | tr -d '\0')" =~ ^\<27\>.*\ neap\[[0-9]+\]:\ file\[/srv\]\ \(blocked.lua:2\):\ /srv\ is\ a\ directory$ ]]
	[[ "$(sed -n 2p heard | tr -d '\0')" =~ \<27\>.*\ neap\[[0-9]+\]:\ blocked.lua:\ apply\ failed:\ 1\ failed,\ 1\ skipped$ ]]
	run -0 with_syslog "$NEAP" apply -q --log syslog --root machine site.lua
	[ "$(grep -c '<29>' heard)" = 3 ]
	run -0 with_syslog "$NEAP" apply -q --log syslog --root machine site.lua
	[ "$(grep -c '<30>' heard)" = 1 ]
	[ "$(wc -l <heard)" = 1 ]
}

@test "a log that is not there is refused before anything is done" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	for log in journal:/run/systemd/journal/socket syslog:/dev/log; do
		cat >empty.sh <<-'SH'
		mkdir -p fresh
		mount -n -t tmpfs tmpfs fresh
		cp -a /dev/null /dev/zero /dev/urandom fresh/
		mount -n --bind fresh /run
		mount -n --bind fresh /dev
		exec "$NEAP" apply --log "$1" --root machine site.lua
		SH
		run -1 --separate-stderr unshare --mount --propagation private bash empty.sh "${log%%:*}"
		[ -z "$output" ]
		[[ $stderr == "neap: --log: open ${log#*:}: No such file or directory"*"here" ]]
		[ ! -e machine/var ]
		[ ! -e machine/etc/motd ]
	done
	run -64 "$NEAP" apply --log somewhere --root machine site.lua
	run -64 "$NEAP" plan --log journal --root machine site.lua
}

@test "without --log nothing of it is loaded" {
	[ "$(id -u)" = 0 ] || skip "only root may read the names in neap's system calls"
	strace -f -e trace=openat -o trace "$NEAP" apply -q --root machine site.lua
	run ! grep -qE 'libsystemd|journal/socket' trace
}
