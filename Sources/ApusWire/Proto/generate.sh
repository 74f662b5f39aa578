#!/bin/sh
# Writes ../Generated and the descriptor that the tests compare with the interface's facts.
#
# Only messages are generated: the server has a table of its methods, and clients name them.
#
# Needs protoc 3.21 or newer, and the plugin. Build it in any package that depends on swift-protobuf,
# away from this package's own build folder:
#
#   swift build --scratch-path .build-plug --product protoc-gen-swift
#
# Usage: PLUGINS=<folder that holds the plugin> Sources/ApusWire/Proto/generate.sh
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$here/../Generated
fixture=$here/../../../Tests/ApusWireTests/Fixtures/qdrant.descriptor
plugins=${PLUGINS:?set PLUGINS to the folder that holds protoc-gen-swift}

mkdir -p "$out" "$(dirname "$fixture")"
rm -f "$out"/*.swift
cd "$here"
protoc -I . \
    --plugin=protoc-gen-swift="$plugins/protoc-gen-swift" \
    --swift_out="$out" --swift_opt=Visibility=Package \
    --descriptor_set_out="$fixture" \
    ./*.proto
# Files without a message would only make empty Swift files.
grep -L '^message' ./*.proto | sed 's/\.proto$/.pb.swift/' | (cd "$out" && xargs rm -f)
