#!/usr/bin/env bash
# Make the development environment: tools/setup.sh FOLDER
#
# uv is used when it is there, else venv and pip. Packages come from wherever the user's own pip or uv is set to look.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-.venv}

fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

# A version manager may put a python3.13 on the path that only prints how to install one; so each is asked.
is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
  local name
  for name in ${PYTHON_FOR_VENV:-python3.13 python3.12 python3.11 python3 python}; do
    if command -v "$name" >/dev/null 2>&1 && is_new_enough "$name"; then
      command -v "$name"
      return
    fi
  done
  fail 'no Python 3.11 or newer on the path.' \
    'Install one, or name it: PYTHON_FOR_VENV=/path/to/python make test'
}

with_uv() {
  is_new_enough "$venv/bin/python" || uv venv --quiet --clear --python '>=3.11,<3.14' "$venv"
  uv pip install --quiet --python "$venv/bin/python" --constraints constraints.txt --editable '.[all]' --group dev
}

with_pip() {
  if ! is_new_enough "$venv/bin/python" || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    local python
    python=$(find_python)
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
      fail "$python cannot make virtual environments." \
        'Install its venv module (on Debian and Ubuntu: apt-get install python3-venv), or install uv.'
    rm -rf "$venv"
    "$python" -m venv "$venv"
  fi
  # Dependency groups are read by pip from 25.1 on.
  "$venv/bin/python" -m pip install --quiet --upgrade 'pip>=25.1'
  "$venv/bin/python" -m pip install --quiet --constraint constraints.txt --editable '.[all]' --group dev
}

[[ -f $venv/.autoresearch ]] || printf 'Setting up %s; this happens once.\n' "$venv" >&2
if command -v uv >/dev/null 2>&1; then
  with_uv || { printf 'setup: uv did not succeed; trying venv and pip.\n' >&2; with_pip; }
else
  with_pip
fi
touch "$venv/.autoresearch"
