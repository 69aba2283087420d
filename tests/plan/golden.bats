#!/usr/bin/env bats
# A case is a text file: what the machine and the recipe are, then commands and the whole of what they print.
#
#	==> machine              shell, run in the empty directory `machine`
#	==> FILE                 a file of the recipe, such as site.lua
#	==> neap plan site.lua   what it prints, both streams, and "exit N" at the end
#
# Sections are taken in their order. After a wanted change: NEAP_GOLDEN=update bats golden.bats, then read the diff.

setup() {
	cases=$BATS_TEST_DIRNAME/cases
	cd "$BATS_TEST_TMPDIR" || return 1
	mkdir bin machine
	ln -s "$NEAP" bin/neap
	PATH=$PWD/bin:$PATH
	export PATH COLUMNS=80
	unset NO_COLOR
	umask 022
}

# What a section is for: sets up, or prints what the section should hold.
section() { # section HEADING BODY-FILE
	case $1 in
	machine) (cd machine && sh -eu) <"$2" >/dev/null && cat "$2" ;;
	neap | 'neap '*)
		sh -c "$1" >printed 2>&1 </dev/null && code=0 || code=$?
		sed "s|$PWD/||g" printed
		echo "exit $code"
		;;
	*)
		mkdir -p "$(dirname "$1")"
		tee "$1" <"$2"
		;;
	esac
}

golden() {
	local heading='' line
	: >got
	: >body
	while IFS= read -r line || [ -n "$line" ]; do
		if [[ $line == '==> '* ]]; then
			[ -z "$heading" ] || section "$heading" body >>got
			heading=${line#==> }
			printf '%s\n' "$line" >>got
			: >body
		elif [ -z "$heading" ]; then
			printf '%s\n' "$line" >>got
		else
			printf '%s\n' "$line" >>body
		fi
	done <"$cases/$1.txt"
	section "$heading" body >>got
	if [ "${NEAP_GOLDEN-}" = update ]; then
		cp got "$cases/$1.txt"
	else
		diff -u "$cases/$1.txt" got
	fi
}

@test "a machine with nothing on it: what is made" {
	golden create
}

@test "a machine that has drifted: what changes, folded and line by line" {
	golden update
}

@test "what goes" {
	golden delete
}

@test "units and the links that enable them" {
	golden unit
}

@test "what is in the way: what could not be planned, and what stands on it" {
	golden failed
}

@test "secrets, and files that others may not read" {
	golden secret
}

@test "a recipe that is wrong in several ways" {
	golden wrong
}

@test "what a file holds cannot steer the terminal" {
	golden hostile
}

@test "graphs" {
	golden graph
}

@test "the screens of the command line" {
	golden help
}
