-- A release of a program, installed by its version, with a link `current` that is moved at one moment:
--
--	neap plan @examples/release -D NAME=app -D VERSION=1.2.3 -D ARCHIVE=$PWD/app-1.2.3.tar.gz -D CHECKSUM=sha256:9c9f…
--
-- Each version stays in a directory of its own, so going back is the same command with the former version. Every run
-- verifies all files of the release, byte for byte. When the link moves, RELOAD (a command for the shell) runs once.

local neap = require "neap"
local given = require "neap.given"

local params = neap.params
local name, version = given.needed "NAME", given.needed "VERSION"
local home = (params.PREFIX or "/opt") .. "/" .. name

local release = neap.tarball {
	path = home .. "/" .. version,
	source = given.absolute("ARCHIVE", given.needed "ARCHIVE"),
	checksum = params.CHECKSUM,
	-- Releases have all in one directory, "app-1.2.3/".
	strip_components = 1,
}

-- After the release is whole, and not before.
local current = neap.link { path = home .. "/current", target = version, require = release }

for _, program in ipairs(given.list "PROGRAMS" or { name }) do
	neap.link { path = "/usr/local/bin/" .. program, target = home .. "/current/bin/" .. program, require = current }
end

if params.RELOAD then
	neap.exec { name = "reload " .. name, shell = params.RELOAD, refresh_only = true, subscribe = current }
end
