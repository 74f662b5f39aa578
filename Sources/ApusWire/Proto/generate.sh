#!/bin/sh
# Writes ../Generated and the descriptor that the tests compare with the interface's facts.
#
# Only messages are generated: the server has a table of its methods, and clients name them. The
# descriptors of all files go into ServerDescriptors.swift, from which the server answers reflection.
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
rm -rf "$out"/*
cd "$here"
interface=$(ls ./*.proto)
# The two versions of reflection have the same messages: code for one of them serves both.
protoc -I . \
    --plugin=protoc-gen-swift="$plugins/protoc-gen-swift" \
    --swift_out="$out" --swift_opt=Visibility=Package \
    $interface apus/v1/*.proto grpc/reflection/v1/*.proto
# Files without a message would only make empty Swift files.
grep -L '^message' $interface | sed 's/\.proto$/.pb.swift/' | (cd "$out" && xargs rm -f)
protoc -I . --descriptor_set_out="$fixture" $interface

all=$(mktemp)
trap 'rm -f "$all"' EXIT
protoc -I . --include_imports --descriptor_set_out="$all" $(find . -name '*.proto' | sort)
{
    echo '// swift-format-ignore-file'
    echo '// Written by Proto/generate.sh: do not edit.'
    echo
    echo '/// The descriptors of all .proto files, as a FileDescriptorSet in Base64.'
    echo 'package enum ServerDescriptors {'
    echo '    package static let base64 = """'
    base64 -w 100 "$all" | sed 's/^/        /; $!s/$/\\/'
    echo '        """'
    echo '}'
} >"$out/ServerDescriptors.swift"
