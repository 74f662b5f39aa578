"""`apus pipeline` over files: what a file declares, what a run leaves, what kills do to it."""

from __future__ import annotations

import json
import random

import pytest

import apus_server
from pipelines import Pipeline, wait_for, words

FILES = """
source: {files: {path: docs.jsonl, key: id}}
map: {text: "{title}. {body}", payload: [title, year]}
chunk: {rule: sentences, tokens: 24}
embed: static
collection: {name: c, data: data}
"""


def rows(generator: random.Random, count: int) -> dict[str, dict]:
    return {str(n): {"id": n, "title": f"Title {n}", "body": words(generator, 5 + n % 60),
                     "year": 1950 + n % 70} for n in range(count)}


def write(pipeline: Pipeline, documents: dict[str, dict], *more: str) -> None:
    lines = [json.dumps(document) for document in documents.values()] + list(more)
    (pipeline.folder / "docs.jsonl").write_text("\n".join(lines) + "\n")


def texts(documents: dict[str, dict]) -> dict[str, str]:
    return {key: f"{row['title']}. {row['body']}" for key, row in documents.items()}


def test_rows_are_there_in_chunks_and_follow_the_file(tmp_path):
    pipeline = Pipeline(tmp_path, FILES)
    documents = rows(random.Random(1), 300)
    write(pipeline, documents)
    first = pipeline.run()
    assert first["state"] == "finished" and first["start"] == "fresh"
    assert first["progress"]["counters"]["written"] == 300
    pipeline.assert_holds(texts(documents))
    point = next(iter(pipeline.points().values()))
    assert set(point.payload) == {"title", "year", "text", "_source"}
    assert abs(sum(x * x for x in point.vector) - 1) < 1e-3

    again = pipeline.run()["progress"]["counters"]
    assert again["unchanged"] == 300 and again["embedded"] == again["pointsUpserted"] == 0

    for n in range(0, 300, 7):
        del documents[str(n)]
    for n in range(1, 300, 11):
        if str(n) in documents:
            documents[str(n)]["body"] = words(random.Random(n), 3)
    documents["new"] = {"id": "new", "title": "New", "body": "It is new.", "year": 2020}
    write(pipeline, documents)
    changed = pipeline.run()["progress"]["counters"]
    assert changed["swept"] == len(range(0, 300, 7))
    assert changed["written"] < 60
    pipeline.assert_holds(texts(documents))


def test_a_run_that_is_killed_at_any_moment_goes_on(tmp_path):
    pipeline = Pipeline(tmp_path, FILES + "batch: {records: 20}\n")
    generator = random.Random(5)
    documents = rows(generator, 1500)
    write(pipeline, documents)
    kills = 0
    while kills < 10:
        if pipeline.run_until_killed(generator.uniform(0.02, 0.35)) is not None:
            # Done: the source changes, and the next run has work again.
            for n in generator.sample(sorted(documents), 400):
                documents[n]["body"] = words(generator, generator.randint(1, 60))
            for n in generator.sample(sorted(documents), 20):
                del documents[n]
            write(pipeline, documents)
        else:
            kills += 1
    pipeline.run()
    pipeline.assert_holds(texts(documents))


def test_rows_of_files_are_named_by_several_fields(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="install pyarrow==26.0.1")
    import pyarrow.parquet as pq

    table = [{"lang": lang, "at": {"n": n}, "body": f"The text of {n}.", "more": "no"}
             for lang in ("en", "de,") for n in range(20)]
    docs = tmp_path / "docs"
    docs.mkdir()
    pq.write_table(pa.Table.from_pylist(table[:20]), docs / "a.parquet")
    (docs / "b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table[20:])
                                  + '{"lang": "en", "at": {}, "body": "No."}\n')
    pipeline = Pipeline(
        tmp_path, "source: {files: {path: docs, key: [lang, at.n]}}\nmap: {text: '{body}'}\n"
        "embed: static\ncollection: {name: c, data: data}\n")
    expected = {json.dumps([row["lang"], str(row["at"]["n"])], separators=(",", ":")): row["body"]
                for row in table}
    assert pipeline.run()["progress"]["counters"]["setAside"] == 1
    pipeline.assert_holds(expected)
    assert pipeline.dead_letters[0]["cause"] == "no field 'at.n', which names records"
    table[0]["body"], gone = "Changed.", table.pop(1)
    pq.write_table(pa.Table.from_pylist(table[:19]), docs / "a.parquet")
    (docs / "b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table[19:]))
    counters = pipeline.run()["progress"]["counters"]
    assert counters["written"] == 1 and counters["swept"] == 1
    del expected[json.dumps([gone["lang"], str(gone["at"]["n"])], separators=(",", ":"))]
    expected['["en","0"]'] = "Changed."
    pipeline.assert_holds(expected)


def test_bad_rows_are_set_aside_with_their_cause(tmp_path):
    pipeline = Pipeline(tmp_path, FILES)
    documents = rows(random.Random(2), 5)
    write(pipeline, documents, '{"id": 9, "title"', '{"title": "nobody"}', '{"id": 10}')
    counters = pipeline.run()["progress"]["counters"]
    letters = pipeline.dead_letters
    assert counters["setAside"] == 2 and len(letters) == 2
    assert "line 6, column" in letters[0]["cause"] and letters[0]["stage"] == "source"
    assert letters[1]["cause"] == "no field 'id', which names records"
    assert letters[1]["place"].endswith("docs.jsonl, line 7")
    # A record without the template's fields has a text without them.
    assert pipeline.texts()["10"] == ["."]


def test_folders_of_documents_by_their_structure(tmp_path):
    pipeline = Pipeline(
        tmp_path, "source: {files: {path: docs, documentSize: 4KiB}}\n"
        "chunk: {rule: structure, tokens: 50}\nembed: static\n"
        "collection: {name: c, data: data}\n")
    docs = tmp_path / "docs"
    (docs / "deep").mkdir(parents=True)
    (docs / "a.md").write_text("# Rivers\n\nThe river is long.\n\n## Bridges\n\nA bridge.\n")
    (docs / "deep" / "b.html").write_text("<h1>Machines</h1><p>An engine &amp; a wheel.</p>")
    (docs / "c.txt").write_bytes(b"\xff\xfe not utf-8")
    (docs / "d.txt").write_text("word " * 2000)
    (docs / "e.csv").write_text('name,text\nx,"two\nlines, ""quoted"""\ny,short\n')
    pipeline.run()
    found = pipeline.texts()
    assert set(found) == {"a.md", "deep/b.html", "e.csv#2", "e.csv#4"}
    assert found["e.csv#2"] == ['two\nlines, "quoted"']
    headings = [p.payload.get("headings") for p in pipeline.points().values()
                if p.payload["_source"]["key"] == "a.md"]
    assert ["Rivers", "Bridges"] in headings
    causes = {letter["key"]: letter["cause"] for letter in pipeline.dead_letters}
    assert "not UTF-8" in causes["c.txt"]
    assert causes["d.txt"] == "a document of 10000 bytes, of at most 4096"
    (docs / "a.md").unlink()
    pipeline.run()
    assert "a.md" not in pipeline.texts()


def test_a_server_is_filled_and_followed_too(tmp_path):
    documents = rows(random.Random(3), 200)
    with apus_server.ApusServer(tmp_path / "data") as server:
        pipeline = Pipeline(tmp_path, FILES.replace(
            "data: data", f"url: 'grpc://127.0.0.1:{server.grpc_port}'"))
        write(pipeline, documents)
        assert pipeline.run()["progress"]["counters"]["written"] == 200
        assert pipeline.run()["progress"]["counters"]["unchanged"] == 200
        del documents["7"]
        documents["8"]["body"] = "Short."
        write(pipeline, documents)
        for _ in range(3):
            pipeline.run_until_killed(0.15)
        pipeline.run()
    pipeline.assert_holds(texts(documents))


def test_a_followed_source_is_read_again_until_somebody_stops_it(tmp_path):
    pipeline = Pipeline(tmp_path, FILES + "follow: 50ms\n")
    documents = rows(random.Random(4), 20)
    write(pipeline, documents)
    process = pipeline.start()
    try:
        wait_for(lambda: (tmp_path / "state").exists()
                 and pipeline.status()["progress"]["isCaughtUp"], "the first pass")
        documents["x"] = {"id": "x", "title": "Late", "body": "It came late.", "year": 2000}
        write(pipeline, documents)
        wait_for(lambda: pipeline.status()["progress"]["counters"]["written"] == 21, "the new row")
    finally:
        process.terminate()
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and json.loads(output)["state"] == "stopped"
    pipeline.assert_holds(texts(documents))


def test_another_model_replaces_what_the_first_one_wrote(tmp_path):
    pipeline = Pipeline(tmp_path, FILES)
    documents = rows(random.Random(6), 30)
    write(pipeline, documents)
    pipeline.run()
    pipeline.write(FILES.replace("tokens: 24", "tokens: 100"))
    status = pipeline.run()
    assert status["start"] == "changed" and status["progress"]["counters"]["written"] == 30
    pipeline.assert_holds(texts(documents))


@pytest.mark.parametrize("change, line, message", [
    (("embed: static", "embed: statik"), 5, "embed: expected a mapping, found 'statik'"),
    (("key: id", "keys: id"), 2, "source.files.keys: no such member; there are path, key"),
    (("{title}", "{title"), 3, "map.text: '{title. {body}' does not name a field"),
    (("tokens: 24", "tokens: none"), 4, "chunk.tokens: expected a number from 1 to"),
    (("data: data", "data: data, url: 'grpc://x'"), 6, "collection: expected one of 'data'"),
    (("map:", "source: 1\nmap:"), 2, "source: more than once"),
])
def test_check_names_the_line_of_a_mistake(tmp_path, change, line, message):
    pipeline = Pipeline(tmp_path, FILES.strip().replace(*change))
    result = apus_server.run("pipeline", "check", str(pipeline.path))
    assert result.returncode == 2
    assert f"{pipeline.path}:{line}: " in result.stderr and message in result.stderr
    assert not pipeline.data.exists()


def test_check_says_what_a_run_would_do_and_touches_nothing(tmp_path):
    pipeline = Pipeline(tmp_path, FILES)
    result = apus_server.run("pipeline", "check", str(pipeline.path))
    assert result.returncode == 0 and "up to 24 tokens" in result.stdout
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pipeline.yaml"]


def test_secrets_do_not_stand_in_the_file(tmp_path):
    pipeline = Pipeline(tmp_path, FILES.replace(
        "data: data", "url: 'grpc://localhost', key: secret"))
    result = apus_server.run("pipeline", "check", str(pipeline.path))
    assert result.returncode == 2 and "write env:NAME or file:PATH" in result.stderr
