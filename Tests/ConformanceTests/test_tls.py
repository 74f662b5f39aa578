"""TLS and client certificates on both ports, with the published client and with openssl."""

from __future__ import annotations

import os
import pathlib
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request

import grpc
import pytest

import apus_server
from identities import Authority, until


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def secured(authority):
    certificate, key = authority.issue("server")
    with apus_server.temporary_server(
        arguments=("--set", f"tls.certificate={certificate}", "--set", f"tls.key={key}")
    ) as running:
        yield running


@pytest.fixture(scope="module")
def mutual(authority):
    certificate, key = authority.issue("mutual")
    with apus_server.temporary_server(
        arguments=(
            "--set", f"tls.certificate={certificate}", "--set", f"tls.key={key}",
            "--set", f"tls.client_ca={authority.certificate}",
        )
    ) as running:
        yield running


def get(server, authority, client: tuple[pathlib.Path, pathlib.Path] | None = None) -> int:
    context = ssl.create_default_context(cafile=str(authority.certificate))
    if client:
        context.load_cert_chain(*map(str, client))
    url = f"https://127.0.0.1:{server.http_port}/collections"
    with urllib.request.urlopen(url, context=context, timeout=30) as answer:
        return answer.status


def list_over_grpc(server, authority, client=None) -> None:
    from qdrant_client.grpc import CollectionsStub, ListCollectionsRequest

    credentials = grpc.ssl_channel_credentials(
        authority.certificate.read_bytes(),
        *((client[1].read_bytes(), client[0].read_bytes()) if client else ()),
    )
    with grpc.secure_channel(f"localhost:{server.grpc_port}", credentials) as channel:
        CollectionsStub(channel).List(ListCollectionsRequest(), timeout=30)


def s_client(port: int, *arguments: str) -> str:
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *arguments],
        input="", capture_output=True, text=True, timeout=60, check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("prefer_grpc", [False, True])
def test_the_client_over_tls(secured, authority, prefer_grpc):
    """In a process of its own: gRPC reads its variable for authorities at its start."""
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, str(secured.http_port), str(secured.grpc_port),
         str(int(prefer_grpc))],
        capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "SSL_CERT_FILE": str(authority.certificate),
             "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(authority.certificate)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "collections=[]"


CLIENT = """
import sys
from qdrant_client import QdrantClient
http_port, grpc_port, prefer_grpc = map(int, sys.argv[1:])
client = QdrantClient(
    host="localhost", port=http_port, grpc_port=grpc_port, prefer_grpc=bool(prefer_grpc),
    https=True, check_compatibility=False, timeout=60)
print(client.get_collections())
client.close()
"""


def test_plain_text_gets_no_answer(secured):
    with pytest.raises((urllib.error.URLError, ConnectionError, OSError)):
        urllib.request.urlopen(f"http://127.0.0.1:{secured.http_port}/", timeout=30)


@pytest.mark.parametrize(("door", "protocol"), [("http", "http/1.1"), ("grpc", "h2")])
def test_alpn_and_versions(secured, authority, door, protocol):
    port = secured.http_port if door == "http" else secured.grpc_port
    trusted = ("-CAfile", str(authority.certificate), "-verify_return_error")
    assert f"ALPN protocol: {protocol}" in s_client(port, "-alpn", protocol, *trusted)
    assert "Verify return code: 0 (ok)" in s_client(port, "-alpn", protocol, "-tls1_3", *trusted)
    assert "Verify return code: 0 (ok)" in s_client(port, "-alpn", protocol, "-tls1_2", *trusted)
    # Old versions are refused; a low security level lets openssl try them.
    old = s_client(port, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
    assert "Cipher is (NONE)" in old


@pytest.mark.parametrize("read", [get, list_over_grpc])
def test_a_client_certificate_is_needed(mutual, authority, tmp_path, read):
    stranger = Authority(tmp_path, "stranger").issue("client")
    read(mutual, authority, authority.issue("client"))
    for wrong in (None, stranger):
        with pytest.raises((urllib.error.URLError, grpc.RpcError, OSError)):
            read(mutual, authority, wrong)


def serial(port: int) -> str:
    certificate = ssl.get_server_certificate(("127.0.0.1", port))
    return subprocess.run(
        ["openssl", "x509", "-noout", "-serial"],
        input=certificate, capture_output=True, text=True, check=True,
    ).stdout


def test_certificates_are_replaced_without_a_restart(authority):
    certificate, key = authority.issue("replaced")
    with apus_server.temporary_server(
        arguments=("--set", f"tls.certificate={certificate}", "--set", f"tls.key={key}")
    ) as running:
        ports = running.http_port, running.grpc_port
        first = serial(ports[0])
        assert serial(ports[1]) == first
        authority.issue("replaced")
        until(lambda: all(serial(port) != first for port in ports))
        second = serial(ports[0])
        # A broken file changes nothing, and is told.
        certificate.write_text("no certificate")
        running.process.send_signal(signal.SIGHUP)
        until(lambda: "not reloaded" in running.output)
        assert serial(ports[0]) == second
        authority.issue("replaced")
        running.process.send_signal(signal.SIGHUP)
        until(lambda: serial(ports[0]) != second)
        assert get(running, authority) == 200


def test_files_that_do_not_fit_are_told_at_the_start(authority, tmp_path):
    certificate, _ = authority.issue("one")
    _, key = authority.issue("two")
    for paths in ((certificate, key), (certificate, tmp_path / "none")):
        with pytest.raises(apus_server.StartFailed) as caught:
            apus_server.ApusServer(
                tmp_path / "data",
                arguments=(
                    "--set", f"tls.certificate={paths[0]}", "--set", f"tls.key={paths[1]}"),
            ).start()
        assert "tls." in caught.value.output
