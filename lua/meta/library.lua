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

---A parameter of a type written in Lua.
---@class neap.type.param
---@field kind "text"|"string"|"path"|"source"|"choice"|"boolean"|"integer"|"mode"|"owner"|"group"|"regex"|"strings"|"argv"|"integers"|"duration"|"texts"|"resource"
---@field doc? string
---@field key? boolean|integer Part of the address; 1, 2 … where there are several.
---@field required? boolean
---@field secret? boolean It may hold secrets: "text" and "texts".
---@field choices? string[] Of "choice".
---@field min? integer Of numbers.
---@field max? integer Of numbers.
---@field owns? boolean The resource owns what is at this path.
---@field compare? boolean false: the default diff does not look at it.
---@field default? any

---@class neap.type.stat
---@field kind "file"|"directory"|"link"|"other"
---@field mode string
---@field owner string
---@field group string
---@field uid integer
---@field gid integer
---@field size integer
---@field links integer
---@field mount boolean

---@class neap.type.program
---@field command string[]
---@field directory? string
---@field user? string|integer
---@field environment? table<string, neap.text>
---@field timeout? string
---@field effects? string[] Of host:run: the paths it makes or changes.
---@field returns? integer|integer[] Of host:run: exit codes that are well. Not given: 0.

---@class neap.type.attributes
---@field mode? string
---@field owner? string|integer
---@field group? string|integer

---@class neap.type.write: neap.type.attributes
---@field content neap.text
---@field validate? string[]
---@field backup? boolean

---The machine, to be looked at. A method that fails raises an error.
---@class neap.view
local view = {}

---@param path string
---@return neap.type.stat?
function view:stat(path) end

---@param path string
---@return string? content nil where there is no regular file
---@return neap.type.stat?
function view:file(path) end

---@param path string
---@return string? target
---@return neap.type.stat?
function view:link(path) end

---@param path string
---@return { name: string, kind: string }[]
function view:list(path) end

---@param name string
---@return integer
function view:user(name) end

---@param name string
---@return integer
function view:group(name) end

---@param program neap.type.program
---@return { status: integer, out: string, errors: string }
function view:query(program) end

---@param name string
---@return string?
function view:kernel(name) end

---@return boolean
function view:running() end

---The machine, to be changed.
---@class neap.host: neap.view
local host = {}

---@param path string
---@param file neap.text|neap.type.write
function host:write(path, file) end

---@param path string
---@param attributes neap.type.attributes
function host:attributes(path, attributes) end

---@param path string
---@param attributes? neap.type.attributes
function host:mkdir(path, attributes) end

---@param path string
function host:mkdir_parents(path) end

---@param path string
---@param target string
function host:symlink(path, target) end

---@param path string
function host:unlink(path) end

---@param path string
function host:rmdir(path) end

---@param path string
function host:remove_tree(path) end

---@param program neap.type.program
function host:run(program) end

---@param name string
---@param value string
function host:set_kernel(name, value) end

---@class neap.type.difference
---@field param string
---@field before? any
---@field after? any

---@class neap.type.diff
---@field [integer] neap.type.difference
---@field action? "create"|"update"|"delete"|"run"
---@field reason? string

---@class neap.type.definition
---@field name string
---@field summary string
---@field params table<string, neap.type.param>
---@field read fun(view: neap.view, want: table): table?
---@field apply fun(host: neap.host, want: table, have: table?)
---@field diff? fun(want: table, have: table?): neap.type.diff?
---@field check? fun(want: table): string?
---@field claim? fun(want: table): string|table?
---@field refresh? fun(host: neap.host, want: table)
---@field outputs? table<string, { doc?: string, secret?: boolean, read: fun(view: neap.view, want: table): neap.text|integer }>

---A resource type written in Lua: at the top of a module of its own. docs/lua-types.md tells how.
---@param definition neap.type.definition
---@return fun(params: table): neap.handle
function neap.type(definition) end

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
