-- One etcd member: require "etcd.member" { … } declares it and returns what else may stand on it.
--
--	release    { source = archive, checksum = "sha256:…" } as released: everything in one directory. The archive by an
--	           absolute name: a relative one would start here, in neap
--	name       of the member; the host's
--	address    where clients and peers reach it, beside 127.0.0.1; 127.0.0.1
--	sans       more names for its certificate: "DNS:etcd.example.org", "IP:192.0.2.7"
--	clients    names of more client certificates to make
--	config     further keys of etcd's configuration file, which win
--	snapshots  { calendar = "hourly", keep = 24 }: the newest so many are kept, at least 1; false: none
--
-- Returned: user, ca, server, client, config, unit, and `healthy`, which waits until the member answers.

local neap = require "neap"
local given = require "neap.given"

local HOME <const> = "/opt/etcd"
local CONFIG <const> = "/etc/etcd"
local DATA <const> = "/var/lib/etcd"
local BACKUPS <const> = "/var/backups/etcd"
local CLIENT_PORT <const>, PEER_PORT <const>, METRICS_PORT <const> = 2379, 2380, 2381

local function at(host, port)
	return ("https://%s:%d"):format(host:find(":", 1, true) and "[" .. host .. "]" or host, port)
end

-- Each name once: "a" of { "a", "a" }.
local function set(items)
	local seen, result = {}, {}
	for _, item in ipairs(items) do
		if not seen[item] then
			seen[item] = true
			result[#result + 1] = item
		end
	end
	return result
end

-- ---- who it runs as, and what it runs -------------------------------------------------------------------

local function install(release)
	local group = neap.group { name = "etcd", system = true }
	local user = neap.user {
		name = "etcd", system = true, group = "etcd", home = DATA, shell = "/usr/sbin/nologin", require = group,
	}
	local programs = neap.tarball {
		path = HOME,
		source = given.absolute("release.source", release.source),
		checksum = release.checksum,
		strip_components = 1,
	}
	neap.link { path = "/usr/local/bin/etcdctl", target = HOME .. "/etcdctl" }
	return user, programs
end

-- ---- keys and certificates ---------------------------------------------------------------------------------

local function certify(name, options)
	local pki = CONFIG .. "/pki"
	neap.directory { path = pki, mode = "0755" }

	local ca = neap.cert {
		path = pki .. "/ca.crt", key = pki .. "/ca.key", key_algorithm = "ecdsa-p256",
		ca = true, common_name = "etcd-ca", valid_for = "10y",
	}
	local function leaf(file, common_name, usages, sans, owner)
		return neap.cert {
			path = ("%s/%s.crt"):format(pki, file), key = ("%s/%s.key"):format(pki, file), key_algorithm = "ecdsa-p256",
			issuer = ca, common_name = common_name, usages = usages, sans = sans, owner = owner,
			valid_for = "1y", renew_before = "30d",
		}
	end

	local sans = { "DNS:localhost", "DNS:" .. name, "IP:127.0.0.1" }
	if options.address then
		sans[#sans + 1] = "IP:" .. options.address
	end
	for _, san in ipairs(options.sans or {}) do
		sans[#sans + 1] = san
	end
	-- etcd's own gateway is a client of its server, so the server's certificate has to be one of a client too.
	local both = { "server", "client" }
	local server = leaf("server", name, both, set(sans), "etcd")
	local peer = leaf("peer", name, both, set(sans), "etcd")
	local client = leaf("client", "etcdctl", { "client" })
	for _, more in ipairs(options.clients or {}) do
		leaf("client-" .. more, more, { "client" })
	end
	return ca, server, peer, client
end

-- ---- configuration -------------------------------------------------------------------------------------------

local function configure(name, options, ca, server, peer)
	local address = options.address or "127.0.0.1"
	local clients = set { at("127.0.0.1", CLIENT_PORT), at(address, CLIENT_PORT) }
	local config = {
		name = name,
		["data-dir"] = DATA,
		["listen-client-urls"] = table.concat(clients, ","),
		["advertise-client-urls"] = at(address, CLIENT_PORT),
		["listen-peer-urls"] = at(address, PEER_PORT),
		["listen-metrics-urls"] = ("http://127.0.0.1:%d"):format(METRICS_PORT),
		["initial-advertise-peer-urls"] = at(address, PEER_PORT),
		["initial-cluster"] = name .. "=" .. at(address, PEER_PORT),
		["initial-cluster-state"] = "new",
		["client-transport-security"] = {
			["cert-file"] = server.path, ["key-file"] = server.key,
			["trusted-ca-file"] = ca.path, ["client-cert-auth"] = true,
		},
		["peer-transport-security"] = {
			["cert-file"] = peer.path, ["key-file"] = peer.key,
			["trusted-ca-file"] = ca.path, ["client-cert-auth"] = true,
		},
		logger = "zap",
	}
	for key, value in neap.sorted_pairs(options.config or {}) do
		config[key] = value
	end
	return neap.file {
		path = CONFIG .. "/etcd.yaml", content = neap.yaml.encode(config), mode = "0640", group = "etcd",
	}
end

-- ---- what runs -------------------------------------------------------------------------------------------------

local function run(programs, causes)
	local data = neap.directory { path = DATA, owner = "etcd", group = "etcd", mode = "0700" }
	local unit = neap.unit {
		name = "etcd.service",
		content = neap.template("files/etcd.service", { home = programs.path, config = CONFIG .. "/etcd.yaml" }),
		enabled = true,
		state = "running",
		require = data,
		subscribe = causes,
	}
	return unit
end

local function snapshot(options, client, ca)
	local keep = math.tointeger(options.keep or 24)
	if not keep or keep < 1 then
		error("snapshots: keep is a whole number, at least 1", 0)
	end
	neap.directory { path = BACKUPS, mode = "0700" }
	local script = neap.file {
		path = CONFIG .. "/snapshot", mode = "0755",
		content = neap.template("files/snapshot", {
			home = HOME, directory = BACKUPS, keep = keep, endpoint = at("127.0.0.1", CLIENT_PORT),
			ca = ca.path, cert = client.path, key = client.key,
		}),
	}
	local service = neap.unit {
		name = "etcd-snapshot.service",
		content = neap.template("files/etcd-snapshot.service", { script = script.path }),
		require = script,
	}
	neap.unit {
		name = "etcd-snapshot.timer",
		content = neap.template("files/etcd-snapshot.timer", { calendar = options.calendar or "hourly" }),
		enabled = true,
		state = "running",
		require = service, -- not on etcd: a timer can wait for it
	}
end

return function(options)
	local name = options.name or neap.facts.hostname
	local user, programs = install(options.release)
	local ca, server, peer, client = certify(name, options)
	local config = configure(name, options, ca, server, peer)
	local unit = run(programs, { programs, ca, server, peer, config })
	local endpoint = at("127.0.0.1", CLIENT_PORT)
	local healthy = neap.wait_for {
		url = endpoint .. "/health", ca_cert = ca, client_cert = client, timeout = options.timeout or "60s", require = unit,
	}
	neap.file {
		path = CONFIG .. "/etcdctl.env", mode = "0644",
		content = neap.template("files/etcdctl.env", {
			endpoint = endpoint, ca = ca.path, cert = client.path, key = client.key,
		}),
	}
	if options.snapshots ~= false then
		snapshot(options.snapshots or {}, client, ca)
	end
	return {
		user = user, ca = ca, server = server, client = client, config = config, unit = unit, healthy = healthy,
	}
end
