"""Metrics, alerts, dashboards, traces and logs, each read by what reads it in production."""

from __future__ import annotations

import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import urllib.parse
import urllib.request

import grpc
import pytest
import yaml
from qdrant_client import models

import apus_server
from conftest import connect
from identities import until
from rest import Rest

DEPLOY = apus_server.REPOSITORY / "deploy"


class Program:
    """A peer that is started for a test, and what it has printed."""

    def __init__(self, log: pathlib.Path, *command: str) -> None:
        self._log = log
        with log.open("w") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def busy():
    """A server that has seen writes, searches and failures over both protocols."""
    with apus_server.temporary_server(arguments=(
        # Every search is checked, so that there is something to tell of recall.
        "--set", "engine.recall_checks=1", "--set", "engine.recall_processor_share=1")
    ) as running:
        for protocol in ("rest", "grpc"):
            client = connect(running, protocol)
            name = f"watched-{protocol}"
            client.create_collection(
                name, vectors_config=models.VectorParams(size=4, distance=models.Distance.COSINE))
            client.upsert(name, [models.PointStruct(
                id=i, vector=[i, 1, 2, 3], payload={"n": i}) for i in range(100)], wait=True)
            for _ in range(5):
                client.query_points(name, query=[1.0, 2, 3, 4], query_filter=models.Filter(
                    must=[models.FieldCondition(key="n", range=models.Range(lt=50))]))
            with pytest.raises(Exception):
                client.get_collection("none")
            client.close()
        yield running


def test_the_page_passes_promtool(busy):
    page = Rest(busy.url)("GET", "/metrics").text
    assert shutil.which("promtool"), "Debian's prometheus has it"
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr
    for sample in (
        'apus_request_duration_seconds_count{door="rest",route="/collections/{collection}/points'
        '/query",method="POST",status="200"} 5',
        'apus_request_duration_seconds_count{door="grpc",route="qdrant.Points",method="Query",'
        'status="0"} 5',
        'apus_collection_points{collection="watched-rest"} 100',
        'apus_search_stage_seconds_count{stage="filter"} 10',
        'apus_collection_segments{collection="watched-grpc"} 1',
        'apus_collection_writable{collection="watched-grpc"} 1',
    ):
        assert sample in page, sample
    syncs = re.search(r"^apus_wal_sync_seconds_count (\d+)$", page, re.M)
    assert int(syncs[1]) >= 2
    assert int(re.search(r"^apus_wal_written_bytes_total (\d+)$", page, re.M)[1]) > 2 * 100 * 16


@pytest.fixture(scope="module")
def prometheus(busy, tmp_path_factory):
    """A real Prometheus that scrapes the server every second, with the rules that we deploy."""
    folder = tmp_path_factory.mktemp("prometheus")
    configuration = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text())
    configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    configuration["rule_files"] = [str(DEPLOY / "prometheus" / "alerts.yaml")]
    configuration["scrape_configs"][0]["static_configs"] = [
        {"targets": [f"127.0.0.1:{busy.http_port}"]}]
    file = folder / "prometheus.yaml"
    file.write_text(yaml.safe_dump(configuration))
    port = free_port()
    program = Program(
        folder / "log", "prometheus", f"--config.file={file}",
        f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}")

    def ask(path: str, **parameters: str) -> dict:
        url = f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)["data"]

    def scraped() -> bool:
        try:
            # Two scrapes at least, so that there are rates.
            found = ask("query", query="count_over_time(up{job='apus'}[1m])")["result"]
            return bool(found) and int(found[0]["value"][1]) > 3
        except OSError:
            return False

    until(scraped, 60)
    yield ask
    program.stop()


def test_prometheus_reads_what_we_tell(prometheus):
    found = prometheus("query", query="apus_collection_points")["result"]
    assert {(each["metric"]["collection"], each["value"][1]) for each in found} == {
        ("watched-rest", "100"), ("watched-grpc", "100")}


#: What only a server with such a setting tells.
CONDITIONAL = ("apus_log_archive", "apus_spans")


def test_every_alert_asks_for_what_there_is(prometheus):
    until(lambda: all(
        rule.get("lastEvaluation", "0")[:4] != "0001"
        for group in prometheus("rules")["groups"] for rule in group["rules"]))
    rules = [rule for group in prometheus("rules")["groups"] for rule in group["rules"]]
    assert len(rules) >= 8
    assert all(rule["health"] == "ok" for rule in rules), rules
    assert not [rule["name"] for rule in rules if rule["state"] == "firing"]
    known = set(prometheus("label/__name__/values"))
    for rule in rules:
        for name in re.findall(r"\b(?:apus|process)_\w+", rule["query"]):
            assert name in known or name.startswith(CONDITIONAL), name


def test_every_panel_of_the_dashboard_shows_something(prometheus):
    board = json.loads((DEPLOY / "grafana" / "apus.json").read_text())
    for panel in board["panels"]:
        found = []
        for target in panel["targets"]:
            query = target["expr"].replace("$__rate_interval", "1m")
            found += prometheus("query", query=query)["result"]
        assert found, panel["title"]


def test_manifests_are_valid():
    rendered = subprocess.run(
        [str(pathlib.Path(sys.executable).parent / "kubectl"), "kustomize", str(DEPLOY / "kubernetes")],
        capture_output=True, text=True, check=True).stdout
    import kubernetes_validate

    documents = list(yaml.safe_load_all(rendered))
    kinds = {document["kind"] for document in documents}
    assert {"StatefulSet", "Service", "PodDisruptionBudget", "NetworkPolicy"} <= kinds
    for document in documents:
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
    pod = next(d for d in documents if d["kind"] == "StatefulSet")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    context = pod["containers"][0]["securityContext"]
    assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]


def test_the_configuration_of_the_manifests_is_one(tmp_path):
    text = (DEPLOY / "kubernetes" / "apus.yaml").read_text()
    for name in ("api-key", "read-only-api-key"):
        (tmp_path / name).write_text(name)
    file = tmp_path / "apus.yaml"
    file.write_text(text.replace("/run/secrets/apus", str(tmp_path)))
    done = apus_server.run("serve", "--check-config", "--config", str(file))
    assert done.returncode == 0, done.stderr


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_spans_and_numbers_reach_a_collector(tmp_path, protocol):
    """rotel receives them by OTLP and prints what it decoded."""
    rotel = pathlib.Path(__import__("rotel").__file__).parent
    binary = next(path for path in rotel.rglob("rotel-agent*") if path.is_file())
    ports = free_port(), free_port()
    collector = Program(
        tmp_path / "rotel", str(binary), "start",
        "--otlp-grpc-endpoint", f"127.0.0.1:{ports[0]}",
        "--otlp-http-endpoint", f"127.0.0.1:{ports[1]}",
        "--exporter", "blackhole", "--debug-log", "traces", "--debug-log", "metrics",
        "--debug-log-verbosity", "detailed")
    try:
        address = f"http://127.0.0.1:{ports[1] if protocol == 'http' else ports[0]}"
        arguments = (
            *(part for signal in ("traces", "metrics") for part in (
                "--set", f"{signal}.endpoint={address}"
                         + (f"/v1/{signal}" if protocol == "http" else ""),
                "--set", f"{signal}.protocol={protocol}",
                "--set", f"{signal}.export_interval=100ms")), "--set", "log.format=json",
            "--set", "log.slow_search=1ms")
        with apus_server.temporary_server(arguments=arguments) as running:
            client = connect(running, "rest")
            client.create_collection("traced", vectors_config=models.VectorParams(
                size=4, distance=models.Distance.DOT))
            client.upsert("traced", [models.PointStruct(
                id=i, vector=[i, 1, 2, 3], payload={"n": i}) for i in range(50)], wait=True)
            client.close()
            rest = Rest(running.url, {"traceparent": PARENT})
            body = {"query": [1, 2, 3, 4], "limit": 7,
                    "filter": {"must": [{"key": "n", "range": {"lt": 20}}]}}
            assert rest("POST", "/collections/traced/points/query", body).status == 200
            assert rest("POST", "/collections/traced/points/query/batch",
                        {"searches": [body, body, body]}).status == 200
            groups = {**body, "group_by": "n"}
            assert rest("POST", "/collections/traced/points/query/groups", groups).status == 200
            from qdrant_client.grpc import CountPoints, PointsStub

            with grpc.insecure_channel(f"127.0.0.1:{running.grpc_port}") as channel:
                PointsStub(channel).Count(
                    CountPoints(collection_name="traced"),
                    metadata=[("traceparent", PARENT)], timeout=30)
            until(lambda: "qdrant.Points/Count" in collector.output)
            until(lambda: all(each in collector.output for each in (
                "db.vector.query.top_k", "query_batch", "apus.queries", "query_groups")))
            until(lambda: "apus_request_duration_seconds" in collector.output)
            page = rest("GET", "/metrics").text
            assert int(re.search(r"^apus_spans_exported_total (\d+)$", page, re.M)[1]) > 4
            assert "apus_spans_dropped_total 0" in page
    finally:
        collector.stop()
    text = collector.output
    assert TRACE in text and "00f067aa0ba902b7" in text
    for name in (
        "POST /collections/{collection}/points/query", "service.name", "db.system",
        "db.operation", "db.vector.query.top_k", "queue", "filter", "search", "apus.plan",
        "apus_collection_points", "apus_wal_written_bytes", "process_resident_memory_bytes",
    ):
        assert name in text, name


def test_a_trace_that_its_caller_does_not_record_is_not_recorded(tmp_path):
    received: list[bytes] = []
    import http.server
    import threading

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        endpoint = f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
        with apus_server.temporary_server(arguments=(
            "--set", f"traces.endpoint={endpoint}", "--set", "traces.export_interval=50ms")
        ) as running:
            quiet = Rest(running.url, {"traceparent": PARENT[:-1] + "0"})
            assert quiet("GET", "/collections").status == 200
            assert Rest(running.url)("GET", "/collections/nothing-of-the-kind").status == 404
            until(lambda: received)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    sent = b"".join(received)
    assert bytes.fromhex(TRACE) not in sent
    assert b"/collections/{collection}" in sent
    assert b"nothing-of-the-kind" not in sent


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_a_collector_that_is_away_costs_nothing(protocol):
    with apus_server.temporary_server(arguments=(
        "--set", "traces.endpoint=http://127.0.0.1:1/v1/traces",
        "--set", f"traces.protocol={protocol}",
        "--set", "traces.export_interval=50ms", "--set", "traces.queue_max=4")
    ) as running:
        rest = Rest(running.url)
        for _ in range(20):
            assert rest("GET", "/collections").status == 200
        until(lambda: int(re.search(
            r"^apus_spans_dropped_total (\d+)$", rest("GET", "/metrics").text, re.M)[1]) > 0)


def test_log_lines_are_json_with_the_trace(tmp_path):
    with apus_server.temporary_server(
        arguments=("--set", "log.format=json", "--log-level", "debug")
    ) as running:
        Rest(running.url, {"traceparent": PARENT})("GET", "/collections/none")
        until(lambda: TRACE in running.output)
        lines = [json.loads(line) for line in running.output.splitlines()
                 if not line.startswith("apus:")]
    assert all({"time", "level", "message", "logger"} <= line.keys() for line in lines)
    traced = [line for line in lines if line.get("trace_id") == TRACE]
    assert traced[0]["message"] == "request" and traced[0]["status"] == "404"


def test_slow_searches_are_told_with_their_plan():
    with apus_server.temporary_server(arguments=("--set", "log.slow_search=1ms")) as running:
        client = connect(running, "grpc")
        client.create_collection("slow", vectors_config=models.VectorParams(
            size=256, distance=models.Distance.DOT))
        for part in range(4):
            client.upsert("slow", [models.PointStruct(
                id=part * 1000 + i, vector=[float(i % 7)] * 256, payload={"s": "secret"})
                for i in range(1000)], wait=True)
        def search() -> bool:
            query = {"query": [0.123456] * 256, "with_vectors": True}
            client.query_points("slow", **query, limit=4000)
            client.query_batch_points("slow", [
                models.QueryRequest(query=[0.123456] * 256, limit=each, with_vector=True)
                for each in (1, 4000)])
            client.query_points_groups("slow", "s", **query, limit=1, group_size=4000)
            return all(f"operation={each}" in running.output.replace('"', "") for each in (
                "query_batch", "query_groups"))
        until(search)
        client.close()
        lines = [each for each in running.output.splitlines() if "slow search" in each]
    assert all("plan=" in line and "collection=slow" in line for line in lines)
    assert all("0.123456" not in line and "secret" not in line for line in lines)
    batch = next(line for line in lines if "query_batch" in line)
    # One line for a call, about the query that took longest.
    assert "queries=2" in batch and "limit=4000" in batch


def test_alive_at_once_and_ready_when_it_answers(tmp_path):
    rest = None
    server = apus_server.ApusServer(tmp_path / "data")
    with server as running:
        rest = Rest(running.url)
        for path in ("/healthz", "/livez", "/readyz"):
            assert rest("GET", path).status == 200
        telemetry = rest("GET", "/telemetry").result
        assert telemetry["app"]["name"] == "apus"
