#!/usr/bin/env bats
# What is shipped beside the program: the units, the cron file, the alerts, and where they are installed.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	mkdir -p bin site machine/etc
	ln -s "$NEAP" bin/neap
	PATH=$PWD/bin:$PATH
	echo 'require "neap".file { path = "/etc/motd", content = "hello\n" }' >site/init.lua
	shipped=$NEAP_SOURCE/packaging
}

# The command of the service with this recipe, on this machine.
here() { sed -e "s|/etc/neap/site|--root $PWD/machine $PWD/site|" -e 's/--splay 15m/--splay 1s/' -e 's/--log journal/--log none/'; }

@test "systemd finds nothing wrong with the units" {
	command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
	cp "$shipped"/systemd/neap* .
	# It insists on the program, which need not be installed here.
	sed -i "s|^ExecStart=neap |ExecStart=$NEAP |" neap.service
	run -0 systemd-analyze verify ./neap.timer ./neap-boot.timer ./neap.service
	[ -z "$output" ]
	# It would say so if something was.
	sed -i 's/^Nice=5/Nicce=5/' neap.service
	run systemd-analyze verify ./neap.timer ./neap.service
	[[ $output == *Nicce* ]]
	calendar=$(sed -n 's/^OnCalendar=//p' "$shipped/systemd/neap.timer")
	run -0 systemd-analyze calendar --iterations=3 --base-time='2026-01-01 00:10:00 UTC' "$calendar"
	[[ $output == *00:30:00*01:00:00*01:30:00* ]]
}

@test "the service's command is one that neap takes, and does its work" {
	command=$(sed -n 's/^ExecStart=//p' "$shipped/systemd/neap.service")
	[[ $command == *--log\ journal*/etc/neap/site ]]
	run -0 sh -c "$(here <<<"$command")"
	[ "$output" = "applied: 1 created" ]
	run -0 sh -c "$(here <<<"$command")"
	[ -z "$output" ]
}

@test "the cron file is one that cron takes: one job, at boot too, and its command works" {
	[ "$(tail -c 1 "$shipped/cron/neap")" = "" ]
	jobs=$(grep -vE '^(#|$|[A-Z]+=)' "$shipped/cron/neap")
	[ "$(wc -l <<<"$jobs")" = 2 ]
	[[ $jobs != *%* ]]
	read -r minute hour day month weekday user command < <(grep -v ^@reboot <<<"$jobs")
	# Who boots waits for nobody's turn.
	[ "$(sed -n 's/^@reboot root //p' <<<"$jobs")" = "${command/ --splay 15m/}" ]
	[ "$minute $hour $day $month $weekday $user" = "*/30 * * * * root" ]
	# neap's own type for cron has the same rules as cron, and more.
	cat >job.lua <<-LUA
	require "neap".cron { name = "neap", minute = "$minute", user = "$user", command = "$command" }
	LUA
	run -0 neap check job.lua
	run -0 sh -c "$(here <<<"$command")"
	[ "$output" = "applied: 1 created" ]
	run -0 sh -c "$(here <<<"$command")"
	[ -z "$output" ]
}

@test "the splay and the time limit of what is shipped leave room for the next run" {
	minutes() { grep -oE -- "$1 [0-9]+m" "$2" | grep -oE '[0-9]+' | head -n 1; }
	[ "$(minutes --timeout "$shipped/cron/neap")" -lt 30 ]
	[ "$(minutes --splay "$shipped/cron/neap")" -lt 30 ]
	[ "$(minutes --lock-wait "$shipped/cron/neap")" -lt "$(minutes --timeout "$shipped/cron/neap")" ]
	[ "$(minutes --timeout "$shipped/systemd/neap.service")" -lt 30 ]
	[ "$(minutes --lock-wait "$shipped/systemd/neap.service")" -lt "$(minutes --timeout "$shipped/systemd/neap.service")" ]
}

@test "the alerts are about metrics that neap writes" {
	neap apply -q --root machine --metrics neap.prom site
	names=$(grep -oE 'neap_[a-z_]+' "$shipped/prometheus/neap.yml" | sort -u)
	[ "$(wc -l <<<"$names")" -ge 6 ]
	for name in $names; do
		grep -q "^# TYPE $name gauge" neap.prom || [ "$name" = neap_certificate_not_after_timestamp_seconds ]
	done
	# A machine that stops to write them is missed too.
	grep -A 2 "NeapMetricsMissing" "$shipped/prometheus/neap.yml" | grep -q "unless on (instance) neap_last_run_timestamp_seconds"
	if command -v promtool >/dev/null; then promtool check rules "$shipped/prometheus/neap.yml"; fi
}

@test "what is installed: the program, the units, and the rest as documents" {
	run -0 cmake --install "$(dirname "$NEAP")" --prefix "$PWD/prefix"
	[ "$("prefix/bin/neap" version)" = "$(neap version)" ]
	for unit in neap.service neap.timer neap-boot.timer; do
		cmp "prefix/lib/systemd/system/$unit" <(sed "s|/usr/share/doc|$PWD/prefix/share/doc|" "$shipped/systemd/$unit")
		documentation=$(sed -n 's|^Documentation=file://||p' "prefix/lib/systemd/system/$unit")
		[ -s "$documentation" ]
	done
	# As a package is made: what lies in DESTDIR will lie in the prefix.
	DESTDIR=$PWD/image run -0 cmake --install "$(dirname "$NEAP")" --prefix /usr
	cmp image/usr/lib/systemd/system/neap.service "$shipped/systemd/neap.service"
	cmp prefix/share/doc/neap/cron.d/neap "$shipped/cron/neap"
	cmp prefix/share/doc/neap/prometheus/neap.yml "$shipped/prometheus/neap.yml"
	for file in README.md cron.md contract.md schema/status.schema.json; do [ -s "prefix/share/doc/neap/$file" ]; done
	[ -z "$(find prefix -type f ! -path 'prefix/bin/*' -perm /111)" ]
	# Nothing is switched on.
	[ "$(find prefix -type l)" = "" ]
}

@test "the commands in docs/cron.md are ones that neap takes" {
	# Lines of the page that run neap apply, each with its recipe in place of the site's.
	grep -oE 'neap apply [^`|]*/etc/neap/site' "$NEAP_SOURCE/docs/cron.md" | sort -u >commands
	[ "$(wc -l <commands)" -ge 3 ]
	mkdir metrics
	while read -r command; do
		command=$(here <<<"$command" | sed "s|/var/lib/prometheus/node-exporter/|$PWD/metrics/|")
		echo "$command"
		run -0 sh -c "$command"
	done <commands
}
