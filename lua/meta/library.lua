---@meta neap
-- The library that recipes use beside the resource types, for editors. Written by hand; the types are in neap.lua.

---@class neap
---@field params table<string, string> What -D name=value gave.
local neap = {}

---The bytes of a file of the machine that evaluates, relative to the recipe file that asks.
---@param name string
---@return string
function neap.read(name) end

---A secret: from a file without its last newline, from an environment variable, what a command prints, or a given
---string.
---@param from { file?: string, env?: string, command?: string[], value?: string } One of them.
---@return neap.text
function neap.secret(from) end

---A template file beside the recipe, or a text, filled in.
---@param template string|{ text: string }
---@param variables? table
---@return neap.text
function neap.template(template, variables) end

---Like string.format; takes secrets and references for %s.
---@param format string
---@param ... any
---@return neap.text
function neap.format(format, ...) end

---Marks a table as a list, for the encoders: one without members is [] and not {}.
---@generic T
---@param items T[]
---@return T[]
function neap.list(items) end

---Walks a table in the order of its keys.
---@param t table
---@return fun(): any, any
function neap.sorted_pairs(t) end

neap.json = {}

---@param value any
---@param options? { pretty?: boolean }
---@return neap.text
function neap.json.encode(value, options) end

---@param text string
---@return any
function neap.json.decode(text) end

neap.yaml = {}

---@param value any
---@return neap.text
function neap.yaml.encode(value) end

---@param text string
---@return any
function neap.yaml.decode(text) end

neap.base64 = {}

---@param text neap.text
---@return neap.text
function neap.base64.encode(text) end

---@param text neap.text What comes from a secret is secret as a whole.
---@return neap.text
function neap.base64.decode(text) end

return neap
