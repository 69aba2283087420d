-- A CA and N leaves.
local neap = require "neap"

local ca = neap.cert {
	path = "/etc/tls/ca.crt", key = "/etc/tls/ca.key", key_algorithm = "ecdsa-p256", ca = true, common_name = "ca",
}
for i = 1, tonumber(neap.params.N or "100") do
	local name = ("%03d"):format(i)
	neap.cert {
		path = "/etc/tls/" .. name .. ".crt", key = "/etc/tls/" .. name .. ".key", key_algorithm = "ecdsa-p256",
		issuer = ca, common_name = name, sans = { "DNS:" .. name .. ".example.org" },
	}
end
