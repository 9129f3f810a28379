"""The gateway's settings: what is refused, and where it is said to stand."""

from __future__ import annotations

import pytest

from chatd.server.settings import Settings, SettingsError, load

SMTP = {"gateway_mail": "smtp", "smtp_host": "mail.example.org", "mail_from": "chat@example.org"}
HOOK = {
    "gateway_text": "webhook",
    "webhook_url": "https://sms.example.org/send",
    "webhook_secret_file": "/etc/chatd/webhook",
}


def loaded(**flags: object) -> Settings:
    return load(None, {}, flags)


def test_by_default_all_goes_to_the_spool() -> None:
    settings = loaded()
    assert (settings.gateway_mail, settings.gateway_text) == ("spool", "spool")
    assert settings.code_seconds == 900


@pytest.mark.parametrize(
    "flags",
    [
        SMTP,
        HOOK,
        {**HOOK, "gateway_mail": "webhook"},
        {**SMTP, "mail_from": "chat@localhost"},
        {**SMTP, "smtp_security": "none", "smtp_host": "127.0.0.1"},
        {**SMTP, "smtp_user": "chat", "smtp_password_file": "/etc/chatd/smtp"},
        {**HOOK, "webhook_url": "http://127.0.0.1:8000/"},
        {**HOOK, "webhook_url": "http://localhost/sms?from=chat"},
        {**HOOK, "webhook_url": "http://[::1]:8000/"},
        {"http_url": "https://chat.example.org/gate/"},
    ],
)
def test_what_is_taken(flags: dict[str, object]) -> None:
    settings = loaded(**flags)
    for key, value in flags.items():
        assert getattr(settings, key).rstrip("/") == str(value).rstrip("/")


def test_a_page_s_address_is_kept_without_its_last_slash() -> None:
    assert loaded(http_url="https://chat.example.org/").http_url == "https://chat.example.org"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"gateway_mail": "smtp"}, "--gateway-mail: with smtp, smtp_host is needed as well"),
        ({**SMTP, "mail_from": None}, "--gateway-mail: with smtp, mail_from is needed as well"),
        ({"gateway_text": "webhook"}, "--gateway-text: with webhook, webhook_url is needed"),
        ({"gateway_mail": "webhook"}, "--gateway-mail: with webhook, webhook_url is needed"),
        ({**HOOK, "webhook_secret_file": None}, "webhook_secret_file is needed as well"),
        ({"gateway_text": "smtp"}, "--gateway-text: expected spool or webhook"),
        ({**SMTP, "smtp_user": "chat"}, "--smtp-user: smtp_password_file is needed as well"),
        ({**SMTP, "smtp_password_file": "/x"}, "--smtp-password-file: smtp_user is needed"),
        ({**SMTP, "smtp_security": "none"}, "--smtp-security: codes would be sent in the clear"),
        ({**SMTP, "smtp_host": "127.1", "smtp_security": "none"}, "--smtp-security: codes would"),
        ({**SMTP, "smtp_port": "0"}, "--smtp-port: "),
        ({**SMTP, "mail_from": "chat"}, "--mail-from: expected a mail address"),
        ({**SMTP, "mail_from": "a@b.org\r\nBcc: c@d.org"}, "--mail-from: expected a mail address"),
        ({**HOOK, "webhook_url": "http://sms.example.org/"}, "--webhook-url: must be https://"),
        ({**HOOK, "webhook_url": "http://127.0.0.1.example.org/"}, "must be https://"),
        ({**HOOK, "webhook_url": "http://127.0.0.1@example.org/"}, "can hold neither a user"),
        ({**HOOK, "webhook_url": "ftp://example.org/"}, "--webhook-url: expected https://HOST"),
        ({**HOOK, "webhook_url": "https:///send"}, "--webhook-url: expected https://HOST"),
        ({**HOOK, "webhook_url": "https://[::1"}, "--webhook-url: "),
        ({**HOOK, "webhook_url": "https://x.org:99999/"}, "--webhook-url: "),
        ({**HOOK, "webhook_url": "https://x.org/a b"}, "neither a user nor a blank"),
        ({"http_url": "chat.example.org"}, "--http-url: expected https://HOST"),
        ({"http_url": "https://chat.example.org/?a=b"}, "--http-url: expected no more than"),
        ({"http_url": "https://chat.example.org/#a"}, "--http-url: expected no more than"),
        ({"code_seconds": "0"}, "--code-seconds: "),
    ],
)
def test_what_is_refused(flags: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        loaded(**flags)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
