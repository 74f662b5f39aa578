#!/usr/bin/env bash
# Compares Apus with its peers in one run; with --filtered, searches that must match a filter.
# `run.sh --help` and `run.sh --filtered --help` say how.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=$("$here/../venv.sh" "$here/requirements.txt")
script=compare.py
if [ "${1:-}" = --filtered ]; then
  script=filtered.py
  shift
fi
exec "$python" "$here/$script" "$@"
