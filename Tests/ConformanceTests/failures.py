"""What a failed call looks like over each transport, as one expectation."""

from __future__ import annotations

import contextlib

import grpc
import pytest
from qdrant_client.http.exceptions import UnexpectedResponse

#: HTTP status → the gRPC code that says the same.
CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    409: grpc.StatusCode.ALREADY_EXISTS,
    422: grpc.StatusCode.INVALID_ARGUMENT,
}


@contextlib.contextmanager
def fails(transport: str, status: int | tuple[int, ...], *texts: str):
    """Expects a failure with `status` (or one of several), all `texts` in its message.

    The in-memory mode has no status codes and words of its own: there any exception will do.
    """
    if transport == "local":
        with pytest.raises(Exception):
            yield
        return
    statuses = status if isinstance(status, tuple) else (status,)
    if transport == "rest":
        with pytest.raises(UnexpectedResponse) as caught:
            yield
        message = caught.value.content.decode()
        assert caught.value.status_code in statuses, f"{caught.value.status_code} {message}"
    else:
        with pytest.raises(grpc.RpcError) as caught:
            yield
        message = caught.value.details()
        codes = {CODES[each] for each in statuses}
        assert caught.value.code() in codes, f"{caught.value.code()} {message}"
    for text in texts:
        assert text.lower() in message.replace("\\\"", '"').lower(), message
