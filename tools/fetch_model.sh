#!/usr/bin/env bash
# Fetches the model that some tests compare vectors with, unless it is there: fetch_model.sh PACKAGE
# DIRECTORY PYTHON. Without it those tests are skipped, and this says so.
set -euo pipefail

package=$1 directory=$2 python=$3
[ -e "$directory/${package%%=*}/model.safetensors" ] && exit 0
if ! .build/release/apus model fetch "$package" --to "$directory" --python "$python" >/dev/null; then
  echo "The model $package could not be fetched: tests that compare its vectors will be SKIPPED." >&2
fi
