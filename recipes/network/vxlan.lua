-- The way to other nodes through a vxlan, where the network between them does not know of pods: takes the site, its own
-- node and the MTU, makes the link, and returns { link, address, to }; to(node) makes the routes to a node's pods.
--
-- Each node's end has the first number of its pods' network (10.10.1.0 of 10.10.1.0/24), which no pod can have, and
-- routes to the pods of others go by their ends, as flannel's do. So each node's pods stay in a network of their own,
-- and what is for everybody (ARP) stays on its bridge: through the vxlan go only the questions of a few ends for each
-- other. These go to all peers, and answers are learned; so no hardware address has to be agreed upon, and a node that
-- has left the list is known no more.

local neap = require "neap"

local function end_of(pods)
	return (pods:match "^[^/]+")
end

return function(site, own, mtu)
	local name = site.vxlan.name or "vxlan0"
	local peers = {}
	for node, other in neap.sorted_pairs(site.nodes) do
		if node ~= site.node then
			peers[#peers + 1] = other.address
		end
	end

	local link = neap.vxlan {
		name = name,
		id = site.vxlan.id,
		port = site.vxlan.port,
		local_address = own.address,
		mtu = mtu,
		peers = peers,
	}
	local address = neap.address { link = name, address = end_of(own.pods) .. "/32" }

	local function to(other, ensure)
		local way = end_of(other.pods)
		if ensure == "absent" then
			return neap.route { to = other.pods, ensure = "absent" }, neap.route { to = way .. "/32", ensure = "absent" }
		end
		return neap.route { to = other.pods, via = way }, neap.route { to = way .. "/32", link = name }
	end

	return { link = link, address = address, to = to }
end
