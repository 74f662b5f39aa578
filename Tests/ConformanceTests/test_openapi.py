"""The description of the REST interface: it is OpenAPI, and the server does what it says.

schemathesis (PyPI) makes requests up from it, good and bad ones. Whatever comes, the answer has a
status of the table, is as described, and the server lives. A bounded run here; a longer one:

    python Tests/ConformanceTests/fuzz_rest.py --seconds 600
"""

from __future__ import annotations

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

import apus_server
import fuzz_rest
from rest import Rest


@pytest.fixture(scope="module")
def document(server) -> dict:
    reply = Rest(server.url)("GET", "/openapi.json")
    assert reply.status == 200 and reply.headers["content-type"] == "application/json"
    return reply.json


def test_it_is_openapi(document):
    assert not list(OpenAPIV31SpecValidator(document).iter_errors())


def test_it_tells_who_it_is_and_how_to_get_in(document):
    assert document["info"]["title"] == "Apus"
    assert set(document["components"]["securitySchemes"]) == {"key", "bearer"}
    openly = {
        path for path, operations in document["paths"].items()
        if operations.get("get", {}).get("security") == []
    }
    assert openly == {"/", "/healthz", "/livez", "/readyz"}


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does(document):
    operations = [each for path in document["paths"].values() for each in path.values()]
    names = [each["operationId"] for each in operations]
    assert len(set(names)) == len(names) > 70
    assert all(each["summary"].endswith(".") or ": 501" in each["summary"] for each in operations)


def test_it_needs_a_key_where_keys_are_needed():
    with apus_server.temporary_server(environment={"APUS_API_KEY": "key"}) as locked:
        assert Rest(locked.url)("GET", "/openapi.json").status == 401
        assert Rest(locked.url, {"api-key": "key"})("GET", "/openapi.json").status == 200


def test_requests_made_up_from_it_get_answers_that_it_allows():
    with apus_server.temporary_server() as fuzzed:
        figures = fuzz_rest.run(fuzzed, is_done=lambda done: done.requests >= 1500, seed=1)
        assert fuzzed.alive, fuzzed.output
        assert not figures.failures, "\n\n".join(figures.failures[:5])
        assert figures.requests >= 1500 and figures.statuses[200] > 50
