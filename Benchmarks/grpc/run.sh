#!/usr/bin/env bash
# Measures what the gRPC server adds to a search (`run.sh --help`), what a call costs a server that
# has nothing to do, beside C++ (`run.sh --empty --help`), or searches through other servers
# (`run.sh --peers --help`).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ "${1:-}" = --empty ]; then
  exec python3 "$here/empty_call.py" "${@:2}"
fi
if [ "${1:-}" = --peers ]; then
  python=$("$here/../venv.sh" "$here/peers.txt")
  exec "$python" "$here/peers.py" "${@:2}"
fi
python=$("$here/../venv.sh")
exec "$python" "$here/measure.py" "$@"
