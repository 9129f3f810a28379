"""`chatd cert`: what it writes, for whom it is good, and what it refuses."""

from __future__ import annotations

import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from chatctl.trust import pin_of
from chatd.server.certificates import self_signed, write_self_signed
from chatd.server.tls import Certificate, CertificateError
from tests.server.test_cli import refusal, run


def made(folder: Path, *names: str) -> tuple[Path, Path, str]:
    """The files of a new certificate and of its key, and what was said."""
    files = folder / "cert.pem", folder / "key.pem"
    status, said, told = run("cert", *names, "--tls-cert", files[0], "--tls-key", files[1])
    assert (status, told) == (0, "")
    return *files, said


def test_it_is_private_and_its_fingerprint_is_told(tmp_path: Path) -> None:
    cert, key, said = made(tmp_path, "chat.example", "10.0.0.1", "::1", "Bücher.example")
    assert pin_of(ssl.PEM_cert_to_DER_cert(cert.read_text())) in said
    assert {stat.S_IMODE(file.stat().st_mode) for file in (cert, key)} == {0o600}
    found = x509.load_pem_x509_certificate(cert.read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["chat.example", "xn--bcher-kva.example"]
    assert list(map(str, names.get_values_for_type(x509.IPAddress))) == ["10.0.0.1", "::1"]
    assert Certificate(cert, key).codec().opening


def test_nothing_is_written_over(tmp_path: Path) -> None:
    cert, key, _ = made(tmp_path, "chat.example")
    before = cert.read_bytes(), key.read_bytes()
    again = refusal(2, "cert", "other.example", "--tls-cert", cert, "--tls-key", key)
    assert "is there already" in again
    key.unlink()
    assert "is there already" in refusal(2, "cert", "x", "--tls-cert", cert, "--tls-key", key)
    assert not key.exists()
    assert cert.read_bytes() == before[0]


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match="nowhere"):
        write_self_signed(["x"], 1, tmp_path / "nowhere" / "cert.pem", tmp_path / "nowhere" / "k")


@pytest.mark.parametrize("name", ["", "a b", "-a", "a..b", "a/b", "x" * 64, "chats://a", "*.*.a"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="neither a host name nor an address"):
        self_signed([name], 1)
