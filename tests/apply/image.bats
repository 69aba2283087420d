#!/usr/bin/env bats
# Images in a real containerd of the test's own.

bats_require_minimum_version 1.5.0

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root, for containerd"
	cd "$BATS_TEST_TMPDIR" || return 1
	unset NO_COLOR COLUMNS
	S=$(mktemp -d /tmp/neap-image.XXXXXX) # a socket's path is short
	# No CRI: it would want a network.
	printf 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n' >containerd.toml
	containerd --config containerd.toml --root "$PWD/root" --state "$S/state" --address "$S/sock" >containerd.log 2>&1 3>&- &
	CONTAINERD=$!
	for _ in $(seq 100); do
		ctr --address "$S/sock" version >/dev/null 2>&1 && break
		sleep 0.1
	done
	CTR="ctr --address $S/sock --namespace k8s.io images"
	OPTIONS=(--state-dir "$PWD/state" -D "socket=$S/sock")
}

teardown() {
	[ -z "${CONTAINERD-}" ] || { kill "$CONTAINERD" && wait "$CONTAINERD"; } || true
	[ -z "${S-}" ] || { umount -R "$S/state"/* 2>/dev/null; rm -rf --one-file-system "$S"; } || true
}

# image NAME TEXT FILE: an archive of one layer with one file; prints the digest.
image() {
	local t
	t=$(mktemp -d -p "$PWD")
	mkdir -p "$t/layer" "$t/out/blobs/sha256"
	printf '%s' "$2" >"$t/layer/file"
	tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$t/layer" -cf "$t/layer.tar" .
	blob() {
		local digest
		digest=$(sha256sum <"$1" | cut -d' ' -f1)
		cp "$1" "$t/out/blobs/sha256/$digest"
		printf '"digest":"sha256:%s","size":%d' "$digest" "$(stat -c %s "$1")"
	}
	local layer config manifest type=application/vnd.oci.image
	layer=$(blob "$t/layer.tar")
	printf '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
		"$(sha256sum <"$t/layer.tar" | cut -d' ' -f1)" >"$t/config"
	config=$(blob "$t/config")
	printf '{"schemaVersion":2,"mediaType":"%s.manifest.v1+json","config":{"mediaType":"%s.config.v1+json",%s},"layers":[{"mediaType":"%s.layer.v1.tar",%s}]}' \
		$type $type "$config" $type "$layer" >"$t/manifest"
	manifest=$(blob "$t/manifest")
	printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s.manifest.v1+json",%s,"annotations":{"io.containerd.image.name":"%s"}}]}' \
		$type "$manifest" "$1" >"$t/out/index.json"
	echo '{"imageLayoutVersion":"1.0.0"}' >"$t/out/oci-layout"
	tar -C "$t/out" -cf "$3" oci-layout index.json blobs
	echo "sha256:$(sha256sum <"$t/manifest" | cut -d' ' -f1)"
}

recipe() {
	{
		echo 'local neap = require "neap"; local socket = neap.params.socket'
		cat
	} >site.lua
}

@test "an image is imported once, by its digest, and replaced by another one" {
	one=$(image example.org/a:1 one one.tar)
	two=$(image example.org/a:1 two two.tar)
	recipe <<-LUA
	neap.image { name = "example.org/a:1", source = "one.tar", digest = "$one", socket = socket }
	LUA
	run -2 "$NEAP" plan "${OPTIONS[@]}" site.lua
	[ -z "$($CTR ls -q)" ]
	run -0 "$NEAP" apply "${OPTIONS[@]}" site.lua
	$CTR ls | grep -q "^example.org/a:1 .*$one"
	run -0 "$NEAP" plan "${OPTIONS[@]}" site.lua
	sed -i "s/one.tar/two.tar/; s/$one/$two/" site.lua
	run -2 "$NEAP" plan "${OPTIONS[@]}" --format json site.lua
	echo "$output" | jq -e --arg one "$one" --arg two "$two" \
		'.resources[0].changes == [{param: "digest", before: $one, after: $two, secret: false, unknown: false}]'
	run -0 "$NEAP" apply "${OPTIONS[@]}" site.lua
	$CTR ls | grep -q "^example.org/a:1 .*$two"
	recipe <<<'neap.image { name = "example.org/a:1", ensure = "absent", socket = socket }'
	run -0 "$NEAP" apply "${OPTIONS[@]}" site.lua
	! $CTR ls -q | grep -q example.org/a:1
}

@test "many images cost one question" {
	recipe </dev/null
	for i in 1 2 3; do
		digest=$(image "example.org/a:$i" "$i" "$i.tar")
		echo "neap.image { name = 'example.org/a:$i', source = '$i.tar', digest = '$digest', socket = socket }" >>site.lua
	done
	run -0 "$NEAP" apply "${OPTIONS[@]}" site.lua
	strace -f -qq -e trace=execve -e status=successful -o trace "$NEAP" apply "${OPTIONS[@]}" site.lua
	[ "$(grep -c '"ctr"' trace)" = 1 ]
}

@test "an archive that is another image has not converged; one that is none says what ctr says" {
	image example.org/a:1 one one.tar
	digest=sha256:$(printf '0%.0s' {1..64})
	recipe <<<"neap.image { name = 'example.org/a:1', source = 'one.tar', digest = '$digest', socket = socket }"
	run -4 "$NEAP" apply "${OPTIONS[@]}" site.lua
	[[ $output == *"did not converge"* ]]
	echo garbage >bad.tar
	recipe <<<"neap.image { name = 'example.org/b:1', source = 'bad.tar', digest = '$digest', socket = socket }"
	run -4 "$NEAP" apply "${OPTIONS[@]}" site.lua
	[[ $output == *"ctr images import: exit"* ]]
}

@test "killed during an import: the next run imports it" {
	digest=$(image example.org/a:1 "$(head -c 20000 /dev/zero | tr '\0' x)" one.tar)
	recipe <<<"neap.image { name = 'example.org/a:1', source = 'one.tar', digest = '$digest', socket = socket }"
	for delay in 0.02 0.05 0.1; do
		timeout -s KILL "$delay" "$NEAP" apply --lock-wait 10s "${OPTIONS[@]}" site.lua >/dev/null 2>&1 || true
	done
	run -0 "$NEAP" apply --lock-wait 10s "${OPTIONS[@]}" site.lua
	run -0 "$NEAP" plan "${OPTIONS[@]}" site.lua
}

@test "no containerd is an error that says so, and a wrong digest one of the recipe" {
	image example.org/a:1 one one.tar
	digest=sha256:$(printf '0%.0s' {1..64})
	recipe <<<"neap.image { name = 'a:1', source = 'one.tar', digest = '$digest', socket = '/nowhere' }"
	run -4 "$NEAP" plan "${OPTIONS[@]}" site.lua
	[[ $output == *"ctr images ls: exit 1"* ]]
	recipe <<<"neap.image { name = 'a:1', source = 'one.tar', digest = 'sha256:12' }"
	run -1 "$NEAP" check site.lua
	[[ $output == *'"sha256:12" is no digest'* ]]
}
