# A host "web" and a recipe on it, /srv/site, that a test writes: `load hosts`, `load site`.

setup_file() {
	hosts_require || return 0
	mkdir "$BATS_FILE_TMPDIR/site"
	site_host
}

setup() {
	hosts_require
	cd "$BATS_TEST_TMPDIR" || return 1
}

teardown_file() {
	host_down_all
}

site_host() {
	host_boot web
	host_bind web "$BATS_FILE_TMPDIR/site" /srv/site
}

# recipe: standard input, with `neap` at hand, and what $prelude says.
recipe() {
	{
		echo 'local neap = require "neap"'
		echo "${prelude-}"
		cat
	} >"$BATS_FILE_TMPDIR/site/init.lua"
}

plan() { host_neap web plan "$@" /srv/site; }
apply() { host_neap web apply "$@" /srv/site; }
on() { host_run web "$@"; }

# The plan (`planned`) says what the apply does, in every word, and the next plan is empty.
converges() {
	local what='.resources | map({address, action, refresh, reason, changes})'
	run -2 --separate-stderr plan --format json
	jq -S "$what" <<<"$output" >planned
	run -0 --separate-stderr apply --format json
	jq -S "$what" <<<"$output" | diff -u planned -
	run -0 plan
}
