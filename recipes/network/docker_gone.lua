-- What a Docker that was here before has left: its bridge, and its rules for it. Takes { bridge, network } where they
-- were not Docker's own choice. Each rule is named and nothing is flushed: rules of others stay, and so do DOCKER-USER,
-- which is the site's, what Docker made for networks of other names, the policy of FORWARD, and its chains, to which
-- nothing leads any more. Docker itself has to be kept from making them again: "bridge" and "iptables": false in its
-- daemon.json.

local neap = require "neap"

-- {1}: the bridge, {2}: its network. Of several versions; what jumps to a chain goes before what is in it.
local rules = {
	{ "nat", "PREROUTING", "-m addrtype --dst-type LOCAL -j DOCKER" },
	{ "nat", "OUTPUT", "! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER" },
	{ "nat", "OUTPUT", "-m addrtype --dst-type LOCAL -j DOCKER" }, -- without userland-proxy
	{ "nat", "POSTROUTING", "-s {2} ! -o {1} -j MASQUERADE" },
	{ "nat", "POSTROUTING", "-o {1} -m addrtype --src-type LOCAL -j MASQUERADE" },
	{ "nat", "DOCKER", "-i {1} -j RETURN" },
	{ "filter", "FORWARD", "-j DOCKER-FORWARD" },
	{ "filter", "FORWARD", "-j DOCKER-ISOLATION" },
	{ "filter", "FORWARD", "-j DOCKER-ISOLATION-STAGE-1" },
	{ "filter", "FORWARD", "-o {1} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT" },
	{ "filter", "FORWARD", "-o {1} -j DOCKER" },
	{ "filter", "FORWARD", "-i {1} ! -o {1} -j ACCEPT" },
	{ "filter", "FORWARD", "-i {1} -o {1} -j ACCEPT" },
	{ "filter", "DOCKER", "! -i {1} -o {1} -j DROP" },
	{ "filter", "DOCKER-BRIDGE", "-o {1} -j DOCKER" },
	{ "filter", "DOCKER-CT", "-o {1} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT" },
	{ "filter", "DOCKER-FORWARD", "-i {1} -j ACCEPT" },
	{ "filter", "DOCKER-ISOLATION-STAGE-1", "-i {1} ! -o {1} -j DOCKER-ISOLATION-STAGE-2" },
	{ "filter", "DOCKER-ISOLATION-STAGE-2", "-o {1} -j DROP" },
}

return function(site)
	local values = { ["{1}"] = site.bridge or "docker0", ["{2}"] = site.network or "172.17.0.0/16" }
	local gone = {}
	for _, each in ipairs(rules) do
		local rule = each[3]:gsub("{%d}", values)
		gone[#gone + 1] = neap.iptables_rule { table = each[1], chain = each[2], rule = rule, ensure = "absent" }
	end
	gone[#gone + 1] = neap.bridge { name = values["{1}"], ensure = "absent" }
	return gone
end
