"""Pipelines from WebHDFS and from Trino's and Presto's statement API.

The servers here are this file's own: they speak the published protocols, with their redirects, pages
and errors, and stand in for systems that take minutes and hundreds of megabytes to start. HDFS 2.7.3
itself is asked on demand: APUS_WEBHDFS is the address of its name node, and /apus a folder that the
test may fill.
"""

from __future__ import annotations

import json
import os
import random
import re
import sqlite3
import threading
import urllib.parse
import urllib.request

import pytest

from http_service import Service
from pipelines import Pipeline, words

REST = ("map: {text: '{body}', payload: [lang]}\nchunk: {rule: sentences, tokens: 24}\n"
        "embed: static\ncollection: {name: c, data: data}\nretry: {first: 5ms}\n")


# WebHDFS

class DataNode(Service):
    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__()
        self.files = files

    def answer(self, method, path, query, body, headers):
        content = self.files[path.removeprefix("/webhdfs/v1")]
        start = int(query.get("offset", 0))
        return 200, content[start:start + int(query.get("length", len(content)))], {}


class NameNode(Service):
    """Lists files and sends readers to the data node."""

    def __init__(self, files: dict[str, bytes], data: DataNode) -> None:
        super().__init__()
        self.files = files
        self.data = data
        self.failures: list[tuple[int, str]] = []
        self.token = None

    @staticmethod
    def exception(status: int, name: str, message: str = "no"):
        return status, json.dumps({"RemoteException": {
            "exception": name, "javaClassName": f"org.apache.hadoop.{name}",
            "message": message}}).encode(), {"content-type": "application/json"}

    def answer(self, method, path, query, body, headers):
        path = path.removeprefix("/webhdfs/v1")
        if self.failures:
            return self.exception(*self.failures.pop(0))
        if self.token and query.get("delegation") != self.token:
            return self.exception(401, "SecurityException", "who are you")
        if query["op"] == "OPEN":
            if path not in self.files:
                return self.exception(404, "FileNotFoundException", path)
            location = (f"{self.data.url}/webhdfs/v1{urllib.parse.quote(path)}?"
                        + urllib.parse.urlencode(query))
            return 307, b"", {"location": location}
        assert query["op"] == "LISTSTATUS"
        prefix = path.rstrip("/") + "/"
        names: dict[str, dict] = {}
        for file, content in self.files.items():
            if file.startswith(prefix):
                name, deeper, _ = file[len(prefix):].partition("/")
                names[name] = {"pathSuffix": name, "length": 0 if deeper else len(content),
                               "modificationTime": hash(content) % 10**12,
                               "type": "DIRECTORY" if deeper else "FILE"}
        if not names:
            return self.exception(404, "FileNotFoundException", path)
        return 200, json.dumps(
            {"FileStatuses": {"FileStatus": [names[n] for n in sorted(names)]}}).encode(), {}


@pytest.fixture
def hdfs():
    files: dict[str, bytes] = {}
    with DataNode(files) as data, NameNode(files, data) as name:
        yield name


def lines(texts: dict[str, str]) -> bytes:
    return "\n".join(json.dumps({"id": key, "body": text, "lang": "en"})
                     for key, text in texts.items()).encode()


def fill(generator: random.Random) -> tuple[dict[str, bytes], dict[str, str]]:
    """Files of several kinds in folders, and the text of each key."""
    files, expected = {}, {}
    for part in range(4):
        texts = {f"{part}-{n}": words(generator, 12) for n in range(60)}
        expected |= texts
        files[f"/docs/{'deep/' * (part % 3)}part {part} ü.jsonl"] = lines(texts)
    files["/docs/_SUCCESS"] = b""
    files["/docs/_temporary/x.jsonl"] = b'{"id": "no", "body": "No."}'
    files["/other/x.jsonl"] = b'{"id": "no", "body": "No."}'
    return files, expected


def hdfs_pipeline(folder, url: str, more: str = "") -> Pipeline:
    return Pipeline(folder, f"source: {{webhdfs: {{url: '{url}', path: /docs, key: id{more}}}}}\n"
                    + REST + "batch: {records: 20}\n")


def test_files_of_hdfs_are_followed_through_kills(tmp_path, hdfs):
    files, expected = fill(random.Random(1))
    hdfs.files.update(files)
    pipeline = hdfs_pipeline(tmp_path, hdfs.url, ", user: someone")
    for _ in range(5):
        pipeline.run_until_killed(0.15)
    pipeline.run()
    pipeline.assert_holds(expected)
    assert all("user.name=someone" in call for call in hdfs.calls)
    del hdfs.files["/docs/deep/part 1 ü.jsonl"]
    pipeline.run()
    pipeline.assert_holds({k: t for k, t in expected.items() if not k.startswith("1-")})


def test_failures_of_hdfs_are_waited_for_or_named(tmp_path, hdfs):
    files, expected = fill(random.Random(2))
    hdfs.files.update(files)
    hdfs.failures = [(403, "StandbyException"), (503, "RetriableException"),
                     (500, "RuntimeException")]
    pipeline = hdfs_pipeline(tmp_path, hdfs.url)
    assert pipeline.run()["progress"]["counters"]["retries"] == 3
    pipeline.assert_holds(expected)
    hdfs.failures = [(403, "AccessControlException")]
    assert "AccessControlException" in pipeline.run(succeeds=False)
    missing = Pipeline(tmp_path, f"source: {{webhdfs: {{url: '{hdfs.url}', path: /none}}}}\n"
                       + REST, name="q")
    assert "FileNotFoundException" in missing.run(succeeds=False)


def test_a_token_of_hdfs_comes_from_elsewhere(tmp_path, hdfs):
    files, expected = fill(random.Random(3))
    hdfs.files.update(files)
    hdfs.token = "a/b+c"
    pipeline = hdfs_pipeline(tmp_path, hdfs.url, ", token: 'env:HDFS_TOKEN'")
    pipeline.environment["HDFS_TOKEN"] = "a/b+c"
    pipeline.run()
    pipeline.assert_holds(expected)


def test_parquet_of_hdfs_is_read_in_parts(tmp_path, hdfs):
    pa = pytest.importorskip("pyarrow", reason="install pyarrow==26.0.1")
    import pyarrow.parquet as pq

    expected = {str(n): words(random.Random(n), 10) for n in range(300)}
    pq.write_table(pa.table({"id": list(expected), "body": list(expected.values()),
                             "lang": ["en"] * 300}), tmp_path / "x.parquet", row_group_size=100)
    hdfs.files["/docs/x.parquet"] = (tmp_path / "x.parquet").read_bytes()
    pipeline = hdfs_pipeline(tmp_path, hdfs.url)
    pipeline.run()
    pipeline.assert_holds(expected)
    assert any("offset=" in call and "length=" in call for call in hdfs.data.calls)


@pytest.mark.skipif("APUS_WEBHDFS" not in os.environ, reason="on demand: APUS_WEBHDFS")
def test_hdfs_itself(tmp_path):
    url = os.environ["APUS_WEBHDFS"]
    texts = {str(n): words(random.Random(n), 10) for n in range(100)}
    ask = urllib.request.Request(
        f"{url}/webhdfs/v1/apus/deep/x.jsonl?op=CREATE&overwrite=true&noredirect=true",
        method="PUT")
    with pytest.raises(urllib.error.HTTPError) as redirect:
        urllib.request.urlopen(ask)
    put = urllib.request.Request(
        redirect.value.headers["location"], data=lines(texts), method="PUT")
    assert urllib.request.urlopen(put).status == 201
    pipeline = Pipeline(tmp_path, f"source: {{webhdfs: {{url: '{url}', path: /apus, key: id}}}}\n"
                        + REST)
    pipeline.run()
    pipeline.assert_holds(texts)


# Trino and Presto

class Coordinator(Service):
    """The statement API over SQLite: every statement is queued, runs, and gives a few rows a page."""

    page = 7

    def __init__(self, prefix: str = "x-trino-") -> None:
        super().__init__()
        self.prefix = prefix
        self.database = sqlite3.connect(":memory:", check_same_thread=False)
        self.lock = threading.Lock()
        self.results: dict[str, tuple[list, list]] = {}
        self.headers: list = []
        self.busy = 0
        self.failure = None

    def answer(self, method, path, query, body, headers):
        self.headers.append(headers)
        if self.busy:
            self.busy -= 1
            return 503, b"", {}
        if method == "POST":
            assert path == "/v1/statement" and headers[self.prefix + "user"]
            return self.result(self.start(body.decode()), 0, queued=True)
        _, kind, name, token = path.rsplit("/", 3)
        assert kind in ("queued", "executing")
        return self.result(name, int(token), queued=False)

    def start(self, statement: str) -> str:
        name = f"q{len(self.results)}"
        with self.lock:
            if found := re.fullmatch(r"DESCRIBE (\w+)", statement):
                rows = [(row[1], row[2], "", "") for row in
                        self.database.execute(f"pragma table_info({found[1]})")]
                self.results[name] = (["Column", "Type", "Extra", "Comment"], rows)
                return name
            try:
                cursor = self.database.execute(statement)
                rows = cursor.fetchall()
                self.results[name] = ([column[0] for column in cursor.description], rows)
            except sqlite3.Error as error:
                self.results[name] = ([], str(error))
        return name

    def result(self, name: str, token: int, *, queued: bool):
        columns, rows = self.results[name]
        answer = {"id": name, "stats": {"state": "QUEUED" if queued else "RUNNING"}}
        if self.failure:
            answer["error"] = self.failure
        elif isinstance(rows, str):
            answer["error"] = {"message": rows, "errorName": "SYNTAX_ERROR",
                               "errorType": "USER_ERROR", "errorCode": 1}
        elif queued:
            answer["nextUri"] = f"{self.next_base}/v1/statement/executing/{name}/0"
        else:
            answer["columns"] = [{"name": column, "type": "varchar"} for column in columns]
            # The first page has columns and no rows yet.
            if token > 0:
                answer["data"] = rows[(token - 1) * self.page:token * self.page]
            if token * self.page < len(rows):
                answer["nextUri"] = f"{self.next_base}/v1/statement/executing/{name}/{token + 1}"
        return 200, json.dumps(answer).encode(), {"content-type": "application/json"}

    @property
    def next_base(self) -> str:
        return self.url


def trino_pipeline(folder, url: str, more: str = "", name: str = "p") -> Pipeline:
    return Pipeline(folder, f"source: {{trino: {{url: '{url}', table: docs, key: id{more}}}}}\n"
                    + REST + "batch: {records: 16}\n", name=name)


def insert(server: Coordinator, ids) -> dict[str, str]:
    with server.lock:
        server.database.execute("create table if not exists docs (id bigint, body varchar, lang varchar)")
        texts = {str(n): words(random.Random(n), 12) for n in ids}
        server.database.executemany(
            "insert into docs values (?, ?, 'en')", [(int(n), t) for n, t in texts.items()])
    return texts


@pytest.mark.parametrize("dialect", ["trino", "presto"])
def test_rows_of_trino_and_presto_are_followed(tmp_path, dialect):
    with Coordinator(f"x-{dialect}-") as server:
        expected = insert(server, range(0, 500, 3))
        pipeline = trino_pipeline(
            tmp_path, server.url, f", dialect: {dialect}, user: me, catalog: c, schema: s")
        for _ in range(4):
            pipeline.run_until_killed(0.15)
        pipeline.run()
        pipeline.assert_holds(expected)
        seen = server.headers[0]
        assert [seen[f"x-{dialect}-{name}"] for name in ("user", "catalog", "schema")] == [
            "me", "c", "s"]
        expected |= insert(server, [1, 2, 90_000])
        with server.lock:
            server.database.execute("delete from docs where id in (3, 6)")
        del expected["3"], expected["6"]
        assert pipeline.run()["progress"]["counters"]["swept"] == 2
        pipeline.assert_holds(expected)


def test_rows_of_trino_are_named_by_two_columns(tmp_path):
    with Coordinator() as server:
        with server.lock:
            server.database.execute(
                "create table docs (a varchar, b bigint, body varchar, lang varchar)")
            server.database.executemany(
                "insert into docs values (?, ?, ?, 'en')",
                [(a, b, f"The text of {a} {b}.") for a in "xyz" for b in range(30)])
            server.database.execute("insert into docs values ('z', null, 'No key.', 'en')")
        expected = {f'["{a}","{b}"]': f"The text of {a} {b}." for a in "xyz" for b in range(30)}
        pipeline = Pipeline(
            tmp_path, f"source: {{trino: {{url: '{server.url}', table: docs, key: [a, b]}}}}\n"
            + REST + "batch: {records: 16}\n")
        pipeline.run()
        pipeline.assert_holds(expected)
        with server.lock:
            server.database.execute("delete from docs where a = 'y' and b < 10")
            server.database.execute("update docs set body = 'Changed.' where a = 'x' and b = 29")
        expected = {key: text for key, text in expected.items()
                    if key not in {f'["y","{b}"]' for b in range(10)}}
        expected['["x","29"]'] = "Changed."
        counters = pipeline.run()["progress"]["counters"]
        assert counters["swept"] == 10 and counters["written"] == 1
        pipeline.assert_holds(expected)


def test_a_busy_coordinator_is_asked_again(tmp_path):
    with Coordinator() as server:
        expected = insert(server, range(40))
        server.busy = 3
        pipeline = trino_pipeline(tmp_path, server.url)
        pipeline.run()
        pipeline.assert_holds(expected)


def test_errors_of_trino_are_named(tmp_path):
    with Coordinator() as server:
        insert(server, range(10))
        server.failure = {"message": "line 1:8: no such", "errorName": "SYNTAX_ERROR",
                          "errorType": "USER_ERROR", "errorCode": 1}
        assert "SYNTAX_ERROR: line 1:8: no such" in trino_pipeline(tmp_path, server.url).run(
            succeeds=False)
        # It is not tried again.
        assert len(server.calls) == 1
        server.failure = None
        assert "has no column 'no'" in Pipeline(
            tmp_path, f"source: {{trino: {{url: '{server.url}', table: docs, key: 'no'}}}}\n" + REST
        ).run(succeeds=False)
        server.failure = {"message": "no nodes", "errorName": "NO_NODES_AVAILABLE",
                          "errorType": "INSUFFICIENT_RESOURCES", "errorCode": 2}
        assert "NO_NODES_AVAILABLE: no nodes" in trino_pipeline(tmp_path, server.url).run(
            succeeds=False)


def test_credentials_do_not_follow_to_another_server(tmp_path):
    class Elsewhere(Coordinator):
        next_base = "http://127.0.0.2:1"

    with Elsewhere() as server:
        insert(server, range(3))
        pipeline = trino_pipeline(tmp_path, server.url, ", password: 'env:TRINO_PASSWORD'")
        pipeline.environment["TRINO_PASSWORD"] = "hidden"
        assert "sends to another server" in pipeline.run(succeeds=False)
        assert server.headers[0]["authorization"].startswith("Basic ")
