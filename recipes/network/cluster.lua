-- What the packet filter of a node has to let through and to translate, so that pods reach each other and the world.
-- Takes { cluster, masquerade, pods, persist }: the network that all pods are in, whether what leaves it goes out under
-- the node's address (true), the node's own part of it, and by what they are there after a boot. Returns handles.
--
-- The rules are put last in their chains: what a site drops before is dropped. Docker sets the policy of FORWARD to
-- DROP and accepts only its own, so the pods' packets need a rule in any case.

local neap = require "neap"

local function read(network)
	local a, b, c, d, len = network:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)/(%d+)$"
	len = math.tointeger(tonumber(len))
	if not len or len > 32 then
		error(("\"%s\" is no IPv4 network such as 10.10.0.0/16"):format(network), 0)
	end
	return (tonumber(a) << 24 | tonumber(b) << 16 | tonumber(c) << 8 | tonumber(d)), len
end

-- Pods outside of it would meet each other under their nodes' addresses.
local function check(cluster, pods)
	local whole, length = read(cluster)
	local part, longer = read(pods)
	if longer < length or (whole ~ part) >> (32 - length) ~= 0 then
		error(("the pods' network %s is not in the cluster's, %s"):format(pods, cluster), 0)
	end
end

return function(site)
	check(site.cluster, site.pods)
	local rules = {}
	for _, side in ipairs { "-s", "-d" } do
		rules[#rules + 1] = neap.iptables_rule {
			chain = "FORWARD",
			rule = ("%s %s -j ACCEPT"):format(side, site.cluster),
			persist = site.persist,
		}
	end
	rules[#rules + 1] = neap.iptables_rule {
		table = "nat",
		chain = "POSTROUTING",
		rule = ("! -d %s -m addrtype ! --dst-type LOCAL -j MASQUERADE"):format(site.cluster),
		ensure = site.masquerade == false and "absent" or "present",
		persist = site.persist,
	}
	return rules
end
