"""Pipelines from Redis, S3 and ClickHouse, each against the real thing."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

import components
from pipelines import Pipeline, words

REST = ("map: {text: '{body}', payload: [lang]}\nchunk: {rule: sentences, tokens: 24}\n"
        "embed: static\ncollection: {name: c, data: data}\n")


# Redis

@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    with components.redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


def test_hashes_of_redis_are_followed(tmp_path, redis):
    client, port = redis
    client.flushall()
    generator = random.Random(1)
    expected = {}
    for n in range(400):
        expected[f"doc:{n}"] = words(generator, 20)
        client.hset(f"doc:{n}", mapping={"body": expected[f"doc:{n}"], "lang": "en"})
    client.set("doc:string", "no hash")
    pipeline = Pipeline(
        tmp_path, f"source: {{redis: {{host: 127.0.0.1, port: {port}, hashes: 'doc:*'}}}}\n"
        + REST + "batch: {records: 30}\n")
    pipeline.run()
    pipeline.assert_holds(expected)
    for n in range(0, 400, 9):
        client.delete(f"doc:{n}")
        del expected[f"doc:{n}"]
    client.hset("doc:1", "body", "Changed.")
    expected["doc:1"] = "Changed."
    for _ in range(5):
        pipeline.run_until_killed(0.1)
    pipeline.run()
    pipeline.assert_holds(expected)


def test_a_hash_that_cannot_be_read_is_not_gone(tmp_path, redis):
    client, port = redis
    client.flushall()
    expected = {f"k{n}": f"Text number {n}." for n in range(5)}
    for key, text in expected.items():
        client.hset(f"doc:{key}", mapping={"id": key, "body": text, "lang": "en"})
    pipeline = Pipeline(
        tmp_path, f"source: {{redis: {{host: 127.0.0.1, port: {port}, hashes: 'doc:*', key: id}}}}\n"
        + REST)
    pipeline.run()
    client.hset("doc:k1", "lang", b"\xff")
    pipeline.run()
    pipeline.assert_holds(expected)
    assert [letter["cause"] for letter in pipeline.dead_letters] == ["field 'lang' is not UTF-8"]


def test_vectors_of_redis_come_as_they_are(tmp_path, redis):
    client, port = redis
    client.flushall()
    vectors = np.random.default_rng(2).normal(size=(40, 5)).astype(np.float32)
    for n, vector in enumerate(vectors):
        client.hset(f"v:{n}", mapping={"name": str(n), "e": vector.tobytes()})
    client.hset("v:bad", mapping={"name": "bad", "e": b"12345"})
    pipeline = Pipeline(tmp_path, (
        f"source: {{redis: {{host: 127.0.0.1, port: {port}, hashes: 'v:*', vectors: e}}}}\n"
        "map: {payload: [name]}\nembed: {vector: {field: e, dimension: 5}}\n"
        "collection: {name: c, data: data, metric: l2}\n"))
    pipeline.run()
    found = {p.payload["name"]: p.vector for p in pipeline.points().values()}
    assert {n: True for n in found} == {str(n): True for n in range(40)}
    assert all(np.allclose(found[str(n)], vector, atol=1e-6) for n, vector in enumerate(vectors))
    assert [letter["cause"] for letter in pipeline.dead_letters] == [
        "field 'e' has 5 bytes, which are no floats"]


def test_a_stream_of_redis_goes_on_behind_the_last_entry(tmp_path, redis):
    client, port = redis
    client.flushall()
    generator = random.Random(3)
    expected = {}

    def add(count: int) -> None:
        for _ in range(count):
            key, text = f"k{generator.randint(0, 60)}", words(generator, 15)
            client.xadd("docs", {"id": key, "body": text, "lang": "en"})
            expected[key] = text

    add(200)
    pipeline = Pipeline(
        tmp_path,
        f"source: {{redis: {{host: 127.0.0.1, port: {port}, stream: docs, key: id}}}}\n"
        + REST + "batch: {records: 15}\n")
    for _ in range(6):
        pipeline.run_until_killed(0.1)
        add(10)
    pipeline.run()
    pipeline.assert_holds(expected)
    assert pipeline.run()["progress"]["counters"]["read"] == 0


def test_a_password_of_redis_comes_from_elsewhere(tmp_path):
    redis = pytest.importorskip("redis", reason="install redis==8.1.0")

    with components.redis(tmp_path, "--requirepass", "hidden") as (_, port):
        pipeline = Pipeline(
            tmp_path,
            f"source: {{redis: {{host: 127.0.0.1, port: {port}, stream: docs, key: id,"
            " password: 'env:REDIS_KEY'}}\n" + REST)
        assert "the environment has no variable REDIS_KEY" in pipeline.run(succeeds=False)
        pipeline.environment["REDIS_KEY"] = "wrong"
        message = pipeline.run(succeeds=False)
        assert "WRONGPASS" in message
        with redis.Redis(port=port, password="hidden") as client:
            client.xadd("docs", {"id": "a", "body": "It is there."})
        pipeline.environment["REDIS_KEY"] = "hidden"
        pipeline.run()
        pipeline.assert_holds({"a": "It is there."})


# S3

@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    with components.seaweed(tmp_path_factory.mktemp("seaweed")) as running:
        yield running


def bucket_declaration(url: str, bucket: str, more: str = "") -> str:
    return (f"source: {{s3: {{endpoint: '{url}', bucket: {bucket}, prefix: docs/, key: id,"
            f" accessKey: 'env:S3_KEY', secretKey: 'env:S3_SECRET'{more}}}}}\n" + REST)


def test_objects_of_s3_are_followed(tmp_path, s3):
    client, url = s3
    client.create_bucket(Bucket="texts")
    generator = random.Random(4)
    expected = {}
    for part in range(3):
        lines = []
        for n in range(120):
            key = f"{part}-{n}"
            expected[key] = words(generator, 20)
            lines.append(json.dumps({"id": key, "body": expected[key], "lang": "en"}))
        client.put_object(
            Bucket="texts", Key=f"docs/part {part} + ü.jsonl", Body="\n".join(lines).encode())
    client.put_object(Bucket="texts", Key="docs/bad.jsonl", Body=b'{"id": 1\n')
    client.put_object(Bucket="texts", Key="other/no.jsonl", Body=b'{"id": "no", "body": "x"}')
    pipeline = Pipeline(
        tmp_path, bucket_declaration(url, "texts") + "batch: {records: 25}\nsweep: never\n")
    pipeline.environment |= {"S3_KEY": "test", "S3_SECRET": "testsecret"}
    for _ in range(5):
        pipeline.run_until_killed(0.15)
    pipeline.run()
    pipeline.assert_holds(expected)
    assert {letter["place"] for letter in pipeline.dead_letters} == {
        "texts/docs/bad.jsonl, line 1"}
    client.delete_object(Bucket="texts", Key="docs/bad.jsonl")
    client.delete_object(Bucket="texts", Key="docs/part 1 + ü.jsonl")
    expected = {key: text for key, text in expected.items() if not key.startswith("1-")}
    pipeline.write(bucket_declaration(url, "texts"))
    pipeline.run()
    pipeline.assert_holds(expected)


def test_lines_of_an_object_that_became_too_large_are_not_gone(tmp_path, s3):
    client, url = s3
    client.create_bucket(Bucket="large")
    expected = {f"k{n}": f"Text number {n}." for n in range(5)}
    lines = [json.dumps({"id": key, "body": text, "lang": "en"}) for key, text in expected.items()]
    client.put_object(Bucket="large", Key="docs/a.jsonl", Body="\n".join(lines[:3]).encode())
    client.put_object(Bucket="large", Key="docs/b.jsonl", Body="\n".join(lines[3:]).encode())
    pipeline = Pipeline(tmp_path, bucket_declaration(url, "large", ", objectSize: 1KiB"))
    pipeline.environment |= {"S3_KEY": "test", "S3_SECRET": "testsecret"}
    pipeline.run()
    pipeline.assert_holds(expected)
    client.put_object(
        Bucket="large", Key="docs/a.jsonl", Body=("\n".join(lines[:3]) + "\n" * 2000).encode())
    pipeline.run()
    pipeline.assert_holds(expected)
    assert [letter["place"] for letter in pipeline.dead_letters] == ["large/docs/a.jsonl"]


def test_a_wrong_key_of_s3_is_named(tmp_path, s3):
    _, url = s3
    pipeline = Pipeline(tmp_path, bucket_declaration(url, "first"))
    pipeline.environment |= {"S3_KEY": "test", "S3_SECRET": "wrong"}
    message = pipeline.run(succeeds=False)
    assert "answered 403" in message and "SignatureDoesNotMatch" in message


# ClickHouse

@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory):
    with components.clickhouse(tmp_path_factory.mktemp("clickhouse")) as running:
        yield running


def test_rows_of_clickhouse_are_followed(tmp_path, clickhouse):
    run, url = clickhouse
    run("DROP TABLE IF EXISTS docs")
    run("CREATE TABLE docs (id UInt64, body String, lang String, at Date DEFAULT today())"
        " ENGINE = MergeTree(at, (id), 8192)")
    generator = random.Random(5)
    expected = {}

    def insert(ids) -> None:
        rows = []
        for n in ids:
            expected[str(n)] = words(generator, 20)
            rows.append(json.dumps({"id": n, "body": expected[str(n)], "lang": "en"}))
        run("INSERT INTO docs (id, body, lang) FORMAT JSONEachRow\n" + "\n".join(rows))

    insert(range(0, 900, 3))
    pipeline = Pipeline(
        tmp_path, f"source: {{clickhouse: {{url: '{url}', table: docs, key: id}}}}\n"
        + REST + "batch: {records: 32}\n")
    for _ in range(4):
        pipeline.run_until_killed(0.15)
    pipeline.run()
    pipeline.assert_holds(expected)
    insert([1, 2, 100_000])
    pipeline.run()
    pipeline.assert_holds(expected)
    run("DROP TABLE docs")
    assert "doesn't exist" in pipeline.run(succeeds=False)


def test_rows_of_clickhouse_are_named_by_two_columns(tmp_path, clickhouse):
    run, url = clickhouse
    run("DROP TABLE IF EXISTS pairs")
    run("CREATE TABLE pairs (tenant String, n Int32, body String, lang String,"
        " at Date DEFAULT today()) ENGINE = MergeTree(at, (tenant, n), 8192)")
    expected = {}

    def insert(tenant: str, numbers) -> None:
        lines = []
        for n in numbers:
            expected[f'["{tenant}","{n}"]'] = body = f"The text of {tenant} and {n}."
            lines.append(json.dumps({"tenant": tenant, "n": n, "body": body, "lang": "en"}))
        run("INSERT INTO pairs (tenant, n, body, lang) FORMAT JSONEachRow\n" + "\n".join(lines))

    for tenant in ("a", "b'", "", "c,d"):
        insert(tenant, range(-20, 20))
    pipeline = Pipeline(
        tmp_path, f"source: {{clickhouse: {{url: '{url}', table: pairs, key: [tenant, n]}}}}\n"
        + REST + "batch: {records: 16}\n")
    pipeline.run_until_killed(0.3)
    pipeline.run()
    pipeline.assert_holds(expected)
    insert("b'", [100, -100])
    assert pipeline.run()["progress"]["counters"]["written"] == 2
    pipeline.assert_holds(expected)
    run("DROP TABLE pairs")
