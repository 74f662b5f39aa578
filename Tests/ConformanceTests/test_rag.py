"""The application of docs/rag, as a reader would run it."""

import http.server
import json
import pathlib
import subprocess
import sys
import threading

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def rag(server, *arguments):
    return subprocess.run(
        [
            sys.executable, str(REPOSITORY / "docs/rag/rag.py"), "--url", server.url,
            "--collection", "rag-test", *arguments,
        ],
        capture_output=True, text=True, timeout=300,
    )


class Model(http.server.BaseHTTPRequestHandler):
    """Says which passages it was given."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        text = "I read: " + body["messages"][-1]["content"].splitlines()[0]
        answer = json.dumps({"choices": [{"message": {"content": text}}]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def model():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_index_ask_and_index_again(server, model, tmp_path):
    (tmp_path / "bread.md").write_text("# Bread\n\nA sourdough starter is fed every day.\n")
    (tmp_path / "trains.txt").write_text("Trains to the mountains leave every hour.\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    first = rag(server, "index", str(tmp_path))
    assert first.stdout.strip() == "2 passages", first.stderr
    asked = rag(server, "ask", "How often is a starter fed?")
    assert "[1] bread.md" in asked.stdout and "every day" in asked.stdout
    answered = rag(server, "ask", "When do trains leave?", "--llm", model)
    assert answered.stdout.splitlines() == [
        "I read: [1] trains.txt", "[1] trains.txt:0", "[2] bread.md:0"]
    (tmp_path / "bread.md").write_text("Rye makes a heavy loaf.\n")
    assert rag(server, "index", str(tmp_path)).stdout.strip() == "2 passages"
    asked = rag(server, "ask", "How often is a starter fed?")
    assert "sourdough" not in asked.stdout


def test_retrieval_on_known_answers(server):
    run = rag(server, "evaluate", str(REPOSITORY / "Fixtures/retrieval"))
    figures = {line["by"]: line for line in map(json.loads, run.stdout.splitlines())}
    assert set(figures) == {"dense", "words", "hybrid"}, run.stderr
    assert figures["dense"]["ndcg@10"] > 0.8
    assert figures["words"]["ndcg@10"] > 0.5
    assert figures["hybrid"]["recall@5"] > 0.8
