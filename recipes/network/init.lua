-- The network of one node of several: a bridge for its pods with an address on it, forwarding, and a route to the
-- pods of each other node:
--
--	neap plan @network -D NODE=cp1 -D NODES=cp1=192.0.2.1/10.10.1.0/24,w1=192.0.2.2/10.10.2.0/24
--
-- Each node is NAME=ADDRESS/PODS: its address in the network that the nodes share, and the network of its pods. Run it
-- from a timer with one list on all nodes: links, addresses and routes do not outlive a boot, and a node that is new in
-- the list is reached after the next run. A node that has left it goes by -D GONE=w1=192.0.2.2/10.10.2.0/24 once.
--
-- A site's own recipe takes the module instead:
--
--	local nodes = { cp1 = { address = "192.0.2.1", pods = "10.10.1.0/24" }, … }
--	local network = require "network.node" { node = "cp1", nodes = nodes }

local params = require "neap".params
local given = require "neap.given"

local function nodes(name)
	local found = {}
	for _, word in ipairs(given.list(name) or {}) do
		local node, address, pods = word:match "^([^=]+)=([^/]+)/(.+)$"
		if not node then
			error(("%s: \"%s\" is not NAME=ADDRESS/PODS, such as w1=192.0.2.2/10.10.2.0/24"):format(name, word), 0)
		end
		if found[node] then
			error(("%s: %s is there twice"):format(name, node), 0)
		end
		found[node] = { address = address, pods = pods }
	end
	return found
end

require "network.node" {
	node = given.needed("NODE", "cp1"),
	nodes = nodes "NODES",
	gone = nodes "GONE",
	bridge = params.BRIDGE,
	mtu = given.integer("MTU", 1280, 65535),
	members = given.list "MEMBERS",
}
