-- A node's part of a routed pod network: see init.lua. Takes { node, nodes, gone, bridge, members, mtu, persistent }
-- and returns the bridge's handle, its address, forwarding and the routes.

local neap = require "neap"

-- The first address of a network is the bridge's: "10.10.1.0/24" → "10.10.1.1/24".
local function first_of(network)
	local address, bytes = 0, { network:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)/(%d+)$" }
	local len = tonumber(table.remove(bytes))
	for _, byte in ipairs(bytes) do
		len = tonumber(byte) < 256 and len
		address = address << 8 | tonumber(byte)
	end
	if not len or len > 32 then
		error(("\"%s\" is no IPv4 network such as 10.10.1.0/24"):format(network), 0)
	elseif len > 30 then
		error(("\"%s\" has no room for the bridge and a pod: a length of 30 at most has"):format(network), 0)
	elseif address & (1 << 32 - len) - 1 ~= 0 then
		error(("\"%s\" is an address in a network, and no network"):format(network), 0)
	end
	-- Its last bit is 0.
	return ("%s.%s.%s.%d/%d"):format(bytes[1], bytes[2], bytes[3], tonumber(bytes[4]) + 1, len)
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
