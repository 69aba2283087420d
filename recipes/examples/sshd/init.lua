-- An sshd that takes keys only, and the people who may log in.
--
--	neap plan @examples/sshd -D PEOPLE=$PWD/people.yaml
--
-- people.yaml is a list: who is in it has an account and may log in by these keys; with `gone: true` the keys go and
-- the account stays. What another key is in a person's authorized_keys is that person's business.
--
--	- name: ada
--	  keys: [ "ssh-ed25519 AAAA… ada@laptop" ]
--	  admin: true
--	- name: bob
--	  keys: [ "ssh-ed25519 AAAA… bob@work" ]
--	  gone: true

local neap = require "neap"
local given = require "neap.given"

local file = given.file "PEOPLE"
local people = file and neap.yaml.decode(neap.read(file)) or {}

-- The server. Debian's sshd_config reads this directory first, and of each setting the first counts.

local may_log_in = neap.group { name = "ssh-users", system = true }

local host_keys = neap.exec {
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
	require = { host_keys, may_log_in },
}

neap.exec {
	name = "reload sshd",
	shell = neap.params.RELOAD or "systemctl reload ssh",
	refresh_only = true,
	subscribe = config,
}

-- The people.

for _, person in ipairs(people) do
	local groups = { may_log_in.name }
	if person.admin then
		groups[2] = "sudo"
	end
	local account = neap.user {
		name = person.name,
		groups = groups,
		shell = person.shell or "/bin/bash",
		create_home = true,
	}
	for _, key in ipairs(person.keys or {}) do
		neap.authorized_key {
			user = person.name,
			key = key,
			ensure = person.gone and "absent" or "present",
			require = account,
		}
	end
end
