"""Self-signed certificates (RFC 5280), for servers that nobody vouches for: clients pin them."""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from chatd.storage.files import write_new

from .tls import CertificateError

COMMON_NAME_CHARS_MAX = 64
_LABEL = "[a-z0-9_]([a-z0-9-]{0,61}[a-z0-9])?"
_DNS_NAME = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")


def write_self_signed(names: list[str], days: int, certificate: Path, key: Path) -> str:
    """Write both to files that must not exist yet, 0600; returns the pin. CertificateError."""
    try:
        public, private, pin = self_signed(names, days)
    except ValueError as error:
        raise CertificateError(str(error)) from None
    for file in (certificate, key):
        if file.exists():
            raise CertificateError(f"{file} is there already; move it away, or name another file")
    try:
        write_new(key, private)
        write_new(certificate, public)
    except OSError as error:
        raise CertificateError(f"cannot write {error.filename}: {error.strerror}") from None
    return pin


def self_signed(names: list[str], days: int) -> tuple[bytes, bytes, str]:
    """A certificate for host names and addresses, its P-256 key, both in PEM, and the pin that
    `chatctl` takes: `sha256:` and the certificate's SHA-256 in hex. Raises ValueError."""
    alternatives = x509.SubjectAlternativeName([_name(name) for name in names])
    key = ec.generate_private_key(ec.SECP256R1())
    common = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:COMMON_NAME_CHARS_MAX])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(common)
        .issuer_name(common)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # other machines' clocks may be behind
        .not_valid_after(now + timedelta(days=days))
        .add_extension(alternatives, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    return public, private, f"sha256:{certificate.fingerprint(hashes.SHA256()).hex()}"


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        pass  # then it is a name
    try:
        name = text.lower().encode("idna").decode() if not text.isascii() else text.lower()
    except UnicodeError:
        name = ""
    if _DNS_NAME.fullmatch(name) is None or len(name) > 253:
        raise ValueError(f"{text!r} is neither a host name nor an address")
    return x509.DNSName(name)
