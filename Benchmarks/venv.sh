#!/usr/bin/env bash
# Makes the virtual environment of the comparisons, in Benchmarks/.venv, and prints its Python.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
marker="$here/.venv/.made"
if [ ! "$marker" -nt "$here/requirements.txt" ]; then
  python3 -m venv "$here/.venv" >&2
  "$here/.venv/bin/pip" install --quiet --requirement "$here/requirements.txt" >&2
  touch "$marker"
fi
echo "$here/.venv/bin/python"
