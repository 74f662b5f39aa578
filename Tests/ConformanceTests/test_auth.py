"""A server with an API key."""

from __future__ import annotations

import pytest

import apus_server
from conftest import connect
from failures import fails
from rest import Rest

KEY = "correct horse battery staple"


@pytest.fixture(scope="module")
def locked():
    with apus_server.temporary_server(environment={"APUS_API_KEY": KEY}) as running:
        yield running
        assert KEY not in running.output, "the key must not be in the log"


@pytest.mark.parametrize("headers", [{"api-key": KEY}, {"Authorization": f"Bearer {KEY}"}])
def test_either_header_opens(locked, headers):
    assert Rest(locked.url, headers)("GET", "/collections").result == {"collections": []}


@pytest.mark.parametrize(
    "headers", [{}, {"api-key": "wrong"}, {"api-key": ""}, {"Authorization": f"Basic {KEY}"},
                {"api-key": KEY + "x"}, {"api-key": KEY[:-1]}],
)
def test_anything_else_is_unauthorized(locked, headers):
    reply = Rest(locked.url, headers)("GET", "/collections")
    assert reply.status == 401
    assert KEY not in reply.text


@pytest.mark.parametrize("path", ["/", "/healthz", "/livez", "/readyz"])
def test_health_stays_open(locked, path):
    assert Rest(locked.url)("GET", path).status == 200


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_the_client_with_and_without_the_key(locked, protocol):
    with_key = connect(locked, protocol, api_key=KEY, https=False)
    assert with_key.get_collections().collections == []
    with_key.close()
    for options in ({}, {"api_key": "wrong", "https": False}):
        without = connect(locked, protocol, **options)
        with fails(protocol, 401):
            without.get_collections()
        with fails(protocol, 401):
            without.delete_collection("x")
        without.close()
