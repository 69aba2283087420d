-- A single etcd member with TLS everywhere, from a release archive to a snapshot every hour:
--
--	neap plan @etcd -D RELEASE=$PWD/etcd-v3.4.23-linux-amd64.tar.gz -D CHECKSUM=sha256:9c9f…
--	neap apply @etcd -D RELEASE=… -D CHECKSUM=…
--	. /etc/etcd/etcdctl.env && etcdctl endpoint health
--
-- Run it from a timer: each run looks at every byte of the release, at configuration, keys and certificates, and renews
-- what ends within 30 days. etcd is restarted when something that it reads only once has changed, and only then.
--
-- A site's own recipe takes the module instead, and changes what it likes:
--
--	local etcd = require "etcd.member" {
--		release = { source = "/srv/etcd.tar.gz" }, config = { ["quota-backend-bytes"] = 8 << 30 },
--	}
--	neap.exec { …, require = etcd.healthy }

local params = require "neap".params
local given = require "neap.given"

require "etcd.member" {
	release = {
		source = given.absolute("RELEASE", given.needed("RELEASE", "/path/to/etcd-v3.4.23-linux-amd64.tar.gz")),
		checksum = params.CHECKSUM,
	},
	name = params.NAME,
	address = params.ADDRESS,
	sans = given.list "SANS",
	clients = given.list "CLIENTS",
	snapshots = { calendar = params.SNAPSHOTS, keep = given.integer("KEEP", 1, 100000) },
}
