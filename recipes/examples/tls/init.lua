-- A certificate authority and what it signs: a server certificate for each name, and one for each client.
--
--	neap plan @examples/tls
--	neap apply @examples/tls -D DIR=/etc/app/tls -D SERVERS=db.example.org,web.example.org -D CLIENTS=backup
--
-- Run it from cron: each run looks at every key, certificate and date, and renews what ends within 30 days. What uses
-- a certificate can `subscribe` to it, and is then restarted when it was renewed, and only then.

local neap = require "neap"
local given = require "neap.given"

local params = neap.params
local dir = params.DIR or "/etc/ssl/neap"

neap.directory { path = dir, mode = "0755" }
neap.directory { path = dir .. "/private", mode = "0700" }

-- A name's certificate lies open, its key where only root goes.
local function paths(name)
	return dir .. "/" .. name .. ".crt", dir .. "/private/" .. name .. ".key"
end

local ca_crt, ca_key = paths "ca"
local ca = neap.cert {
	path = ca_crt, key = ca_key, key_algorithm = "ecdsa-p256",
	ca = true, common_name = params.CA_NAME or "neap example CA", valid_for = "10y",
}

local function signed(name, usages, sans)
	local crt, key = paths(name)
	return neap.cert {
		path = crt, key = key, key_algorithm = "ecdsa-p256",
		issuer = ca, common_name = name, usages = usages, sans = sans,
		valid_for = "90d", renew_before = "30d",
	}
end

for _, name in ipairs(given.list "SERVERS" or { "localhost" }) do
	signed(name, { "server" }, { "DNS:" .. name })
end
for _, name in ipairs(given.list "CLIENTS" or {}) do
	signed(name, { "client" })
end
