#!/usr/bin/env bats
# Notifications outlive the run: a real neap is killed at random moments, and whoever had to be refreshed is.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	unset NO_COLOR COLUMNS
	mkdir work
	D=$PWD/work
	OPTIONS=(--state-dir "$PWD/state" -D "d=$D")
	# Three "services" that read their files when they are refreshed, and only then.
	cat >site.lua <<-'LUA'
	local neap = require "neap"
	local d, n = neap.params.d, neap.params.n or "0"
	for s = 1, 3 do
		local files = {}
		for i = 1, 15 do
			files[i] = neap.file { path = ("%s/conf/%d/%d"):format(d, s, i), content = n .. "\n" }
		end
		neap.exec {
			name = "restart " .. s, refresh_only = true, subscribe = files,
			shell = ("echo %d >>%s/log; cat %s/conf/%d/* >%s/runs.%d"):format(s, d, d, s, d, s),
		}
	end
	LUA
}

# killed MILLISECONDS COMMAND…: kills the command then, and ends when whatever it has started has ended too: what neap runs
# is killed with it, but not in the same instant, and what that has started lives on for a moment.
killed() {
	perl -MPOSIX -e '
		my %prctl = (x86_64 => 157, aarch64 => 167);
		my $ms = shift;
		syscall($prctl{(POSIX::uname)[4]}, 36, 1, 0, 0, 0) == 0 or die "cannot be their reaper: $!";
		my $pid = fork // die "fork: $!";
		if (!$pid) { exec { $ARGV[0] } @ARGV; POSIX::_exit(127) }
		select undef, undef, undef, $ms / 1000;
		kill KILL => $pid;
		1 while wait > 0;' "$@"
}

plan() { "$NEAP" plan "${OPTIONS[@]}" "$@"; }
apply() { "$NEAP" apply --lock-wait 10s "${OPTIONS[@]}" "$@"; }

@test "killed at 100 moments: each service ends up with its files of now" {
	apply site.lua >/dev/null
	local start took delay n planned seen=0
	start=$(date +%s%N)
	apply -D n=first site.lua >/dev/null
	took=$((($(date +%s%N) - start) / 1000000))
	for n in $(seq 100); do
		delay=$((RANDOM % (took + 5)))
		killed "$delay" "$NEAP" apply "${OPTIONS[@]}" -D "n=$n" site.lua >/dev/null 2>&1
		# What the plan says is left is what the next run does.
		: >work/log
		planned=$(plan --format json -D "n=$n" site.lua | jq '[.resources[] | select(.refresh == true)] | length')
		apply -D "n=$n" site.lua >out
		[ "$(wc -l <work/log)" = "$planned" ] || { cat out; return 1; }
		grep -q 'left undone by an earlier run' out && seen=$((seen + 1))
		for s in 1 2 3; do
			cat "work/conf/$s"/* | cmp - "work/runs.$s" || { echo "kill $n after $delay ms: $s"; return 1; }
		done
		run -0 plan -q -D "n=$n" site.lua
	done
	[ "$seen" -gt 0 ] # else the kills all missed
}

@test "another recipe on the machine neither delivers nor drops them" {
	sed -i 's/shell = .*/shell = "exit 1",/' site.lua
	run -4 apply site.lua
	echo 'local neap = require "neap"; neap.file { path = neap.params.d .. "/other" }' >other.lua
	run -0 apply other.lua
	run -2 plan site.lua
	[[ $output == "plan: 3 to refresh"* ]]
}

@test "what the recipe has no more is dropped" {
	sed -i 's/shell = .*/shell = "exit 1",/' site.lua
	run -4 apply site.lua
	sed -i 's/for s = 1, 3/for s = 1, 2/; s/shell = .*/shell = "true",/' site.lua
	run -0 apply site.lua
	[[ $output == "applied: 2 refreshed"* ]]
	[ "$(cat state/journal)" = "neap-journal 1" ]
}

@test "a journal that is damaged or of another version is told" {
	sed -i 's/shell = .*/shell = "exit 1",/' site.lua
	run -4 apply site.lua
	sed -i '2s/restart/RESTART/' state/journal
	run -2 --separate-stderr plan site.lua
	[[ $stderr == *"state/journal: 1 damaged record is left out"* ]]
	echo 'neap-journal 9' >state/journal
	run -1 apply site.lua
	[[ $output == *"is not a journal of this version of neap"* ]]
	run -1 plan site.lua
}

@test "when the journal cannot be written, nothing that it is about is begun" {
	mkdir -p state/journal
	chmod 700 state
	run -1 apply site.lua
	[ ! -e work/conf ]
}

@test "a plan writes no journal, and a converged run none either" {
	apply site.lua >/dev/null
	rm state/journal
	run -0 apply site.lua
	run -2 plan -D n=1 site.lua
	[ ! -e state/journal ]
}

@test "it is on the disk before the change it is about" {
	[ "$(id -u)" = 0 ] || skip "strace can look into neap as root only"
	apply site.lua >/dev/null
	strace -f -qq -e trace=fdatasync,fsync,rename,renameat,renameat2,pwrite64 -y -o trace "$NEAP" apply "${OPTIONS[@]}" -D n=2 site.lua >/dev/null
	local synced renamed
	synced=$(grep -n 'fdatasync(.*/state/journal>' trace | head -n 1 | cut -d: -f1)
	renamed=$(grep -n 'rename.*conf' trace | head -n 1 | cut -d: -f1)
	[ "$synced" -lt "$renamed" ]
}

@test "a change that was rejected leaves nothing to be refreshed, one that landed beside it does" {
	cat >site.lua <<-'LUA'
	local neap = require "neap"
	local d, n, m = neap.params.d, neap.params.n or "0", neap.params.m or "0"
	local a = neap.file { path = d .. "/a", content = n .. "\n", validate = { "grep", "-q", "^[0-9]*$", "%s" } }
	local b = neap.file { path = d .. "/b", content = m .. "\n", require = neap.params.b and a }
	neap.exec { name = "listed", refresh_only = true, shell = "echo listed >>" .. d .. "/log", subscribe = { a, b } }
	neap.exec { name = "alone", refresh_only = true, shell = "echo alone >>" .. d .. "/log", subscribe = a }
	LUA
	run -0 apply site.lua
	: >work/log
	run -4 apply -D n=abc site.lua
	run "$NEAP" status --state-dir "$PWD/state"
	[[ "$output" != *"to be refreshed"* && "$output" != *listed* && "$output" != *alone* ]] || { echo "$output"; false; }
	run -0 plan site.lua
	# b changes besides: of it nothing is forgotten, of a nothing is said.
	run -4 apply -D n=abc -D m=1 site.lua
	[[ "$("$NEAP" status --state-dir "$PWD/state")" == *listed* ]]
	run -2 plan -D m=1 site.lua
	[[ "$output" == *"exec[listed]"*"left undone"* && "$output" != *alone* ]]
	run -0 apply -D m=1 site.lua
	[ "$(cat work/log)" = listed ]
	# What an earlier run has left is not taken back by a failure.
	sed -i 's/echo listed/exit 1; echo listed/' site.lua
	run -4 apply -D m=2 site.lua
	run -4 apply -D m=2 -D n=abc site.lua
	sed -i 's/exit 1; //' site.lua
	: >work/log
	run -0 apply -D m=2 site.lua
	[ "$(cat work/log)" = listed ]
	# b stands on a, so neither lands; then the good change is refreshed for once.
	: >work/log
	run -4 apply -D m=3 -D n=abc -D b=1 site.lua
	run -2 plan -D m=3 site.lua
	[[ "$output" != *"left undone"* ]]
	run -0 apply -D m=3 -D n=5 site.lua
	[ "$(sort work/log | paste -sd' ')" = "alone listed" ]
}
