-- N rules in one chain. Only ever applied in a network namespace of its own.
local neap = require "neap"

for i = 1, tonumber(neap.params.N) do
	neap.iptables_rule {
		chain = "INPUT",
		rule = ("-p tcp --dport %d -s 10.%d.%d.1 -j ACCEPT"):format(1000 + i, i // 250, i % 250),
	}
end
