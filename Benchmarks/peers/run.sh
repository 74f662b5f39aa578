#!/usr/bin/env bash
# Compares Apus with hnswlib in one run. `run.sh --help` says how.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=$("$here/../venv.sh")
exec "$python" "$here/compare.py" "$@"
