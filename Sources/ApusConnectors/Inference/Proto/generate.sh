#!/bin/sh
# Writes ../Generated. Only messages are generated: the client names its methods.
#
# Needs protoc and the plugin; Sources/ApusWire/Proto/generate.sh says how to build that.
#
# Usage: PLUGINS=<folder that holds the plugin> Sources/ApusConnectors/Inference/Proto/generate.sh
set -eu
cd "$(dirname "$0")"
mkdir -p ../Generated
protoc -I . \
    --plugin=protoc-gen-swift="${PLUGINS:?set PLUGINS to the folder that holds protoc-gen-swift}/protoc-gen-swift" \
    --swift_out=../Generated --swift_opt=Visibility=Internal,UseAccessLevelOnImports=true \
    open_inference.proto
