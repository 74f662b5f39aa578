#!/bin/sh
# Writes ../Generated and the descriptor that the tests compare with the interface's facts.
#
# Needs protoc 3.21 or newer, and the two plugins. Build them in any package that depends on
# swift-protobuf and grpc-swift-protobuf, away from this package's own build folder:
#
#   swift build --scratch-path .build-plug --product protoc-gen-swift
#   swift build --scratch-path .build-plug --product protoc-gen-grpc-swift-2
#
# Usage: PLUGINS=<folder that holds both plugins> Sources/ApusWire/Proto/generate.sh
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$here/../Generated
fixture=$here/../../../Tests/ApusWireTests/Fixtures/qdrant.descriptor
plugins=${PLUGINS:?set PLUGINS to the folder that holds protoc-gen-swift and protoc-gen-grpc-swift-2}

mkdir -p "$out" "$(dirname "$fixture")"
rm -f "$out"/*.swift
cd "$here"
protoc -I . \
    --plugin=protoc-gen-swift="$plugins/protoc-gen-swift" \
    --swift_out="$out" --swift_opt=Visibility=Package \
    --descriptor_set_out="$fixture" \
    ./*.proto
# Files without a service would only make empty Swift files here.
grep -l '^service' ./*.proto | xargs protoc -I . \
    --plugin=protoc-gen-grpc-swift-2="$plugins/protoc-gen-grpc-swift-2" \
    --grpc-swift-2_out="$out" --grpc-swift-2_opt=Visibility=Package
# And files without a message, here.
grep -L '^message' ./*.proto | sed 's/\.proto$/.pb.swift/' | (cd "$out" && xargs rm -f)
