# What the tests of the etcd recipe share.

# Debian's etcd as its makers pack a release, everything in one directory: RELEASE/etcd.tar.gz, and its CHECKSUM.
etcd_release() {
	local name=etcd-v3.4.23-linux-amd64
	export RELEASE=$BATS_FILE_TMPDIR/release CHECKSUM
	mkdir -p "$RELEASE/$name"
	cp "$(host_etcd)"/etcd "$(host_etcd)"/etcdctl "$RELEASE/$name"
	echo "# etcd" >"$RELEASE/$name/README.md"
	tar -C "$RELEASE" -czf "$RELEASE/etcd.tar.gz" "$name"
	rm -r "${RELEASE:?}/$name"
	CHECKSUM=sha256:$(sha256sum "$RELEASE/etcd.tar.gz" | cut -d' ' -f1)
}

# changed FILE: what a plan would do, or a report has done, a line each
changed() { jq -r '.resources[] | select(.action != "none") | "\(.action) \(.address) \(.refresh)"' "$@"; }
