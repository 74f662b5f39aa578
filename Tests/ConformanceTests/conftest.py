"""Fixtures: a server for the whole run, and clients over REST and over gRPC.

    pytest Tests/ConformanceTests                     against the server, over both protocols
    pytest Tests/ConformanceTests --against local     against the client's own in-memory mode

The second form judges the tests, not the server: whatever fails there is a wrong expectation, or
one of the few rules on which the in-memory mode and the servers differ, marked `server_only`.
"""

from __future__ import annotations

import itertools
import warnings

import pytest
from qdrant_client import QdrantClient

import apus_server
from rest import Rest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--against", choices=["server", "local"], default="server",
        help="what the behavioural tests talk to",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "server_only(reason): the in-memory mode has no such thing or differs"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--against") == "server":
        return
    for item in items:
        marker = item.get_closest_marker("server_only")
        names = getattr(item, "fixturenames", ())
        if marker:
            item.add_marker(pytest.mark.skip(reason=str(marker.args[0] if marker.args else "")))
        elif "client" not in names or "server" in names or "rest" in names:
            item.add_marker(pytest.mark.skip(reason="needs a server"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "transport" in metafunc.fixturenames:
        local = metafunc.config.getoption("--against") == "local"
        metafunc.parametrize(
            "transport", ["local"] if local else ["rest", "grpc"], scope="session"
        )


@pytest.fixture(scope="session")
def server():
    """One server shared by all tests that leave it standing."""
    with apus_server.temporary_server() as running:
        yield running
        assert running.alive, f"the server died during the run:\n{running.output}"
        status = running.stop()
        assert status == 0, f"exit status {status}:\n{running.output}"


@pytest.fixture(scope="session")
def rest(server) -> Rest:
    return Rest(server.url)


def connect(server: apus_server.ApusServer, transport: str, **options) -> QdrantClient:
    """A client of `server`: "rest" or "grpc".

    It does not compare versions, which it would do in a thread that may outlive the server.
    """
    options.setdefault("timeout", 60)
    options.setdefault("check_compatibility", False)
    return QdrantClient(
        host="127.0.0.1", port=server.http_port, grpc_port=server.grpc_port,
        prefer_grpc=transport == "grpc", **options,
    )


@pytest.fixture(scope="session")
def client(request: pytest.FixtureRequest, transport: str):
    warnings.filterwarnings("ignore", message=".*local mode.*")
    warnings.filterwarnings("ignore", message="Payload indexes have no effect")
    if transport == "local":
        connected = QdrantClient(":memory:")
    else:
        # Here the client compares versions, as it does for everybody.
        server = request.getfixturevalue("server")
        connected = connect(server, transport, check_compatibility=True)
    yield connected
    connected.close()


_numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    """A collection name of its own for each test."""
    return f"test-{next(_numbers)}"


@pytest.fixture
def collection(client, name):
    """Creates collections and drops them again: `collection(vectors_config=…)` gives the name."""
    made: list[str] = []

    def create(**options) -> str:
        own = name if not made else f"{name}-{len(made)}"
        made.append(own)
        assert client.create_collection(own, **options) is True
        return own

    yield create
    for own in made:
        client.delete_collection(own)
