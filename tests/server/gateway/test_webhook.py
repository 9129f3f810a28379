"""Text messages through a real HTTP receiver: signed, refused, put off, and kept waiting."""

from __future__ import annotations

import base64
import socket
import ssl
from contextlib import closing
from dataclasses import replace

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from chatd.server.gateway.base import GaveUp, Retry
from chatd.server.gateway.webhook import (
    RETRY_AFTER_SECONDS_MAX,
    Webhook,
    read_secret,
    signature,
)
from tests.peer import nowhere
from tests.tls import certificate, serving, trusting

from .receiver import SECRET, WRITTEN, Receiver
from .sample import CODE, PHONE, sample

NOW = 1_795_286_737.0


def webhook(receiver: Receiver) -> Webhook:
    return Webhook(receiver.url, SECRET, now=lambda: NOW)


async def test_a_message_is_posted_and_signed() -> None:
    with Receiver() as receiver:
        await webhook(receiver).carry(sample(PHONE))
        post = receiver.next()
        assert post.genuine
        assert post.path == "/messages?via=chatd"
        assert post.headers["webhook-timestamp"] == str(int(NOW))
        assert post.data["contact"] == PHONE
        assert CODE in post.data["text"]
        await webhook(receiver).carry(sample(PHONE))
        assert receiver.next().headers["webhook-id"] == post.headers["webhook-id"]


async def test_another_secret_is_noticed() -> None:
    with Receiver() as receiver:
        await Webhook(receiver.url, bytes(32), now=lambda: NOW).carry(sample(PHONE))
        assert not receiver.next().genuine


async def test_through_tls_with_a_certificate_that_is_verified() -> None:
    with Receiver(serving(*certificate())) as receiver:
        trusts = replace(webhook(receiver), context=trusting(certificate()[0]))
        await trusts.carry(sample(PHONE))
        assert receiver.next().genuine
        doubts = replace(trusts, context=ssl.create_default_context())
        with pytest.raises(Retry, match="ConnectError"):
            await doubts.carry(sample(PHONE))
        assert receiver.posted.empty()


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_what_is_well(status: int) -> None:
    with Receiver() as receiver:
        receiver.answers.append((status, {}))
        await webhook(receiver).carry(sample(PHONE))


@pytest.mark.parametrize("status", [408, 429, 500, 503, 301, 307])
async def test_what_is_tried_again(status: int) -> None:
    """A redirect too, which is not followed: codes go where the settings say."""
    with Receiver() as receiver, Receiver() as elsewhere:
        receiver.answers.append((status, {"location": elsewhere.url}))
        with pytest.raises(Retry, match=f"said {status}") as refused:
            await webhook(receiver).carry(sample(PHONE))
        assert refused.value.after_seconds is None
        assert elsewhere.posted.empty()


@pytest.mark.parametrize("status", [400, 401, 404, 410, 422])
async def test_what_is_for_good(status: int) -> None:
    with Receiver() as receiver:
        receiver.answers.append((status, {}))
        with pytest.raises(GaveUp, match=f"said {status}"):
            await webhook(receiver).carry(sample(PHONE))


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("7", 7.0),
        ("999999999", RETRY_AFTER_SECONDS_MAX),
        ("Sat, 21 Nov 2026 18:47:17 GMT", 100.0),
        ("Sat, 21 Nov 2020 18:47:17 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("٧", None),
    ],
)
async def test_when_to_come_back(written: str, seconds: float | None) -> None:
    with Receiver() as receiver:
        receiver.answers.append((429, {"retry-after": written}))
        with pytest.raises(Retry) as refused:
            await Webhook(receiver.url, SECRET, now=lambda: NOW).carry(sample(PHONE))
        assert refused.value.after_seconds == seconds


async def test_nobody_is_there() -> None:
    with nowhere() as port, pytest.raises(Retry, match="ConnectError"):
        await Webhook(f"http://127.0.0.1:{port}/", SECRET).carry(sample(PHONE))


async def test_who_hangs_can_be_left() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Webhook(url, SECRET).carry, sample(PHONE))
            with (await trio.to_thread.run_sync(listener.accept))[0] as sock:
                assert (await trio.to_thread.run_sync(sock.recv, 6)) == b"POST /"
                nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "answer",
    [b"\x00" * 100, b"HTTP/1.1 999 what\r\n\r\n", b"HTTP/1.1 200", b"220 post.example\r\n"],
)
async def test_what_is_no_http(answer: bytes) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"

        async def babble() -> None:
            with (await trio.to_thread.run_sync(listener.accept))[0] as sock:
                await trio.to_thread.run_sync(sock.recv, 65_536)
                sock.sendall(answer)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(babble)
            with pytest.raises(Retry):
                await Webhook(url, SECRET).carry(sample(PHONE))


async def test_an_answer_without_end_is_not_read() -> None:
    with Receiver() as receiver:
        receiver.answers.append((200, {"content-length": "1000000000000"}))
        await webhook(receiver).carry(sample(PHONE))
        assert receiver.next().genuine


def test_the_example_of_the_specification() -> None:
    """Standard Webhooks: the reference implementations' test vector."""
    secret = read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    made = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(max_size=80))
def test_secrets_that_are_taken(raw: bytes) -> None:

    text = "whsec_" + base64.b64encode(raw).decode()
    if 24 <= len(raw) <= 64:
        assert read_secret(f"{text}\n") == raw
    else:
        with pytest.raises(ValueError, match="24 to 64"):
            read_secret(text)


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_é", "not base64", "whsec_" + "A" * 41])
def test_what_is_no_secret(text: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        read_secret(text)


def test_nothing_secret_is_shown() -> None:
    with Receiver() as receiver:
        assert "messages" not in repr(webhook(receiver)) and WRITTEN not in repr(webhook(receiver))
