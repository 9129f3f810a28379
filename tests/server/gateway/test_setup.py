"""Gateways made as the settings say, with secrets from files."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatd.security.contacts import BadContact
from chatd.server.gateway.setup import carriers, checked_contact
from chatd.server.gateway.smtp import Smtp
from chatd.server.gateway.spool import Spool
from chatd.server.gateway.webhook import Webhook
from chatd.server.settings import Settings, SettingsError, load
from tests.tls import certificate

from .receiver import SECRET, WRITTEN
from .sample import PHONE, sample


def written(path: Path, text: str | bytes, mode: int = 0o600) -> str:
    path.touch(mode)
    path.chmod(mode)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


@pytest.fixture
def flags(tmp_path: Path) -> dict[str, object]:
    """Both other gateways."""
    return {
        "gateway_mail": "smtp",
        "smtp_host": "mail.example.org",
        "mail_from": "chat@example.org",
        "smtp_user": "chat",
        "smtp_password_file": written(tmp_path / "password", "open sesame\n"),
        "gateway_text": "webhook",
        "webhook_url": "https://sms.example.org/send",
        "webhook_secret_file": written(tmp_path / "secret", f"{WRITTEN}\n"),
    }


def settings(flags: dict[str, object]) -> Settings:
    return load(None, {}, flags)


def test_the_spool_is_in_the_data_folder(tmp_path: Path) -> None:
    made = carriers(settings({"name": "chat.example.net"}), tmp_path)
    assert made.mail is made.text
    assert isinstance(made.mail, Spool)
    assert (made.mail.folder, made.server) == (tmp_path / "spool", "chat.example.net")
    assert not made.mail.folder.exists()


def test_each_sort_of_message_has_its_gateway(flags: dict[str, object], tmp_path: Path) -> None:
    made = carriers(settings(flags), tmp_path)
    mail, text = made.of(sample()), made.of(sample(PHONE))
    assert isinstance(mail, Smtp) and isinstance(text, Webhook)
    assert mail.login == ("chat", "open sesame")
    assert (mail.security, mail.port, mail.context.check_hostname) == ("starttls", 587, True)
    assert text.secret == SECRET


def test_mail_too_can_be_posted(flags: dict[str, object], tmp_path: Path) -> None:
    made = carriers(settings({**flags, "gateway_mail": "webhook"}), tmp_path)
    assert isinstance(made.mail, Webhook)


@pytest.mark.parametrize(
    ("key", "text", "mode", "said"),
    [
        ("smtp_password_file", "sesame", 0o604, "everybody can read"),
        ("webhook_secret_file", WRITTEN, 0o644, "everybody can read"),
        ("smtp_password_file", "\n", 0o600, "it is empty"),
        ("smtp_password_file", b"\xff", 0o600, "not UTF-8"),
        ("webhook_secret_file", "too short", 0o600, "expected whsec_"),
        ("smtp_ca", "no certificate", 0o600, "can't use"),
    ],
)
def test_a_file_that_is_no_good(
    flags: dict[str, object], tmp_path: Path, key: str, text: str, mode: int, said: str
) -> None:
    flags[key] = written(tmp_path / "bad", text, mode)
    with pytest.raises(SettingsError) as refused:
        carriers(settings(flags), tmp_path)
    assert str(refused.value).startswith(f"{key}: ") and said in str(refused.value)
    assert "sesame" not in str(refused.value) and WRITTEN not in str(refused.value)


@pytest.mark.parametrize("key", ["smtp_password_file", "webhook_secret_file", "smtp_ca"])
def test_a_file_that_is_not_there(flags: dict[str, object], tmp_path: Path, key: str) -> None:
    flags[key] = str(tmp_path / "nowhere")
    with pytest.raises(SettingsError, match=f"^{key}: can't (read|use) .*nowhere"):
        carriers(settings(flags), tmp_path)


def test_a_certificate_of_one_s_own(flags: dict[str, object], tmp_path: Path) -> None:
    made = carriers(settings({**flags, "smtp_ca": str(certificate()[0])}), tmp_path)
    assert isinstance(made.mail, Smtp)
    assert made.mail.context.cert_store_stats()["x509"] == 1


async def test_contacts_are_checked_off_the_loop() -> None:
    assert await checked_contact("tel:+49 30 901820") == PHONE
    with pytest.raises(BadContact):
        await checked_contact("tel:1")
