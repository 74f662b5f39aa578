#!/usr/bin/env bash
# Starts the server that was just built, loads the sample collection once, says what to try, and
# stays in the foreground until Ctrl-C. `make run` calls it.
#   DATA       storage folder (./data)
#   HTTP_PORT  6333
#   GRPC_PORT  6334
set -euo pipefail

apus=${APUS_BINARY:-.build/release/apus}
data=${DATA:-./data}
http=${HTTP_PORT:-6333}
grpc=${GRPC_PORT:-6334}
sample=Fixtures/sample
rows=10000

"$apus" serve --data "$data" --http-port "$http" --grpc-port "$grpc" &
server=$!
# Ctrl-C does not reach a script's background processes, so it is passed on as SIGTERM.
trap 'kill -TERM "$server" 2>/dev/null || true' INT TERM

ready() { curl --silent --fail --output /dev/null "http://127.0.0.1:$http/readyz"; }
for _ in $(seq 600); do
  if ! kill -0 "$server" 2>/dev/null; then wait "$server"; exit $?; fi
  if ready; then break; fi
  sleep 0.1
done
if ! ready; then
  echo "The server did not get ready within a minute." >&2
  kill -TERM "$server"
  wait "$server" || true
  exit 1
fi

loaded() {
  curl --silent --request POST --header 'Content-Type: application/json' --data '{}' \
    "http://127.0.0.1:$http/collections/sample/points/count" | grep -q "\"count\":$rows\b"
}
if ! loaded; then
  echo "Loading the sample: $rows text embeddings, over gRPC"
  "$apus" ingest --url "grpc://127.0.0.1:$grpc" --collection sample --metric cosine \
    --vectors "$sample/base.f16.npy" --payload "$sample/payload.jsonl.gz"
fi

cat <<MESSAGE

Apus is up: REST on http://127.0.0.1:$http, gRPC on 127.0.0.1:$grpc, storage in $data.
Collection "sample" holds $rows embeddings of one-line descriptions of Python packages.
Three things to try:

1. curl: packages like package 42, among those of 2024 or later

   curl -s http://127.0.0.1:$http/collections/sample/points/query \\
     -H 'Content-Type: application/json' \\
     -d '{"query": 42, "limit": 5, "with_payload": ["name", "year", "keyword"],
          "filter": {"must": [{"key": "year", "range": {"gte": 2024}}]}}'

2. The Python client of Qdrant, unmodified (pip install qdrant-client)

   python3 -c 'from qdrant_client import QdrantClient
   client = QdrantClient("127.0.0.1", port=$http, grpc_port=$grpc, prefer_grpc=True)
   for hit in client.query_points("sample", query=42, limit=5).points:
       print(hit.score, hit.payload["name"])'

3. Swift, in process, with no server (a database of its own under /tmp)

   swift run -c release FirstSearch

Ctrl-C stops the server.
MESSAGE

# A signal ends a wait early, before the orderly stop is over.
status=0
while kill -0 "$server" 2>/dev/null; do
  status=0
  wait "$server" || status=$?
done
exit "$status"
