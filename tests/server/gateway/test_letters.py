"""What people are written, and that nothing which they call themselves says more than a name."""

from __future__ import annotations

import json
from email import message_from_bytes
from email.policy import default
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatd.chat.gateway_changes import CodeKind
from chatd.protocol.gateway import Activate
from chatd.protocol.wire import read_request
from chatd.server.gateway.letters import payload
from chatd.server.gateway.mail import mail

from .sample import CODE, MAIL, PHONE, SENDER, SERVER, sample

HEADERS = {
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
    *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
}


def test_a_mail_says_who_writes_and_what_to_type() -> None:
    text = sample().text
    assert (
        text
        == f"""\
Hello alice,

your name was registered at {SERVER}, with this address.
This code opens the account:

    {CODE}

Type this line, at netcat:

    ACTIVATE|alice|{CODE}

or this command:

    chatctl activate alice {CODE}

The code is good once, for 15 minutes. If it was not you who asked
for it, do nothing: without the code nothing happens.

{SERVER}
"""
    )


def test_a_recovery_has_no_link_and_names_the_command() -> None:
    text = sample(kind="recover", http_url="https://chat.example.net").text
    assert "http" not in text
    assert f"RECOVER|alice|{CODE}|" in text
    assert "chatctl recover --code alice" in text


@pytest.mark.parametrize("user", ["alice", "jürgen", "a&b?c", "o'neill"])
def test_the_link_leads_to_the_page(user: str) -> None:
    text = sample(user=user, http_url="https://chat.example.net/gate").text
    [link] = [line.strip() for line in text.splitlines() if "https://" in line]
    found = urlsplit(link)
    assert link.isascii() and " " not in link
    assert (found.netloc, found.path) == ("chat.example.net", "/gate/activate")
    assert parse_qs(found.query) == {"user": [user], "code": [CODE]}


def test_a_text_message_is_short() -> None:
    text = sample(PHONE).text
    assert len(text) <= 160 and CODE in text and "\n" not in text and SERVER in text
    assert len(sample(PHONE, kind="recover").text) <= 160


def test_the_line_can_be_typed_as_it_stands() -> None:
    text = sample(user="a\\pb").text
    [line] = [line.strip() for line in text.splitlines() if "ACTIVATE|" in line]
    request = read_request(line)
    assert isinstance(request, Activate)
    assert (request.user, request.code) == ("a\\pb", CODE)


def test_a_mail_is_one_that_programs_know() -> None:
    made = message_from_bytes(mail(sample(), SENDER, SERVER).as_bytes(), policy=default)
    assert set(made.keys()) == HEADERS
    assert made["Auto-Submitted"] == "auto-generated"
    assert made["Message-ID"].endswith("@example.net>")
    assert made["From"] == f"{SERVER} <{SENDER}>" or made["From"] == f'"{SERVER}" <{SENDER}>'
    assert CODE not in made["Subject"]
    assert made.defects == []


def test_the_same_message_has_the_same_id() -> None:
    one, other = (mail(sample(), SENDER, SERVER) for _ in range(2))
    assert one["Message-ID"] == other["Message-ID"]


HOSTILE = st.text(st.sampled_from("\r\n\t :,;<>@\"'\\()=?ab\x00\u2028\u0085éБ") | st.characters())
KINDS: st.SearchStrategy[CodeKind] = st.sampled_from(["activate", "recover"])


@given(user=HOSTILE, server=HOSTILE.filter(bool), kind=KINDS)
def test_no_name_makes_a_header(user: str, server: str, kind: CodeKind) -> None:
    """Names are checked before; this holds even where they were not."""
    user, server = (text.encode(errors="ignore").decode() for text in (user, server))
    user = f"\r\nBcc: eve@example.org\r\n\r\n{user}"
    raw = mail(sample(MAIL, user, kind, server), SENDER, server).as_bytes()
    made = message_from_bytes(raw, policy=default)
    assert set(made.keys()) == HEADERS
    assert made["To"].addresses[0].addr_spec == "alice@example.org"
    assert [one.addr_spec for one in made["From"].addresses] == [SENDER]


@given(user=HOSTILE, server=HOSTILE)
def test_json_is_json_whatever_the_name(user: str, server: str) -> None:
    user, server = (text.encode(errors="ignore").decode() for text in (user, server))
    data = json.loads(payload(sample(PHONE, user, server=server)))["data"]
    assert (data["user"], data["code"], data["contact"]) == (user, CODE, PHONE)
