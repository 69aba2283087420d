-- An sshd that takes keys only, and the people who may log in.
--
--	neap plan @examples/sshd -D PEOPLE=$PWD/people.yaml
--
-- people.yaml is a list: who is in it has an account and may log in by these keys; with `gone: true` the keys go,
-- nobody is let in as this person any more, and the account stays. What another key is in a person's authorized_keys
-- is that person's business.
--
--	- name: ada
--	  keys: [ "ssh-ed25519 AAAA… ada@laptop" ]
--	  admin: true
--	- name: bob
--	  keys: [ "ssh-ed25519 AAAA… bob@work" ]
--	  gone: true

local neap = require "neap"
local given = require "neap.given"

local file = given.absolute("PEOPLE", given.needed("PEOPLE", "$PWD/people.yaml"))
local people = neap.yaml.decode(neap.read(file))

local may_log_in = neap.group { name = "ssh-users", system = true }

-- The people first: the server lets in nobody else once it is told.

local somebody = false
local ready = { may_log_in }

for _, person in ipairs(people) do
	local groups = {}
	if not person.gone then
		groups = { may_log_in.name, person.admin and "sudo" or nil }
	end
	local account = neap.user {
		name = person.name,
		groups = groups,
		groups_exclusive = person.gone,
		shell = person.shell or "/bin/bash",
		create_home = true,
	}
	ready[#ready + 1] = account
	for _, key in ipairs(person.keys or {}) do
		ready[#ready + 1] = neap.authorized_key {
			user = person.name,
			key = key,
			ensure = person.gone and "absent" or "present",
			require = account,
		}
		somebody = somebody or not person.gone
	end
end
if not somebody then
	error("PEOPLE: nobody in " .. file .. " has a key and is not gone: the server would let nobody in", 0)
end

-- The server. Debian's sshd_config reads this directory first, and of each setting the first counts.

ready[#ready + 1] = neap.exec {
	name = "make the host keys",
	command = { "ssh-keygen", "-A" },
	creates = "/etc/ssh/ssh_host_ed25519_key",
}

local config = neap.file {
	path = "/etc/ssh/sshd_config.d/10-hardened.conf",
	content = neap.template("sshd.conf", { port = neap.params.PORT or "22", group = may_log_in.name }),
	mode = "0644",
	-- A mistake in here must not lock everybody out.
	validate = { "sshd", "-t", "-f", "%s" },
	require = ready,
}

neap.exec {
	name = "reload sshd",
	shell = neap.params.RELOAD or "systemctl reload ssh",
	refresh_only = true,
	subscribe = config,
}
