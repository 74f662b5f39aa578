"""Certificates and tokens for tests: an authority, servers and clients of it, keys that sign."""

from __future__ import annotations

import datetime
import ipaddress
import json
import os
import pathlib
import time
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def _pem(key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def replace(path: pathlib.Path, content: bytes) -> None:
    """Puts the whole file in place at once, as whoever renews certificates should."""
    temporary = path.with_suffix(".new")
    temporary.write_bytes(content)
    os.replace(temporary, path)


class Authority:
    """Signs certificates, and lies with them in `folder`."""

    def __init__(self, folder: pathlib.Path, name: str = "ca") -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"test {name}")])
        self.certificate = folder / f"{name}.pem"
        self.certificate.write_bytes(
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )

    def _builder(self, subject: x509.Name, key) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )

    def issue(self, name: str, *, common_name: str = "localhost") -> tuple[pathlib.Path, pathlib.Path]:
        """Certificate and key files under `name`, replaced when they are there."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        certificate = (
            self._builder(subject, key)
            .add_extension(
                x509.SubjectAlternativeName(
                    [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
                ),
                critical=False,
            )
            .add_extension(
                x509.ExtendedKeyUsage(
                    [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
                ),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        paths = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        replace(paths[1], _pem(key))
        replace(paths[0], certificate.public_bytes(serialization.Encoding.PEM))
        return paths


class SigningKey:
    """A key of a JSON Web Key Set."""

    def __init__(self, kid: str, algorithm: str) -> None:
        self.kid, self.algorithm = kid, algorithm
        if algorithm.startswith("HS"):
            self._key = os.urandom(32)
        elif algorithm.startswith("RS"):
            self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        else:
            self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def entry(self) -> dict[str, Any]:
        """What verifiers have of it: the public part, or the secret."""
        methods = jwt.get_algorithm_by_name(self.algorithm)
        is_secret = isinstance(self._key, bytes)
        key = json.loads(methods.to_jwk(self._key if is_secret else self._key.public_key()))
        return {**key, "kid": self.kid, "alg": self.algorithm, "use": "sig"}

    def token(self, **claims: Any) -> str:
        key = self._key if isinstance(self._key, bytes) else _pem(self._key)
        return jwt.encode(claims, key, algorithm=self.algorithm, headers={"kid": self.kid})


def key_set(*keys: SigningKey) -> bytes:
    return json.dumps({"keys": [key.entry for key in keys]}).encode()


def until(condition, patience: float = 30) -> None:
    """Asks again and again until `condition` holds; what a server does in its own time."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
