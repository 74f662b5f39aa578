#!/usr/bin/env python3
"""A small RAG application on Apus: a folder of texts in, questions answered from it.

    pip install qdrant-client
    apus serve --data ./data &

    python docs/rag/rag.py index  FOLDER
    python docs/rag/rag.py ask    "How often is the log synced?" [--model NAME --llm URL]
    python docs/rag/rag.py evaluate Fixtures/retrieval

Texts go to the server as they are: it makes dense vectors of them (`apus-static`) and sparse ones
(`qdrant/bm25`), and a question is answered by the passages that either finds, merged by their ranks.
`ask` prints the passages with their sources, and the prompt; with `--llm`, the address of any server
with OpenAI's chat API (vLLM, TGI, Ollama, llama.cpp), it prints that server's answer.

`evaluate` measures retrieval on passages and questions with known answers, by dense vectors, BM25 and
both: recall@5, the mean reciprocal rank, and nDCG@10.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import pathlib
import sys
import urllib.request
import uuid
from collections.abc import Iterator

from qdrant_client import QdrantClient, models

DENSE, WORDS = "apus-static", "qdrant/bm25"
#: Numbers of a vector of `apus-static`.
DIMENSION = 192
SUFFIXES = {".md", ".rst", ".txt"}
#: Characters of a passage, and by how many it overlaps the one before it.
PASSAGE, OVERLAP = 800, 100
BATCH = 128


def passages(path: pathlib.Path) -> Iterator[tuple[int, str]]:
    """The passages of a text with their offsets; cut at the end of a paragraph, line or sentence."""
    text = path.read_text(encoding="utf-8", errors="replace")
    start = 0
    while start < len(text):
        end = min(len(text), start + PASSAGE)
        if end < len(text):
            cuts = [text.rfind(mark, start + PASSAGE // 2, end) for mark in ("\n\n", "\n", ". ")]
            end = next((cut + 1 for cut in cuts if cut > 0), end)
        if piece := text[start:end].strip():
            yield start, piece
        if end == len(text):
            return
        start = max(start + 1, end - OVERLAP)


def vectors(text: str) -> dict[str, models.Document]:
    return {
        "dense": models.Document(text=text, model=DENSE),
        "words": models.Document(text=text, model=WORDS),
    }


def create(client: QdrantClient, collection: str) -> None:
    if client.collection_exists(collection):
        return
    client.create_collection(
        collection,
        vectors_config={
            "dense": models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE)
        },
        sparse_vectors_config={
            "words": models.SparseVectorParams(modifier=models.Modifier.IDF)
        },
    )
    client.create_payload_index(collection, "source", models.PayloadSchemaType.KEYWORD)


def upload(client: QdrantClient, collection: str, points: Iterator[models.PointStruct]) -> int:
    """Writes points in batches; each is on disk when its call returns."""
    count, batch = 0, []
    for point in points:
        batch.append(point)
        count += 1
        if len(batch) == BATCH:
            client.upsert(collection, batch, wait=True)
            batch = []
    if batch:
        client.upsert(collection, batch, wait=True)
    return count


def index(client: QdrantClient, collection: str, folder: pathlib.Path) -> int:
    """Writes the passages of all texts under a folder; those of a text that changed replace its
    earlier ones."""
    create(client, collection)

    def points() -> Iterator[models.PointStruct]:
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() not in SUFFIXES or not path.is_file():
                continue
            source = str(path.relative_to(folder))
            client.delete(collection, models.Filter(must=[
                models.FieldCondition(key="source", match=models.MatchValue(value=source))]))
            for offset, text in passages(path):
                name = f"{source}#{offset}#{hashlib.sha256(text.encode()).hexdigest()}"
                yield models.PointStruct(
                    id=str(uuid.uuid5(uuid.NAMESPACE_URL, name)), vector=vectors(text),
                    payload={"source": source, "offset": offset, "text": text})

    return upload(client, collection, points())


def retrieve(
    client: QdrantClient, collection: str, question: str, limit: int, how: str = "hybrid"
) -> list[models.ScoredPoint]:
    """The best passages, by `dense` vectors, by `words`, or by the ranks in both (`hybrid`)."""
    texts = vectors(question)
    if how != "hybrid":
        return client.query_points(
            collection, query=texts[how], using=how, limit=limit).points
    return client.query_points(
        collection,
        prefetch=[
            models.Prefetch(query=text, using=field, limit=4 * limit)
            for field, text in texts.items()
        ],
        query=models.FusionQuery(fusion=models.Fusion.RRF), limit=limit,
    ).points


def prompt(question: str, found: list[models.ScoredPoint]) -> list[dict[str, str]]:
    """Messages for a chat model: the passages with numbers that it is to cite."""
    sources = "\n\n".join(
        f"[{number}] {point.payload['source']}\n{point.payload['text']}"
        for number, point in enumerate(found, 1))
    return [
        {"role": "system", "content":
            "Answer from the passages alone and cite them as [1], [2]. If they do not answer the "
            "question, say so."},
        {"role": "user", "content": f"{sources}\n\nQuestion: {question}"},
    ]


def complete(url: str, model: str, messages: list[dict[str, str]]) -> str:
    """The answer of a server with OpenAI's chat API."""
    request = urllib.request.Request(
        url.rstrip("/") + "/v1/chat/completions",
        data=json.dumps({"model": model, "messages": messages, "temperature": 0}).encode(),
        headers={"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)["choices"][0]["message"]["content"]


def evaluate(client: QdrantClient, collection: str, folder: pathlib.Path) -> dict[str, dict]:
    """Retrieval on known answers; makes the collection anew."""
    def lines(name: str) -> list[dict]:
        return [json.loads(line) for line in (folder / name).read_text().splitlines()]

    client.delete_collection(collection)
    create(client, collection)
    known = lines("passages.jsonl")
    upload(client, collection, (
        models.PointStruct(
            id=number, vector=vectors(passage["text"]),
            payload={"source": passage["id"], "text": passage["text"]})
        for number, passage in enumerate(known)))
    questions = lines("questions.jsonl")
    return {
        how: score([
            ([point.payload["source"] for point in
              retrieve(client, collection, question["text"], 10, how)], set(question["relevant"]))
            for question in questions])
        for how in ("dense", "words", "hybrid")
    }


def score(answers: list[tuple[list[str], set[str]]]) -> dict[str, float]:
    """Means over questions, each with what was found, best first, and what answers it."""
    recall = rank = gain = 0.0
    for found, relevant in answers:
        recall += len(relevant.intersection(found[:5])) / len(relevant)
        rank += next((1 / n for n, name in enumerate(found, 1) if name in relevant), 0)
        best = sum(1 / math.log2(n + 1) for n in range(1, min(len(relevant), 10) + 1))
        gain += sum(
            1 / math.log2(n + 1) for n, name in enumerate(found[:10], 1) if name in relevant) / best
    return {
        "recall@5": round(recall / len(answers), 4), "mrr": round(rank / len(answers), 4),
        "ndcg@10": round(gain / len(answers), 4)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:6333")
    parser.add_argument("--api-key")
    parser.add_argument("--collection", default="rag")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("index")
    command.add_argument("folder", type=pathlib.Path)
    command = commands.add_parser("ask")
    command.add_argument("question")
    command.add_argument("--limit", type=int, default=5)
    command.add_argument("--llm", help="a server with OpenAI's chat API")
    command.add_argument("--model", default="default")
    command = commands.add_parser("evaluate")
    command.add_argument("folder", type=pathlib.Path)
    arguments = parser.parse_args()

    # `cloud_inference`: texts are left to the server.
    client = QdrantClient(
        url=arguments.url, api_key=arguments.api_key, cloud_inference=True, timeout=60)
    if arguments.command == "index":
        count = index(client, arguments.collection, arguments.folder)
        print(f"{count} passages")
    elif arguments.command == "evaluate":
        for how, figures in evaluate(client, arguments.collection, arguments.folder).items():
            print(json.dumps({"by": how, **figures}))
    else:
        found = retrieve(client, arguments.collection, arguments.question, arguments.limit)
        if not found:
            sys.exit("nothing found: was a folder indexed?")
        messages = prompt(arguments.question, found)
        if arguments.llm:
            print(complete(arguments.llm, arguments.model, messages))
            for number, point in enumerate(found, 1):
                print(f"[{number}] {point.payload['source']}:{point.payload['offset']}")
        else:
            print(messages[-1]["content"])


if __name__ == "__main__":
    main()
