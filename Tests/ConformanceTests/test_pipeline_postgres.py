"""Pipelines from PostgreSQL: tables by key and by watermark, vectors, kills, broken connections."""

from __future__ import annotations

import json
import random
import subprocess
import threading

import numpy as np
import pytest

import components
from pipelines import Pipeline, wait_for, words


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with components.postgres(tmp_path_factory.mktemp("postgres")) as uri:
        yield uri


@pytest.fixture
def database(server):
    import psycopg2

    connection = psycopg2.connect(server)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    cursor.execute("GRANT ALL ON SCHEMA public TO public")
    yield cursor
    connection.close()


def declaration(uri: str, source: str, more: str = "") -> str:
    return (f"source: {{postgres: {{connection: '{uri}', {source}}}}}\n"
            "map: {text: '{body}', payload: [lang]}\n"
            "chunk: {rule: sentences, tokens: 24}\nembed: static\n"
            f"collection: {{name: c, data: data}}\n{more}")


def content(database) -> dict[str, str]:
    database.execute("SELECT id::text, coalesce(body, '') FROM docs")
    return dict(database.fetchall())


def fill(database, generator: random.Random, count: int) -> None:
    database.execute(
        "CREATE TABLE docs (id bigint PRIMARY KEY, body text, lang text,"
        " updated_at timestamptz NOT NULL DEFAULT now())")
    for n in range(count):
        database.execute("INSERT INTO docs VALUES (%s, %s, 'en')",
                         (n * 3, words(generator, generator.randint(1, 50))))


def change(database, generator: random.Random, count: int) -> None:
    """Changes rows, deletes some and adds others."""
    database.execute("SELECT id FROM docs")
    ids = [row[0] for row in database.fetchall()]
    for row in generator.sample(ids, min(len(ids), count)):
        database.execute(
            "UPDATE docs SET body = %s, updated_at = now() WHERE id = %s",
            (words(generator, generator.randint(1, 50)), row))
    for row in generator.sample(ids, count // 4):
        database.execute("DELETE FROM docs WHERE id = %s", (row,))
    for _ in range(count // 4):
        database.execute(
            "INSERT INTO docs VALUES (%s, %s, 'de') ON CONFLICT DO NOTHING",
            (generator.randint(0, 10_000), words(generator, 20)))


@pytest.mark.parametrize("watermark", ["", ", watermark: updated_at"])
def test_a_table_is_followed_row_by_row(tmp_path, server, database, watermark):
    generator = random.Random(1)
    fill(database, generator, 400)
    pipeline = Pipeline(
        tmp_path, declaration(server, "table: docs, key: id" + watermark))
    assert pipeline.run()["progress"]["counters"]["written"] == 400
    pipeline.assert_holds(content(database))
    change(database, generator, 60)
    counters = pipeline.run()["progress"]["counters"]
    if watermark:
        assert counters["read"] < 100
    assert counters["swept"] >= 10
    pipeline.assert_holds(content(database))


@pytest.mark.parametrize("watermark", ["", ", watermark: updated_at"])
def test_a_run_that_is_killed_at_any_moment_goes_on(tmp_path, server, database, watermark):
    fill(database, random.Random(2), 600)
    pipeline = Pipeline(tmp_path, declaration(
        server, f"table: docs, key: id{watermark}", "batch: {records: 20}\n"))
    pipeline.survives_kills(
        lambda generator: change(database, generator, 100), lambda: content(database))


#: Names of parts whose texts would be the same if they were only put one after the other.
TENANTS = ["a", "a,b", 'a"', '"\u0301', "ä\\", "", "[", "a b"]


def fill_pairs(database) -> None:
    database.execute(
        "CREATE TABLE pairs (tenant text, number int, body text, lang text,"
        " updated_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (number, tenant))")
    for n in range(40):
        for tenant in TENANTS:
            database.execute("INSERT INTO pairs VALUES (%s, %s, %s, 'en')",
                             (tenant, n, f"The text of {n} and {TENANTS.index(tenant)}."))


def pairs(database) -> dict[str, str]:
    database.execute("SELECT tenant, number, body FROM pairs")
    return {json.dumps([tenant, str(n)], ensure_ascii=False, separators=(",", ":")): body
            for tenant, n, body in database.fetchall()}


@pytest.mark.parametrize("more", ["", ", watermark: updated_at", ", slot: apus_pairs"])
def test_a_key_of_two_columns_names_rows(tmp_path, server, database, more):
    fill_pairs(database)
    pipeline = Pipeline(tmp_path, declaration(
        server, "table: pairs, key: [tenant, number]" + more, "batch: {records: 16}\n"))
    try:
        assert pipeline.run()["progress"]["counters"]["written"] == 40 * len(TENANTS)
        pipeline.assert_holds(pairs(database))
        database.execute("UPDATE pairs SET body = 'Changed.', updated_at = now()"
                         " WHERE number = 7 AND tenant = 'a,b'")
        database.execute("UPDATE pairs SET tenant = 'new', updated_at = now()"
                         " WHERE number = 9 AND tenant = 'a'")
        database.execute("DELETE FROM pairs WHERE number = 8")
        counters = pipeline.run()["progress"]["counters"]
        assert counters["written"] == 2
        assert counters["swept"] + counters["deleted"] == len(TENANTS) + 1
        pipeline.assert_holds(pairs(database))
        for _ in range(3):
            pipeline.run_until_killed(0.3, "--start-over")
            database.execute("UPDATE pairs SET body = body || ' More.', updated_at = now()"
                             " WHERE number % 5 = 0")
        pipeline.run()
        pipeline.assert_holds(pairs(database))
    finally:
        database.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")


def test_columns_that_do_not_name_rows_together_are_refused(tmp_path, server, database):
    fill_pairs(database)
    pipeline = Pipeline(tmp_path, declaration(server, "table: pairs, key: [tenant, lang]"))
    assert "columns (tenant, lang) of pairs have no unique index" in pipeline.run(succeeds=False)
    # More than what is unique is unique too.
    pipeline.write(declaration(server, "table: pairs, key: [lang, number, tenant]"))
    pipeline.run()
    pipeline.write(declaration(server, "table: pairs, key: [tenant, tenant]"))
    assert "key[1]: 'tenant' is there twice" in pipeline.run(succeeds=False)
    pipeline.write(declaration(server, "table: pairs, key: []"))
    assert "a key has 1 to 32 fields, found 0" in pipeline.run(succeeds=False)


def test_rows_of_a_transaction_that_commits_late_are_not_missed(tmp_path, server, database):
    """A watermark is the time of the transaction's begin, so a later one may commit first."""
    import psycopg2

    fill(database, random.Random(3), 10)
    pipeline = Pipeline(tmp_path, declaration(
        server, "table: docs, key: id, watermark: updated_at"))
    slow = psycopg2.connect(server)
    with slow, slow.cursor() as late:
        late.execute("INSERT INTO docs VALUES (1001, 'Late.', 'en', now())")
        database.execute("INSERT INTO docs VALUES (1002, 'Early.', 'en', now())")
        pipeline.run()
        assert "1001" not in pipeline.texts() and "1002" not in pipeline.texts()
    slow.close()
    pipeline.run()
    pipeline.assert_holds(content(database))


def test_vectors_of_pgvector_come_as_they_are(tmp_path, server, database):
    database.execute("CREATE EXTENSION vector")
    database.execute("CREATE TABLE items (id uuid PRIMARY KEY, name text, e vector(4))")
    vectors = np.random.default_rng(4).normal(size=(50, 4)).astype(np.float32)
    for n, vector in enumerate(vectors):
        database.execute(
            "INSERT INTO items VALUES (md5(%s)::uuid, %s, %s)",
            (str(n), f"item {n}", str(vector.tolist())))
    pipeline = Pipeline(tmp_path, (
        f"source: {{postgres: {{connection: '{server}', table: items, key: id}}}}\n"
        "map: {payload: [name]}\nembed: {vector: {field: e, dimension: 4}}\n"
        "collection: {name: c, data: data, metric: l2}\n"))
    pipeline.run()
    found = {p.payload["name"]: p.vector for p in pipeline.points().values()}
    assert len(found) == 50
    for n, vector in enumerate(vectors):
        assert np.allclose(found[f"item {n}"], vector, atol=1e-6)


def test_rows_are_read_ahead_with_all_their_types(tmp_path, server, database):
    """A page ends by its bytes, within it batches by their records; values are as the server's JSON."""
    database.execute("""
        CREATE TABLE kinds (id bigint PRIMARY KEY, body text, small int2, large int8, real float4,
          double float8, number numeric, is_set bool, day date, moment timestamptz, uuid uuid,
          bytes bytea, tags text[], json json, jsonb jsonb, nothing text)""")
    database.execute("""
        INSERT INTO kinds SELECT n, repeat('wörd "' || n || '" \\ ', 1 + n % 40), n % 100, n * 9007199254740993,
          n / 4.0, n / 8.0, n * 1.5, n % 2 = 0, date '2024-02-29' + n::int, timestamptz '2024-01-01Z',
          md5(n::text)::uuid, decode(md5(n::text), 'hex'), ARRAY['a', NULL, n::text],
          json_build_object('n', n, 'deep', ARRAY[ARRAY[1.5, 2]]), jsonb_build_object('n', n), NULL
        FROM generate_series(1, 700) n""")
    database.execute("SELECT id, row_to_json(kinds)::text FROM kinds")
    rows = {str(key): json.loads(text) for key, text in database.fetchall()}
    pipeline = Pipeline(tmp_path, (
        f"source: {{postgres: {{connection: '{server}', table: kinds, key: id}}}}\n"
        "map: {text: '{body}'}\nembed: static\ncollection: {name: c, data: data}\n"
        "batch: {records: 7, bytes: 16KiB}\n"))
    counters = pipeline.run()["progress"]["counters"]
    assert counters["written"] == 700 and counters["setAside"] == 0
    found = {}
    for point in pipeline.points().values():
        payload = dict(point.payload)
        assert payload.pop("text") == payload["body"]
        found[payload.pop("_source")["key"]] = payload
    assert found == rows


def test_what_would_pass_rows_over_is_refused_by_name(tmp_path, server, database):
    database.execute("CREATE TABLE docs (id bigint, body text, lang text, at timestamptz)")
    database.execute("INSERT INTO docs VALUES (1, 'One.', 'en', NULL)")
    pipeline = Pipeline(tmp_path, declaration(server, "table: docs, key: id"))
    assert "has no unique index" in pipeline.run(succeeds=False)
    database.execute("ALTER TABLE docs ADD PRIMARY KEY (id)")
    pipeline.write(declaration(server, "table: docs, key: id, watermark: at"))
    assert "has rows without 'at'" in pipeline.run(succeeds=False)
    pipeline.write(declaration(server, "table: docs, key: nothing"))
    assert "has no column 'nothing'" in pipeline.run(succeeds=False)
    pipeline.write(declaration(server, "table: nowhere, key: id"))
    assert 'relation "nowhere" does not exist' in pipeline.run(succeeds=False)
    assert pipeline.status()["state"] == "failed"


def test_gigantic_rows_are_set_aside_and_counted(tmp_path, server, database):
    fill(database, random.Random(5), 3)
    database.execute("INSERT INTO docs VALUES (1000, repeat('word ', 100000), 'en')")
    pipeline = Pipeline(tmp_path, declaration(server, "table: docs, key: id, rowSize: 64KiB"))
    assert pipeline.run()["progress"]["counters"]["setAside"] == 1
    [letter] = pipeline.dead_letters
    assert letter["key"] == "1000" and "bytes, of at most 65536" in letter["cause"]


def test_a_lost_connection_is_made_again(tmp_path, server, database):
    generator = random.Random(6)
    fill(database, generator, 300)
    pipeline = Pipeline(tmp_path, declaration(
        server, "table: docs, key: id", "batch: {records: 5, parallel: 1}\nfollow: 20ms\n"
        "retry: {first: 10ms}\n"))
    process = pipeline.start()
    try:
        for _ in range(5):
            wait_for(lambda: cut(database), "a connection to cut")
        database.execute("INSERT INTO docs VALUES (100000, 'The last one.', 'en')")
        wait_for(lambda: pipeline.status()["progress"]["counters"]["retries"] >= 3, "retries")
        wait_for(lambda: pipeline.status()["progress"]["counters"]["written"] == 301, "the rows")
    finally:
        process.terminate()
        process.communicate(timeout=60)
    # Which of the two the client library sees first is chance.
    failure = pipeline.status()["progress"]["lastFailure"]
    assert "terminating connection" in failure or "server closed the connection" in failure
    pipeline.assert_holds(content(database))


def cut(database) -> bool:
    database.execute(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE"
        " backend_type = 'client backend' AND pid <> pg_backend_pid() AND query LIKE '%apus_%'")
    return database.fetchone()[0] > 0


def test_revoked_credentials_end_the_run_with_their_name(tmp_path, server, database):
    fill(database, random.Random(7), 30)
    database.execute("DROP ROLE IF EXISTS guarded")
    database.execute("CREATE ROLE guarded LOGIN PASSWORD 'first'")
    database.execute("GRANT SELECT ON docs TO guarded")
    pipeline = Pipeline(tmp_path, declaration(
        "env:SOURCE", "table: docs, key: id"))
    guarded = server.replace("postgres@", "guarded:first@")
    pipeline.environment["SOURCE"] = guarded
    pipeline.run()
    database.execute("ALTER ROLE guarded PASSWORD 'second'")
    message = pipeline.run(succeeds=False)
    assert "password authentication failed" in message and "first" not in message
    pipeline.environment["SOURCE"] = guarded.replace("first", "second")
    database.execute("REVOKE ALL ON docs FROM guarded")
    assert "permission denied for table docs (42501)" in pipeline.run(succeeds=False)
    database.execute("GRANT SELECT ON docs TO guarded")
    pipeline.run()
    pipeline.assert_holds(content(database))
    database.execute("REVOKE ALL ON docs FROM guarded")


def test_a_schema_that_changes_is_followed_or_named(tmp_path, server, database):
    fill(database, random.Random(8), 30)
    pipeline = Pipeline(tmp_path, declaration(server, "table: docs, key: id"))
    pipeline.run()
    database.execute("ALTER TABLE docs ADD COLUMN extra int DEFAULT 5")
    database.execute("ALTER TABLE docs ALTER COLUMN id TYPE text USING id::text")
    assert pipeline.run()["progress"]["counters"]["unchanged"] == 30
    database.execute("ALTER TABLE docs RENAME COLUMN body TO content")
    pipeline.run()
    assert pipeline.points() == {}, "texts without their field are empty"
    database.execute("ALTER TABLE docs RENAME COLUMN content TO body")
    pipeline.run()
    pipeline.assert_holds(content(database))
