-- A node's part of a pod network: see init.lua. Takes { node, nodes, gone, bridge, members, mtu, persist, persistent
-- (forwarding), vxlan = { id, port, name }, cluster, masquerade } and returns handles: of the bridge, its address,
-- forwarding, the routes; with `vxlan` of its link and address, with `cluster` of the rules.

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
	-- networkd keeps a route with its link, and by what link a node is reached only the kernel knows.
	if site.persist == "networkd" and not site.vxlan then
		error("routes between the nodes are kept by networkd only through a vxlan; \"unit\" keeps these, too", 0)
	end

	-- What a vxlan adds to each packet has to fit through the network between the nodes, which is taken to be Ethernet.
	local mtu = site.mtu or (site.vxlan and (own.address:find(":", 1, true) and 1430 or 1450) or nil)
	local bridge = neap.bridge {
		name = name,
		members = site.members,
		mtu = mtu,
		stp = false,
		forward_delay = "0s",
		persist = site.persist,
	}
	local address = neap.address { link = name, address = first_of(own.pods), persist = site.persist }
	-- Pods reach others only through the node.
	local forwarding = neap.sysctl { name = "net.ipv4.ip_forward", value = 1, persistent = site.persistent }

	local vxlan = site.vxlan and require "network.vxlan"(site, own, mtu)
	local of = {}
	for node, other in neap.sorted_pairs(site.nodes) do
		if of[other.pods] then
			error(("%s and %s have one network for their pods, %s"):format(of[other.pods], node, other.pods), 0)
		end
		of[other.pods] = node
	end

	local routes = {}
	local function to(other, ensure)
		if vxlan then
			routes[#routes + 1], routes[#routes + 2] = vxlan.to(other, ensure)
		elseif ensure == "absent" then
			routes[#routes + 1] = neap.route { to = other.pods, ensure = "absent", persist = site.persist }
		else
			routes[#routes + 1] = neap.route { to = other.pods, via = other.address, persist = site.persist }
		end
	end
	for node, other in neap.sorted_pairs(site.nodes) do
		if node ~= site.node then
			to(other)
		end
	end
	for _, other in neap.sorted_pairs(site.gone or {}) do
		to(other, "absent")
	end

	local rules = site.cluster and require "network.cluster" {
		cluster = site.cluster,
		masquerade = site.masquerade,
		persist = site.persist == "networkd" and "unit" or site.persist,
		pods = own.pods,
	}
	return {
		bridge = bridge,
		address = address,
		forwarding = forwarding,
		routes = routes,
		vxlan = vxlan and vxlan.link,
		vxlan_address = vxlan and vxlan.address,
		rules = rules,
	}
end
