"""Snapshots that the server fetches over HTTP: only from where its settings say, and never for ever
(docs/security.md, "Snapshots that come in")."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import threading

import pytest
from qdrant_client import models

import apus_server
from conftest import connect
from http_service import Service
from rest import Rest

pytestmark = pytest.mark.server_only("extensions of this server")
VECTORS = models.VectorParams(size=2, distance=models.Distance.DOT)


@pytest.fixture(scope="module")
def archive() -> bytes:
    """A snapshot of 50 points."""
    with apus_server.temporary_server() as own:
        client = connect(own, "rest")
        client.create_collection("c", vectors_config=VECTORS)
        client.upsert("c", [models.PointStruct(id=n, vector=[n, 1]) for n in range(50)])
        snapshot = client.create_snapshot("c", wait=True)
        reply = Rest(own.url)("GET", f"/collections/c/snapshots/{snapshot.name}")
        client.close()
        assert reply.status == 200
        return reply.body


class Store(Service):
    """Gives `files` by their paths, and redirects to others."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}
        self.targets: dict[str, str] = {}
        self.keys: list[tuple[str, str | None]] = []

    def answer(self, method, path, query, body, headers):
        self.keys.append((path, headers.get("api-key")))
        if path in self.targets:
            return 302, b"", {"location": self.targets[path]}
        if path in self.files:
            return 200, self.files[path], {}
        return (503 if path == "/busy" else 404), b"no", {}


@contextlib.contextmanager
def serving(tmp_path, *prefixes: str, **settings: str):
    arguments = ["--set", f"storage.recover_from={', '.join(prefixes)}"]
    for name, value in settings.items():
        arguments += ["--set", f"storage.{name}={value}"]
    with apus_server.ApusServer(tmp_path / "data", arguments=tuple(arguments)) as server:
        rest = Rest(server.url)
        rest.data = server.data
        yield rest


def recover(rest: Rest, location: str, **more):
    return rest("PUT", "/collections/c/snapshots/recover?wait=true", {"location": location} | more)


def exists(rest: Rest) -> bool:
    return rest("GET", "/collections/c/exists").result["exists"]


def leftovers(rest: Rest) -> list[str]:
    folder = rest.data / ".uploads"
    return [path.name for path in folder.iterdir()] if folder.exists() else []


def test_nothing_is_fetched_unless_it_is_configured(tmp_path, archive):
    with Store() as store, serving(tmp_path) as rest:
        store.files["/x.snapshot"] = archive
        reply = recover(rest, f"{store.url}/x.snapshot")
        assert reply.status == 501 and "storage.recover_from" in reply.error
        assert store.calls == [] and not exists(rest)


def test_a_snapshot_is_fetched_and_its_checksum_compared(tmp_path, archive):
    with Store() as store, serving(tmp_path, f"{store.url}/backups/") as rest:
        store.files["/backups/x.snapshot"] = archive
        location = f"{store.url}/backups/x.snapshot?signature=secret"
        wrong = recover(rest, location, checksum="0" * 64)
        assert wrong.status == 400 and "checksum" in wrong.error and not exists(rest)
        reply = recover(
            rest, location, checksum=hashlib.sha256(archive).hexdigest(), api_key="theirs")
        assert reply.result is True
        assert rest("POST", "/collections/c/points/count", {}).result["count"] == 50
        assert store.keys[-1] == ("/backups/x.snapshot", "theirs")
        assert leftovers(rest) == []
        # The same collection again: it takes the other's place.
        rest("PUT", "/collections/c/points?wait=true", {"points": [{"id": 99, "vector": [1, 1]}]})
        assert recover(rest, location).result is True
        assert rest("POST", "/collections/c/points/count", {}).result["count"] == 50


def test_what_is_no_snapshot_changes_nothing(tmp_path, archive):
    with Store() as store, serving(tmp_path, f"{store.url}/") as rest:
        store.files["/x.snapshot"] = archive
        recover(rest, f"{store.url}/x.snapshot").result
        damaged = bytearray(archive)
        damaged[len(damaged) // 2] ^= 1
        store.files |= {"/damaged": bytes(damaged), "/short": archive[:-100], "/text": b"<html>",
                        "/empty": b""}
        for path, status in [("/damaged", 400), ("/short", 400), ("/text", 400), ("/empty", 400),
                             ("/none", 400), ("/busy", 503)]:
            reply = recover(rest, store.url + path)
            assert reply.status == status, (path, reply.error)
            assert str(rest.data) not in reply.error
            assert rest("POST", "/collections/c/points/count", {}).result["count"] == 50
        assert leftovers(rest) == []
        # Nobody is there.
        store.shutdown()
        store.server_close()
        assert recover(rest, f"{store.url}/x.snapshot?signature=secret").status == 503


def test_other_addresses_are_refused_before_anything_is_sent(tmp_path, archive):
    with Store() as store, Store() as other, serving(
        tmp_path, f"{store.url}/backups/", "http://*/public/"
    ) as rest:
        port = store.server_address[1]
        store.files["/private/x"] = other.files["/x"] = archive
        for location, status in [
            (f"{store.url}/private/x", 403),
            (f"{store.url}/backups", 403),
            (f"{store.url}/backups/../private/x", 400),
            (f"{store.url}/backups/%2e%2e/private/x", 400),
            (f"{store.url}/backups/..%2fprivate/x", 400),
            (f"{store.url}/backups\\..\\private/x", 400),
            (f"http://user@127.0.0.1:{port}/backups/x", 400),
            (f"http://127.0.0.1:{port}@evil.example/backups/x", 400),
            (f"https://127.0.0.1:{port}/backups/x", 403),
            (f"http://127.1:{port}/backups/x", 403),
            (f"http://localhost:{port}/backups/x", 403),
            (f"http://[::ffff:127.0.0.1]:{port}/backups/x", 403),
            (f"{other.url}/x", 403),
            # Any host, but at no address of this machine or of its networks.
            ("http://localhost/public/x", 403),
            ("http://127.0.0.1/public/x", 403),
            ("http://127.1/public/x", 403),
            ("http://2130706433/public/x", 403),
            ("http://[::1]/public/x", 403),
            ("http://10.0.0.1/public/x", 403),
            ("http://169.254.169.254/public/latest/meta-data", 403),
            ("http://0.0.0.0/public/x", 403),
            ("gopher://127.0.0.1/x", 400),
        ]:
            reply = recover(rest, location)
            assert reply.status == status, (location, reply.status, reply.error)
        assert store.calls == [] and other.calls == [] and not exists(rest)


def test_a_redirect_leads_only_to_where_the_settings_allow(tmp_path, archive):
    with Store() as store, Store() as other, serving(tmp_path, f"{store.url}/backups/") as rest:
        other.files["/x"] = archive
        store.files |= {"/backups/x": archive, "/private": archive}
        store.targets = {
            "/backups/there": "/backups/x", "/backups/whole": f"{store.url}/backups/x",
            "/backups/out": f"{other.url}/x", "/backups/up": "/private",
            "/backups/dots": "/backups/../private", "/backups/file": "file:///etc/passwd",
            "/backups/meta": "http://169.254.169.254/latest", "/backups/round": "/backups/round",
            "/backups/scheme": f"//127.0.0.1:{other.server_address[1]}/x",
        }
        for name, status in [
            ("out", 403), ("up", 403), ("meta", 403), ("scheme", 403), ("dots", 400),
            ("file", 400), ("round", 400),
        ]:
            reply = recover(rest, f"{store.url}/backups/{name}", api_key="theirs")
            assert reply.status == status, (name, reply.error)
        assert other.calls == [] and "/private" not in store.calls and not exists(rest)
        assert store.calls.count("/backups/round") == 6
        assert recover(rest, f"{store.url}/backups/there").result is True
        assert recover(rest, f"{store.url}/backups/whole").result is True


def test_a_key_goes_to_the_host_that_it_is_for(tmp_path, archive):
    with Store() as store, Store() as other, serving(
        tmp_path, f"{store.url}/", f"{other.url}/"
    ) as rest:
        store.targets["/x"] = f"{other.url}/x"
        other.files["/x"] = archive
        assert recover(rest, f"{store.url}/x", api_key="theirs").result is True
        assert store.keys == [("/x", "theirs")] and other.keys == [("/x", None)]


class Endless(http.server.BaseHTTPRequestHandler):
    """A body without end, with a length or in chunks, as fast as it is taken; or one that never
    comes."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path == "/huge":
            self.send_header("content-length", str(1 << 50))
        else:
            self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        if self.path == "/silent":
            self.server.released.wait(60)
            return
        try:
            while not self.server.released.is_set():
                piece = b"x" * 65536
                framed = piece if self.path == "/huge" else b"10000\r\n" + piece + b"\r\n"
                self.wfile.write(framed)
                self.server.sent += len(piece)
        except OSError:
            pass
        self.close_connection = True

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def endless():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    server.daemon_threads = True
    server.sent, server.released = 0, threading.Event()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()


def test_an_endless_body_ends_at_the_limit_of_uploads(tmp_path, endless):
    url = f"http://127.0.0.1:{endless.server_address[1]}"
    with serving(tmp_path, f"{url}/", upload_max="1MiB") as rest:
        for path in ("/chunks", "/huge"):
            reply = recover(rest, url + path)
            assert reply.status == 413 or "larger" in reply.error, reply.error
            assert str(1 << 20) in reply.error
        # What is under way in sockets, and no more.
        assert endless.sent < 64 << 20
        assert leftovers(rest) == [] and not exists(rest)


def test_a_body_that_does_not_come_is_given_up(tmp_path, endless):
    url = f"http://127.0.0.1:{endless.server_address[1]}"
    with serving(tmp_path, f"{url}/", recover_timeout="1s") as rest:
        reply = recover(rest, f"{url}/silent")
        assert reply.status == 408, reply.error
        assert leftovers(rest) == [] and not exists(rest)


def test_who_may_not_manage_makes_the_server_fetch_nothing(tmp_path, archive):
    with Store() as store, apus_server.ApusServer(
        tmp_path / "data", arguments=("--set", f"storage.recover_from={store.url}/"),
        environment={"APUS_AUTH_API_KEY": "all", "APUS_AUTH_READ_ONLY_API_KEY": "reads"},
    ) as server:
        store.files["/x"] = archive
        rest = Rest(server.url)
        body = {"location": f"{store.url}/x"}
        path = "/collections/c/snapshots/recover"
        assert rest("PUT", path, body, headers={"api-key": "reads"}).status == 403
        assert rest("PUT", path, body).status == 401
        assert store.calls == []
        assert rest("PUT", path, body, headers={"api-key": "all"}).result is True
