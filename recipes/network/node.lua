-- A node's part of a routed pod network: see init.lua. Takes { node, nodes, gone, bridge, members, mtu, persistent }
-- and returns the bridge's handle, its address, forwarding and the routes.

local neap = require "neap"

-- The first address of a network is the bridge's: "10.10.1.0/24" → "10.10.1.1/24".
local function first_of(network)
	local a, b, c, d, len = network:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)/(%d+)$"
	if not a then
		error(("\"%s\" is no IPv4 network such as 10.10.1.0/24"):format(network), 0)
	end
	return ("%s.%s.%s.%d/%s"):format(a, b, c, math.tointeger(d) + 1, len)
end

return function(site)
	local name = site.bridge or "cni0"
	local own = site.nodes[site.node] or error(("node %s is not among the nodes"):format(site.node), 0)

	local bridge = neap.bridge {
		name = name,
		members = site.members,
		mtu = site.mtu,
		stp = false,
		forward_delay = "0s",
	}
	local address = neap.address { link = name, address = first_of(own.pods) }
	-- Pods reach others only through the node.
	local forwarding = neap.sysctl { name = "net.ipv4.ip_forward", value = 1, persistent = site.persistent }

	local routes = {}
	for node, other in neap.sorted_pairs(site.nodes) do
		if node ~= site.node then
			routes[#routes + 1] = neap.route { to = other.pods, via = other.address }
		end
	end
	for _, other in neap.sorted_pairs(site.gone or {}) do
		routes[#routes + 1] = neap.route { to = other.pods, ensure = "absent" }
	end
	return { bridge = bridge, address = address, forwarding = forwarding, routes = routes }
end
