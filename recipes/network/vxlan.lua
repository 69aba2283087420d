-- The way to other nodes through a vxlan, where the network between them does not know of pods: takes the site, its own
-- node and the MTU, makes the link, and returns { link, address, to }; to(node) makes the routes to a node's pods.
--
-- It is as flannel makes it. Each node's end has the first number of its pods' network (10.10.1.0 of 10.10.1.0/24),
-- which no pod can have, and routes to the pods of others go by their ends: so each node's pods stay in a network of
-- their own, and what is for everybody (ARP) stays on its bridge. An end's hardware address follows from its number, so
-- each node knows those of all others from the list: nobody is asked, nothing is learned, and one that has been made
-- anew, after a boot, is not called by its old address for half a minute. Who has left the list is known no more.

local neap = require "neap"

-- "10.10.1.0/24" → "10.10.1.0", and its hardware address, as those who make pods' do it.
local function end_of(pods)
	local ip = pods:match "^[^/]+"
	local numbers = { ip:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$" }
	for i, number in ipairs(numbers) do
		numbers[i] = ("%02x"):format(math.tointeger(tonumber(number)))
	end
	return ip, "0a:58:" .. table.concat(numbers, ":")
end

return function(site, own, mtu)
	local name = site.vxlan.name or "vxlan0"
	local ip, mac = end_of(own.pods)
	local fdb, neighbours = {}, {}
	for node, other in neap.sorted_pairs(site.nodes) do
		if node ~= site.node then
			local way, of = end_of(other.pods)
			fdb[of] = other.address
			neighbours[way] = of
		end
	end

	local link = neap.vxlan {
		name = name,
		id = site.vxlan.id,
		port = site.vxlan.port,
		local_address = own.address,
		mac = mac,
		mtu = mtu,
		learning = false,
		peers = {},
		fdb = fdb,
		neighbours = neighbours,
		persist = site.persist,
	}
	local address = neap.address { link = name, address = ip .. "/32", persist = site.persist }

	local function to(other, ensure)
		local way, persist = end_of(other.pods), site.persist
		if ensure == "absent" then
			return neap.route { to = other.pods, ensure = "absent", persist = persist },
				neap.route { to = way .. "/32", ensure = "absent", persist = persist }
		end
		return neap.route { to = other.pods, via = way, link = name, persist = persist },
			neap.route { to = way .. "/32", link = name, persist = persist }
	end

	return { link = link, address = address, to = to }
end
