-- The network of one node of several: a bridge for its pods with an address on it, forwarding, and a route to the
-- pods of each other node:
--
--	neap plan @network -D NODE=cp1 -D NODES=cp1=192.0.2.1/10.10.1.0/24,w1=192.0.2.2/10.10.2.0/24
--
-- Each node is NAME=ADDRESS/PODS: its address in the network that the nodes share, and the network of its pods. Run it
-- from a timer with one list on all nodes: a node that is new in the list is reached after the next run. A node that
-- has left it goes by -D GONE=w1=192.0.2.2/10.10.2.0/24 once.
--
-- Links, addresses, routes and rules do not outlive a boot, and the next run makes them again. With -D PERSIST=unit
-- units of neap's, neap-network.service and neap-iptables.service, bring back at boot what the last run made, before
-- network-online.target; -D PERSIST=false takes that away again. Without it what is kept is not looked at. Where there
-- is a vxlan, -D PERSIST=networkd leaves links, addresses and routes to systemd-networkd, which has to be enabled, and
-- to the unit the rules.
--
-- So the network between the nodes carries packets of pods as they are. Where it does not (a cloud, several networks),
-- a vxlan takes them through it, on UDP port 4789 or -D PORT=8472, in a network with a number of one's choice:
--
--	neap plan @network -D VXLAN=1 -D NODE=cp1 -D NODES=…
--
-- It hides nothing and trusts whoever sends to that port, which only nodes should be let to. A cluster that is routed
-- and then gets a vxlan has its routes replaced; the other way the link vxlan0 stays, and nothing goes through it.
--
-- With -D CLUSTER=10.10.0.0/16, the network that all pods are in, comes the packet filter: pods are let through, also
-- where Docker drops what it does not know, and what leaves the cluster goes out under the node's address, as nobody
-- outside knows the way to a pod. -D MASQUERADE=false takes that rule away, for where routers do know it. And
-- -D DOCKER=absent removes the bridge and the rules that a Docker has made here before.
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

local function one_of(name, values)
	local text = params[name]
	if text and values[text] == nil then
		error(("%s: \"%s\" is none of what it can be: see the recipe"):format(name, text), 0)
	end
	return text and values[text]
end

require "network.node" {
	node = given.needed("NODE", "cp1"),
	nodes = nodes "NODES",
	gone = nodes "GONE",
	bridge = params.BRIDGE,
	mtu = given.integer("MTU", 1280, 65535),
	members = given.list "MEMBERS",
	vxlan = params.VXLAN and { id = given.integer("VXLAN", 0, 16777215), port = given.integer("PORT", 1, 65535) },
	cluster = params.CLUSTER,
	masquerade = one_of("MASQUERADE", { ["true"] = true, ["false"] = false }),
	persist = one_of("PERSIST", { unit = "unit", networkd = "networkd", ["false"] = false }),
}
if one_of("DOCKER", { absent = true }) then
	require "network.docker_gone" {}
end
