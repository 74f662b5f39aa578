"""A client of our own service, `apus.v1`, that knows it by reflection alone.

It keeps its messages in a pool of its own: the published client has files of the same names, of
another version, in the common one.
"""

from __future__ import annotations

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

SERVICE = "apus.v1.Apus"


class Apus:
    """Calls any method of any service of a server: `apus.Query(message, metadata=…)`."""

    def __init__(self, server, *, metadata=()) -> None:
        self.channel = grpc.insecure_channel(
            f"127.0.0.1:{server.grpc_port}",
            options=[("grpc.max_receive_message_length", -1)],
        )
        self.metadata = tuple(metadata)
        channel = self.channel
        if self.metadata:
            channel = grpc.intercept_channel(channel, _Adding(self.metadata))
        self.database = ProtoReflectionDescriptorDatabase(channel)
        self.pool = descriptor_pool.DescriptorPool(self.database)

    def message(self, name: str, **fields):
        """A message of a type, as `"apus.v1.QueryRequest"` or `"QueryRequest"`."""
        full = name if "." in name else f"apus.v1.{name}"
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(full))(**fields)

    def call(self, method: str, request, *, service: str = SERVICE, metadata=(), timeout=60):
        descriptor = self.pool.FindServiceByName(service).FindMethodByName(method)
        make = {
            (False, False): self.channel.unary_unary,
            (False, True): self.channel.unary_stream,
            (True, False): self.channel.stream_unary,
            (True, True): self.channel.stream_stream,
        }[(descriptor.client_streaming, descriptor.server_streaming)]
        answer = message_factory.GetMessageClass(descriptor.output_type)
        stub = make(
            f"/{service}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        return stub(request, metadata=(*self.metadata, *metadata), timeout=timeout)

    def __getattr__(self, method: str):
        return lambda request, **options: self.call(method, request, **options)

    def close(self) -> None:
        self.channel.close()

    def __enter__(self) -> Apus:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Adding(grpc.StreamStreamClientInterceptor):
    """Adds metadata to the calls of the reflection client, which has no place for it."""

    def __init__(self, metadata) -> None:
        self.metadata = metadata

    def intercept_stream_stream(self, continuation, details, requests):
        details = _Details(details.method, details.timeout, self.metadata, details.credentials)
        return continuation(details, requests)


class _Details(grpc.ClientCallDetails):
    def __init__(self, method, timeout, metadata, credentials) -> None:
        self.method = method
        self.timeout = timeout
        self.metadata = metadata
        self.credentials = credentials
        self.wait_for_ready = None
        self.compression = None


def status(raised) -> str:
    """The status of a call that failed, as its name."""
    return raised.value.code().name
