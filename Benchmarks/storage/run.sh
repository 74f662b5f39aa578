#!/usr/bin/env bash
# Measures what durability costs, over gRPC and beside others. `run.sh --help` says how.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=$("$here/../venv.sh" "$here/requirements.txt")
exec "$python" "$here/measure.py" "$@"
