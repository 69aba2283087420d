# valid SCHEMA FILE: the file is one document by docs/schema/SCHEMA.schema.json.
# Sourced with `load ../support/schema.bash`.
valid() {
	jq -se 'length == 1' "$2" >/dev/null
	python3 -c 'import jsonschema, referencing' 2>/dev/null || return 0 # jq and the unit tests look too
	python3 - "$NEAP_SOURCE/docs/schema" "$1" "$2" <<-'PYTHON'
	import json, sys, jsonschema, referencing
	folder, name, document = sys.argv[1:]
	load = lambda uri: referencing.Resource.from_contents(json.load(open(folder + "/" + uri)))
	registry = referencing.Registry(retrieve=load)
	schema = json.load(open("%s/%s.schema.json" % (folder, name)))
	validator = jsonschema.Draft202012Validator(schema, registry=registry)
	validator.validate(json.load(open(document)))
	PYTHON
}

# valid_lines SCHEMA FILE: each line of the file is an object by the schema.
valid_lines() {
	[ "$(jq -c 'objects' "$2" | wc -l)" = "$(wc -l <"$2")" ] || return 1
	python3 -c 'import jsonschema, referencing' 2>/dev/null || return 0
	python3 - "$NEAP_SOURCE/docs/schema" "$1" "$2" <<-'PYTHON'
	import json, sys, jsonschema, referencing
	folder, name, document = sys.argv[1:]
	load = lambda uri: referencing.Resource.from_contents(json.load(open(folder + "/" + uri)))
	registry = referencing.Registry(retrieve=load)
	schema = json.load(open("%s/%s.schema.json" % (folder, name)))
	validator = jsonschema.Draft202012Validator(schema, registry=registry)
	for line in open(document):
	    validator.validate(json.loads(line))
	PYTHON
}
