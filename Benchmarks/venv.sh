#!/usr/bin/env bash
# Makes the virtual environment of the comparisons, in Benchmarks/.venv, and prints its Python.
#
#   venv.sh [LIST…]
#
# requirements.txt must install. Every package of a LIST may fail: it is tried alone, a failure is
# told on standard error and left in .venv/.peers/PACKAGE.failed, and the next run tries again.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv="$here/.venv"
marker="$venv/.made"
if [ ! "$marker" -nt "$here/requirements.txt" ]; then
  python3 -m venv "$venv" >&2
  "$venv/bin/pip" install --quiet --requirement "$here/requirements.txt" >&2
  touch "$marker"
fi

mkdir -p "$venv/.peers"
for list in "$@"; do
  while read -r package; do
    done="$venv/.peers/${package//[^a-zA-Z0-9._-]/_}"
    name=${package%%[<>=]*}
    [ -e "$done" ] && continue
    echo "installing $package" >&2
    log="$venv/.peers/$name.log"
    if "$venv/bin/pip" install --quiet --constraint "$here/requirements.txt" "$package" \
      >"$log" 2>&1; then
      touch "$done"
      rm -f "$venv/.peers/$name.failed"
    else
      { grep -i 'error' "$log" || tail -n 1 "$log"; } | tail -n 1 >"$venv/.peers/$name.failed"
      echo "$package was not installed: $(cat "$venv/.peers/$name.failed") (see $log)" >&2
    fi
  done < <(grep -v '^ *\(#\|$\)' "$list")
done
echo "$venv/bin/python"
