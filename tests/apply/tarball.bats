#!/usr/bin/env bats
# Archives made by tar and its friends, unpacked by neap and judged by tar; hostile ones; kill -9.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	unset NO_COLOR COLUMNS
	umask 022
	mkdir root
}

# recipe: what follows "neap.tarball {", for source "a.tar" and path "/opt/app" unless said otherwise.
recipe() {
	local more=$1 source=${2:-a.tar} path=${3:-/opt/app}
	printf 'local neap = require "neap"\nneap.tarball { source = "%s", path = "%s", %s }\n' \
		"$source" "$path" "$more" >site.lua
}

plan() { "$NEAP" plan site.lua --root "$PWD/root" "$@"; }
apply() { "$NEAP" apply site.lua --root "$PWD/root" "$@"; }

# A tree with most that a release may hold.
make_tree() {
	mkdir -p tree/bin tree/lib/deep/er tree/empty
	printf '#!/bin/sh\necho ok\n' >tree/bin/app
	chmod 755 tree/bin/app
	ln -s app tree/bin/link
	ln -s ../lib tree/bin/lib
	ln -s nowhere tree/lib/dangling
	head -c 3000000 /dev/urandom >tree/lib/large
	ln tree/lib/large tree/lib/deep/same
	ln tree/bin/app tree/bin/app2
	printf x >tree/lib/deep/er/one
	: >tree/lib/none
	chmod 444 tree/lib/none
	chmod 750 tree/lib/deep
	truncate -s 3M tree/lib/sparse
	printf 'middle' | dd of=tree/lib/sparse bs=1 seek=1500000 conv=notrunc status=none
	printf n >"tree/$(printf 'e\314\201')" # decomposed
	printf l >"tree/$(printf 'latin\351')"
	mkdir "tree/$(printf 'a%.0s' {1..90})"
	printf p >"tree/$(printf 'a%.0s' {1..90})/$(printf 'b%.0s' {1..90})"
	for i in $(seq 50); do printf '%d\n' "$i" >"tree/lib/f$i"; done
}

# Kind, mode, name and target or digest of all that is in a directory.
listing() {
	(cd "$1" && find . -mindepth 1 -printf '%y %m %p %l\n' | sed 's/^l [0-9]* /l /' | LC_ALL=C sort &&
		find . -type f -exec sha256sum {} + | LC_ALL=C sort)
}

@test "every compression and format gives what tar gives, and then nothing is left to do" {
	make_tree
	mkdir judge
	for format in gnu pax ustar; do
		for ending in tar tar.gz tar.bz2 tar.xz tar.zst; do
			[ $format = gnu ] || [ $ending = tar ] || continue
			sparse=--sparse
			[ $format != ustar ] || sparse=
			tar -C tree $sparse --format=$format -caf "a.$ending" .
			rm -rf root/* root/.??* judge
			mkdir judge
			tar -C judge -xf "a.$ending"
			recipe '' "a.$ending"
			run -2 plan
			[ ! -e root/opt ]
			run -0 apply
			diff <(listing judge) <(listing root/opt/app)
			run -0 plan
			run -0 apply
			[[ $output == "nothing to change"* ]]
		done
	done
}

@test "a byte that was changed with its time kept is found, and one file is put right" {
	make_tree
	tar -C tree -caf a.tar.xz .
	recipe '' a.tar.xz
	run -0 apply
	listing root/opt/app >before
	inode=$(stat -c %i root/opt/app/bin/app)
	touch -r root/opt/app/lib/large stamp
	printf '\377' | dd of=root/opt/app/lib/large bs=1 seek=1234567 conv=notrunc status=none
	touch -r stamp root/opt/app/lib/large
	chmod 600 root/opt/app/lib/f7
	rm root/opt/app/bin/link
	ln -sfn /etc root/opt/app/bin/lib
	run -2 plan
	[[ $output == *"1 to update"* && $output == *"lib/large (content)"* && $output == *"lib/f7 (mode 0600)"* ]]
	[[ $output == *"bin/link"* && $output == *"bin/lib (target)"* && $output == *"unpacks 1 file, 2.9 MB"* ]]
	run -0 apply
	diff before <(listing root/opt/app)
	[ "$(stat -c %i root/opt/app/bin/app)" = "$inode" ]
	run -0 plan
}

@test "what is chosen and stripped is what tar's names say" {
	make_tree
	tar --transform 's,^\./,rel-1.0/,' -C tree -cf a.tar ./bin ./lib
	recipe 'strip_components = 1, members = { "rel-1.0/bin/app" }, include = { "rel-1.0/lib/f1*", "**/one" },
		exclude = { "*/lib/f1[3-9]" }'
	run -0 apply
	[ "$(cd root/opt/app && find . -type f | LC_ALL=C sort | tr '\n' ' ')" = \
		"./bin/app ./lib/deep/er/one ./lib/f1 ./lib/f10 ./lib/f11 ./lib/f12 " ]
	recipe 'members = { "rel-1.0/bin/none" }'
	run -4 plan
	[[ $output == *'it has no member "rel-1.0/bin/none"'* ]]
}

@test "an archive in an archive is unpacked without the outer one" {
	make_tree
	mkdir -p kubernetes/server
	tar -C tree -czf kubernetes/server/inner.tar.gz ./bin
	truncate -s 1M kubernetes/other
	tar -caf a.tar.zst kubernetes
	recipe 'nested = "kubernetes/server/inner.tar.gz"' a.tar.zst
	run -0 apply
	diff <(listing tree/bin) <(listing root/opt/app/bin)
	run -0 plan
	# Cut off in the inner one only.
	truncate -s -40 kubernetes/server/inner.tar.gz
	tar -caf a.tar.zst kubernetes
	run -4 plan
	[[ $output == *"kubernetes/server/inner.tar.gz"*"it is cut off or damaged"* ]]
}

@test "a new archive replaces what differs, and leaves what only the former one held" {
	mkdir tree
	printf 1 >tree/both
	printf 1 >tree/changed
	printf 1 >tree/former
	tar -C tree -cf a.tar both changed former
	recipe ''
	run -0 apply
	inode=$(stat -c %i root/opt/app/both)
	printf 2 >tree/changed
	printf 2 >tree/new
	tar -C tree -cf a.tar both changed new
	run -2 plan
	[[ $output == *"1 to update"* && $output == *"+ new"* && $output == *"changed (content)"* ]]
	run -0 apply
	[ "$(cat root/opt/app/{both,changed,former,new})" = 1212 ]
	[ "$(stat -c %i root/opt/app/both)" = "$inode" ]
	run -0 plan
	recipe 'ensure = "absent"'
	run -0 apply
	[ "$(ls root/opt/app)" = former ]
	rm root/opt/app/former
	run -0 apply
	[ ! -e root/opt/app ]
	run -0 plan
}

# Everything below the root and beside it, but neap's own.
whole() {
	find . -path ./root/var/lib/neap -prune -o -printf '%p %y %s\n' | grep -v '^\./\(before\|now\|root\|root/var.*\|root/\.neap.*\) ' | sort
}

refused() {
	local what=$1
	run -4 plan
	[[ $output == *"$what"* ]] || { echo "$output"; return 1; }
	whole >before
	run -4 apply
	[[ $output == *"$what"* ]]
	diff before <(whole)
	[ ! -e root/opt ]
}

@test "hostile archives are refused whole, and nothing is made anywhere" {
	mkdir -p tree/d
	printf x >tree/file
	printf x >tree/d/f
	mkfifo tree/fifo
	recipe ''

	tar -C tree -P --transform 's,^file,../../../escaped,' -cf a.tar d file
	refused 'its member "../../../escaped" holds ".."'
	tar -C tree -P --transform "s,^file,$PWD/escaped," -cf a.tar d file
	refused "its member \"$PWD/escaped\" is absolute"
	tar -C tree -P --transform 's,^file,d/../../escaped,' -cf a.tar d file
	refused 'holds ".."'
	tar -C tree -cf a.tar d fifo
	refused 'its member "fifo" is a device, fifo or socket'

	# A link that leads out, and a file through it.
	ln -s "$PWD" tree/l
	tar -C tree -cf a.tar l
	refused 'its link "l" to "'"$PWD"'" leads out of the destination'
	tar -C tree -P --transform 's,^file,l/escaped,' -cf a.tar l file
	refused 'lead'
	ln -sfn d tree/l
	tar -C tree -P --transform 's,^file,l/escaped,' -cf a.tar l d file
	refused 'its member "l/escaped" lies below what is no directory: "l"'
	ln -sfn ../../../.. tree/d/l
	tar -C tree -cf a.tar d
	refused 'leads out of the destination'
	rm tree/d/l

	# Hard links to what is not in it.
	printf x >tree/second
	ln -f tree/file tree/hard
	tar -C tree -P --transform "flags=h;s,^file,$PWD/file," -cf a.tar file hard
	refused "the target of a hard link, \"$PWD/file\" is absolute"
	tar -C tree -P --transform "flags=h;s,^file,gone," -cf a.tar file hard
	refused 'its hard link "hard" is to "gone", which is no file before it'
}

@test "devices are refused, and can be left out" {
	[ "$(id -u)" = 0 ] || skip "only root can make devices"
	mkdir tree
	printf x >tree/file
	mknod tree/null c 1 3
	tar -C tree -cf a.tar file null
	recipe ''
	refused 'its member "null" is a device, fifo or socket'
	recipe 'exclude = { "null" }'
	run -0 apply
	[ "$(ls root/opt/app)" = file ]
}

@test "archives that are cut off anywhere are refused" {
	mkdir tree
	head -c 30000 /dev/urandom >tree/a
	printf 'last one' >tree/b
	for ending in tar tar.gz tar.bz2 tar.xz tar.zst; do
		tar -C tree -caf "whole.$ending" a b
		size=$(stat -c %s "whole.$ending")
		recipe '' "a.$ending"
		# Of a plain one, all but the padding behind its end mark counts.
		[ $ending != tar ] || size=$((30720 + 1024 + 512))
		for len in 0 1 100 600 $((size / 2)) $((size - 600)) $((size - 9)) $((size - 4)) $((size - 1)); do
			[ $len -gt 0 ] || [ $ending = tar ] || continue
			head -c $len "whole.$ending" >"a.$ending"
			run -4 plan
			[[ $output == *"cut off"* || $output == *"no tar archive"* ]]
		done
		[ ! -e root/opt ]
	done
	# Damaged in the middle: the check sums tell.
	for ending in tar.gz tar.bz2 tar.xz tar.zst; do
		cp "whole.$ending" "a.$ending"
		printf '\252\125' | dd of="a.$ending" bs=1 seek=15000 conv=notrunc status=none
		recipe '' "a.$ending"
		run -4 plan
		[[ $output == *"damaged"* ]]
	done
}

@test "bombs are refused before they go off" {
	truncate -s 3G zeros
	recipe '' a.tar.zst
	tar -c zeros | zstd -q >a.tar.zst
	refused 'it unpacks to more than 1000 times its size'
	# Behind the end of the tar, where no header speaks of it.
	printf x >file
	tar -cf a.tar file
	{ cat a.tar zeros; } | zstd -q >a.tar.zst
	refused 'it unpacks to more than 1000 times its size'
	# Sparse: all of it is a hole.
	tar --sparse -cf a.tar zeros
	rm zeros
	recipe ''
	refused 'it unpacks to more than 1000 times its size'
	# One in another.
	tar -cf - file | gzip | gzip >a.tar.gz
	recipe '' a.tar.gz
	refused 'it is compressed more than once'
}

@test "nothing is unpacked through a link in the destination" {
	mkdir -p tree/etc root/opt/app root/etc
	printf evil >tree/etc/passwd
	printf good >root/etc/passwd
	tar -C tree -cf a.tar etc
	if [ "$(id -u)" = 0 ]; then recipe 'owner = 0'; else recipe ''; fi
	ln -s ../../etc root/opt/app/etc
	for action in plan apply; do
		run -4 $action
		[[ $output == *"/opt/app/etc is a link, where a directory is wanted"* ]]
	done
	[ "$(cat root/etc/passwd)" = good ]
	# A link in the place of a file is replaced, and what it leads to is left alone.
	rm root/opt/app/etc
	mkdir root/opt/app/etc
	ln -s ../../../etc/passwd root/opt/app/etc/passwd
	run -2 plan
	[[ $output == *"etc/passwd (is a link)"* ]]
	run -0 apply
	[ "$(cat root/etc/passwd) $(cat root/opt/app/etc/passwd)" = "good evil" ]
	recipe 'ensure = "absent"'
	rm -r root/opt/app/etc
	ln -s ../../etc root/opt/app/etc
	run -0 apply
	[ "$(cat root/etc/passwd)" = good ]
}

@test "a checksum that does not fit is an error before anything is looked at" {
	mkdir tree
	tar -cf a.tar tree
	sum=$(sha256sum <a.tar | cut -d' ' -f1)
	recipe "checksum = \"sha256:$sum\""
	run -0 apply
	printf x >>a.tar
	for verb in "check site.lua" "plan site.lua --root root" "apply site.lua --root root"; do
		# shellcheck disable=SC2086
		run -1 "$NEAP" $verb
		[[ $output == *"is not what checksum says: it is sha256:$(sha256sum <a.tar | cut -d' ' -f1)"* ]]
	done
}

@test "a URL for a source is refused by name" {
	recipe '' https://example.com/a.tar.gz
	run -1 plan
	[[ $output == *"source must be a file, not a URL: https://example.com/a.tar.gz"* ]]
}

@test "a purge above spares what was unpacked, and what lies beside it" {
	mkdir -p tree/bin root/opt/app root/opt/rest
	printf x >tree/bin/app
	printf x >root/opt/app/mine
	tar -C tree -cf a.tar .
	recipe ''
	echo 'neap.directory { path = "/opt", purge = true, recurse = true }' >>site.lua
	run -0 apply
	[ "$(cd root/opt && find . -type f | sort | tr '\n' ' ')" = "./app/bin/app ./app/mine " ]
	[ ! -e root/opt/rest ]
	run -0 plan
	# Also where it is claimed by another name.
	ln -s opt root/o
	recipe '' a.tar /o/app
	echo 'neap.directory { path = "/opt", purge = true, recurse = true }' >>site.lua
	run -0 plan
}

@test "a member that another resource owns is refused with both names, and can be left out" {
	mkdir tree
	printf x >tree/conf
	printf x >tree/app
	tar -C tree -cf a.tar conf app
	recipe ''
	echo 'neap.file { path = "/opt/app/conf", content = "mine" }' >>site.lua
	run -4 apply
	[[ $output == *"/opt/app/conf"*"file[/opt/app/conf]"* && $output == *"exclude"* ]]
	recipe 'exclude = { "conf" }'
	echo 'neap.file { path = "/opt/app/conf", content = "mine" }' >>site.lua
	run -0 apply
	[ "$(cat root/opt/app/conf)" = mine ]
	run -0 plan
}

@test "a later resource reads in a plan what would be unpacked" {
	mkdir tree
	printf 'port = 80\nhost = a\n' >tree/conf
	tar -C tree -cJf a.tar.xz conf
	recipe '' a.tar.xz
	echo 'neap.line { path = "/opt/app/conf", line = "port = 81", match = "^port" }' >>site.lua
	run -4 apply # the file belongs to the tarball
	recipe 'exclude = { "nothing" }' a.tar.xz
	echo 'neap.link { path = "/opt/app/current", target = "conf" }' >>site.lua
	run -2 plan
	run -0 apply
	[ "$(cat root/opt/app/current)" = "$(cat tree/conf)" ]
}

@test "a run that finds all in order unpacks nothing: four system calls a file" {
	command -v strace >/dev/null || skip "needs strace"
	[ "$(id -u)" = 0 ] || skip "needs root: neap's memory is not for others to read, so strace sees no names"
	mkdir tree
	for i in $(seq 300); do printf '%d' "$i" >"tree/$i"; done
	head -c 2000000 /dev/urandom >tree/large
	ls tree | shuf --random-source=tree/large | sed 's,^,tree/,' | tar -T - -czf a.tar.gz
	recipe '' a.tar.gz
	# A plan reads it for its digest, and for what it holds.
	run -2 strace -f -o trace -e trace=openat "$NEAP" plan site.lua --root root
	[ "$(grep -c 'a\.tar\.gz' trace)" = 2 ]
	# The first apply reads it for its digest, for what it holds, and for its bytes.
	run -0 strace -f -o trace -e trace=openat "$NEAP" apply site.lua --root root
	[ "$(grep -c 'a\.tar\.gz' trace)" = 3 ]
	strace -f -o trace -e trace=openat,newfstatat,fstat,read,pread64,close "$NEAP" apply site.lua --root root
	[ "$(grep -c 'a\.tar\.gz' trace)" -le 2 ]
	! grep -q 'libarchive' trace
	calls=$(wc -l <trace)
	printf 'local neap = require "neap"\n' >site.lua
	strace -f -o trace -e trace=openat,newfstatat,fstat,read,pread64,close "$NEAP" apply site.lua --root root
	echo "$calls - $(wc -l <trace)"
	[ $((calls - $(wc -l <trace))) -lt $((4 * 301 + 100)) ]
}

@test "a manifest that was kept is used, a torn one is not, and without one all is well too" {
	mkdir tree
	printf x >tree/file
	tar -cf a.tar tree
	recipe ''
	run -0 apply
	kept=(root/var/lib/neap/cache/manifest-*)
	[ ${#kept[@]} = 1 ]
	[ "$(stat -c %a "${kept[0]}")" = 600 ]
	printf '\0' | dd of="${kept[0]}" bs=1 seek=30 conv=notrunc status=none
	run -0 plan
	: >"${kept[0]}"
	run -0 apply
	rm "${kept[0]}"
	run -0 plan
	printf y >root/opt/app/tree/file
	run -0 apply
	[ "$(cat root/opt/app/tree/file)" = x ]
	[ -s "${kept[0]}" ]
}

@test "kill -9 at random moments leaves each file whole, and the next run converges" {
	mkdir one two
	for i in $(seq 60); do
		head -c $((i * 3000)) /dev/urandom >one/$i
		head -c $((i * 3000)) /dev/urandom >two/$i
		chmod 700 two/$i
	done
	tar -C one -czf one.tar.gz .
	tar -C two -czf two.tar.gz .
	(sha256sum one/* two/* | cut -d' ' -f1) >allowed
	killed=0
	for i in $(seq 40); do
		if [ $((i % 2)) = 0 ]; then version=one; else version=two; fi
		recipe '' $version.tar.gz
		status=0
		timeout -s KILL "0.0$((RANDOM % 90 + 10))" "$NEAP" apply --lock-wait 10s site.lua --root root >/dev/null 2>&1 || status=$?
		[ $status = 0 ] || [ $status = 137 ] || [ $status = 124 ]
		[ $status = 0 ] || killed=$((killed + 1))
		if [ -d root/opt/app ]; then
			find root/opt/app -type f -exec sha256sum {} + | cut -d' ' -f1 >now
			! grep -vxFf allowed now
		fi
	done
	echo "killed $killed"
	[ $killed -ge 5 ]
	recipe '' one.tar.gz
	run -0 "$NEAP" apply --lock-wait 10s site.lua --root root
	diff <(listing one) <(listing root/opt/app)
	run -0 plan
	[ -z "$(find root -name '.neap-*')" ]
}
