"""A small web server on loopback that remembers what it was asked, plain or with TLS."""

import datetime
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Answer:
    """What the server says at a path."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "text/plain"})


@dataclass
class Origin:
    """A running server: its port, what it answers, and the path and headers of each request it got.

    `bodies` holds method and body of those that had one. A list of answers is played one after the other.
    """

    port: int
    answers: Mapping[str, Answer | list[Answer | None]]
    seen: list[tuple[str, dict[str, str]]]
    bodies: list[tuple[str, bytes]]

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.seen]


@contextmanager
def origin(answers: Mapping[str, Answer | list[Answer | None]], certificate: Path | None = None) -> Iterator[Origin]:
    """Serve until the block ends; with a certificate, over TLS. An answer of None is a connection that breaks."""
    seen: list[tuple[str, dict[str, str]]] = []
    bodies: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def _take(self) -> Answer | None:
            seen.append((self.path, dict(self.headers)))
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.command != "GET":
                bodies.append((self.command, body))
            answer = answers[self.path]
            return answer.pop(0) if isinstance(answer, list) else answer

        def _respond(self) -> None:
            answer = self._take()
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _respond  # noqa: N815  # http.server's names

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Origin(server.server_address[1], answers, seen, bodies)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def self_signed(folder: Path, host: str) -> Path:
    """A certificate for this host and its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.Encoding.PEM
    private = key.private_bytes(form, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "server.pem"
    path.write_bytes(private + certificate.public_bytes(form))
    return path
