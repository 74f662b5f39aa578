"""Pipelines from a replication slot of PostgreSQL: a copy, and then what the log says."""

from __future__ import annotations

import http.server
import json
import random
import threading

import pytest

from pipelines import Pipeline, wait_for, words
from test_pipeline_postgres import change, content, database, declaration, fill, server  # noqa: F401


@pytest.fixture
def slot(database):  # noqa: F811
    """A name for a slot, which is dropped at the end, as is its publication."""
    yield "apus_docs"
    drop(database)


def drop(database):  # noqa: F811
    database.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
    database.execute("DROP PUBLICATION IF EXISTS apus_docs")


def confirmed(database) -> int:  # noqa: F811
    database.execute("SELECT confirmed_flush_lsn - '0/0' FROM pg_replication_slots")
    return int(database.fetchone()[0])


SOURCE = "table: docs, key: id, slot: apus_docs"


def test_a_table_is_copied_and_then_followed(tmp_path, server, database, slot):  # noqa: F811
    generator = random.Random(1)
    fill(database, generator, 400)
    pipeline = Pipeline(tmp_path, declaration(server, SOURCE))
    first = pipeline.run()["progress"]["counters"]
    assert first["written"] == 400
    pipeline.assert_holds(content(database))
    database.execute("UPDATE docs SET body = 'Changed.' WHERE id = 3")
    database.execute("DELETE FROM docs WHERE id = 6")
    database.execute("UPDATE docs SET id = 100001 WHERE id = 9")
    database.execute("INSERT INTO docs VALUES (100002, 'New.', 'en')")
    counters = pipeline.run("--once")["progress"]["counters"]
    # One changed, one gone, one with another key, one new; and no more is looked at.
    assert counters["read"] == 5 and counters["swept"] == 0
    pipeline.assert_holds(content(database))
    change(database, generator, 80)
    pipeline.run()
    pipeline.assert_holds(content(database))
    assert pipeline.run()["progress"]["counters"]["read"] == 0


@pytest.fixture
def embedder():
    """An embedder that stops to work when it is told to. Gives its address and what stops it."""
    stopped = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            texts = json.loads(self.rfile.read(int(self.headers["content-length"])))["input"]
            self.send_response(401 if stopped.is_set() else 200)
            self.end_headers()
            self.wfile.write(json.dumps({"data": [
                {"index": n, "embedding": [1.0, len(text)]} for n, text in enumerate(texts)
            ]}).encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}", stopped
        listening.shutdown()


def test_the_slot_moves_only_behind_what_is_written(
        tmp_path, server, database, slot, embedder):  # noqa: F811
    url, stopped = embedder
    generator = random.Random(2)
    fill(database, generator, 50)
    pipeline = Pipeline(tmp_path, declaration(server, SOURCE).replace(
        "embed: static",
        f"embed: {{openai: {{url: '{url}', model: m, dimension: 2, encoding: float}}}}"))
    pipeline.run()
    pipeline.run()
    start = confirmed(database)
    change(database, generator, 40)
    stopped.set()
    assert "401" in pipeline.run(succeeds=False)
    assert confirmed(database) == start
    stopped.clear()
    pipeline.run()
    pipeline.assert_holds(content(database))
    database.execute("INSERT INTO docs VALUES (200000, 'Last.', 'en')")
    pipeline.run()
    assert confirmed(database) > start


def test_a_run_that_is_killed_at_any_moment_goes_on(tmp_path, server, database, slot):  # noqa: F811
    fill(database, random.Random(3), 300)
    pipeline = Pipeline(tmp_path, declaration(server, SOURCE, "batch: {records: 15}\n"))

    def change_more(generator: random.Random) -> None:
        change(database, generator, 40)
        # Changes in one transaction, longer than a batch.
        database.execute(
            "BEGIN; UPDATE docs SET body = body || ' More.' WHERE id % 5 = 0;"
            f"DELETE FROM docs WHERE id % 97 = {generator.randint(0, 96)}; COMMIT")

    pipeline.survives_kills(change_more, lambda: content(database))


def test_a_table_that_is_emptied_is_empty_here(tmp_path, server, database, slot):  # noqa: F811
    fill(database, random.Random(4), 30)
    pipeline = Pipeline(tmp_path, declaration(server, SOURCE, "follow: 20ms\n"))
    process = pipeline.start()
    try:
        def counters() -> dict:
            if not (tmp_path / "state").exists():
                return {}
            return pipeline.status()["progress"]["counters"]

        wait_for(lambda: counters().get("written") == 30, "the copy")
        database.execute("BEGIN; TRUNCATE docs; INSERT INTO docs VALUES (1, 'After.', 'en'); COMMIT")
        wait_for(lambda: counters().get("swept") == 30, "the truncation")
        wait_for(lambda: counters().get("written") == 31, "the row behind it")
    finally:
        process.terminate()
        process.communicate(timeout=60)
    pipeline.assert_holds({"1": "After."})


def test_large_values_that_did_not_change_stay(tmp_path, server, database, slot):  # noqa: F811
    """A change leaves out large values that it did not touch, which are stored apart."""
    database.execute("CREATE TABLE docs (id bigint PRIMARY KEY, body text, lang text)")
    database.execute("ALTER TABLE docs ALTER body SET STORAGE EXTERNAL")
    database.execute("CREATE PUBLICATION apus_docs FOR TABLE docs")
    text = words(random.Random(5), 2_000)
    database.execute("INSERT INTO docs VALUES (1, %s, 'en')", (text,))
    pipeline = Pipeline(tmp_path, declaration(server, SOURCE))
    pipeline.run()
    database.execute("UPDATE docs SET lang = 'de'")
    pipeline.run()
    pipeline.assert_holds({"1": text})
    assert {point.payload["lang"] for point in pipeline.points().values()} == {"de"}


def test_what_loses_changes_is_told(tmp_path, server, database, slot):  # noqa: F811
    fill(database, random.Random(6), 20)
    pipeline = Pipeline(tmp_path, declaration(server, SOURCE))
    pipeline.run()
    drop(database)
    assert "there is no slot apus_docs any more" in pipeline.run(succeeds=False)
    database.execute("DELETE FROM docs WHERE id < 15")
    pipeline.run("--start-over")
    pipeline.assert_holds(content(database))
    # Somebody else reads from it.
    database.execute("INSERT INTO docs VALUES (300000, 'Unseen.', 'en')")
    database.execute("SELECT count(*) FROM pg_logical_slot_get_binary_changes('apus_docs', NULL, NULL,"
                     " 'proto_version', '1', 'publication_names', 'apus_docs')")
    assert "somebody else has read from it" in pipeline.run(succeeds=False)


def test_a_key_that_the_log_does_not_have_is_refused(tmp_path, server, database, slot):  # noqa: F811
    database.execute("CREATE TABLE docs (id bigint NOT NULL UNIQUE, body text, lang text)")
    pipeline = Pipeline(tmp_path, declaration(server, SOURCE))
    assert "replica identity of docs does not have 'id'" in pipeline.run(succeeds=False)
    database.execute("ALTER TABLE docs REPLICA IDENTITY FULL")
    database.execute("INSERT INTO docs VALUES (1, 'One.', 'en'), (2, 'Two.', 'en')")
    pipeline.run()
    database.execute("DELETE FROM docs WHERE id = 1")
    pipeline.run()
    pipeline.assert_holds({"2": "Two."})


@pytest.mark.parametrize("source, message", [
    ("table: docs, key: id, slot: 'No Slot'", "a slot's name"),
    ("table: docs, key: id, slot: a, watermark: b", "by a slot or by a watermark"),
    ("table: docs, key: id, publication: a", "a publication needs a slot"),
])
def test_what_makes_no_sense_is_named(tmp_path, source, message):
    assert message in Pipeline(tmp_path, declaration("postgresql://x", source)).run(succeeds=False)
