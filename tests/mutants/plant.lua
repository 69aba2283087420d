-- plant.lua TREE MUTANT: replaces the text that the mutant names, once, in the copy of the tree.
local tree, mutant = arg[1], arg[2]

local function slurp(path)
	local file = assert(io.open(path, "rb"))
	local text = file:read("a")
	file:close()
	return text
end

local text = slurp(mutant)
local name = assert(text:match("\nfile: ([^\n]+)"), "no file: line")
local old, new = text:match("<<<<\n(.-)\n====\n(.-)\n?>>>>")
assert(old, "no <<<< … ==== … >>>> part")

local path = tree .. "/" .. name
local code = slurp(path)
local first = code:find(old, 1, true)
if not first or code:find(old, first + 1, true) then
	io.stderr:write(mutant, ": its text occurs ", first and "more than once" or "nowhere", " in ", name, "\n")
	os.exit(2)
end
local file = assert(io.open(path, "wb"))
file:write(code:sub(1, first - 1), new, code:sub(first + #old))
file:close()
