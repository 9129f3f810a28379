"""What `/metrics` tells, read as Prometheus reads it; and to whom."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from chatd.protocol.errors import Code
from chatd.server.settings import Settings
from chatd.server.web.parts import metrics_for_all
from tests.peer import Peer
from tests.sealed import SealedSocket
from tests.server.web.world import get, web_server
from tests.serving import SECRET, Server, own_address, running
from tests.tls import certificate

Samples = dict[str, float]
LAG_MESSAGES = 500


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with web_server(tmp_path, registration="open") as server:
        yield server


def samples(server: Server) -> Samples:
    """Each sample under its name, with the value of its label behind it."""
    said = get(f"{server.web}/metrics")
    assert said.status_code == 200
    assert said.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(said.text)
        for sample in family.samples
    }


def test_it_counts_what_happens(server: Server) -> None:
    alice, bob, carol = server.join("alice", "bob", "carol")
    for peer in (alice, bob, carol):
        peer.ask("JOIN|#ops")
    before = samples(server)
    alice.send(*[f"MSG|#ops|{number}" for number in range(10)])
    while not alice.read().startswith("MSG|SUCCESS|10|"):
        pass
    assert bob.ask("MSG|alice|hello").startswith("MSG|SUCCESS|")
    after = samples(server)
    assert after["chatd_messages_accepted_total"] - before["chatd_messages_accepted_total"] == 11
    assert after["chatd_deliveries_total"] - before["chatd_deliveries_total"] == 10 * 2 + 1
    assert after["chatd_registrations_total"] == 3
    assert after["chatd_accounts_online"] == 3
    assert after["chatd_connections plain"] == 3
    assert after["chatd_connections_accepted_total"] == 3
    assert after["chatd_argon2_seconds_count"] == 6
    assert 0 < after["chatd_commit_seconds_sum"] < after["chatd_commit_seconds_count"] * 10
    assert after["chatd_commit_seconds_count"] > before["chatd_commit_seconds_count"]
    assert after["chatd_commit_failures_total"] == after["chatd_argon2_waiting"] == 0


def test_deliveries_of_each_kind(server: Server) -> None:
    """In rooms that keep no history, to a second session of one's own, to oneself, to nobody."""
    alice, bob = server.join("alice", "bob")
    second = server.login("alice")
    for peer in (alice, bob):
        peer.ask("JOIN|#now")
    assert alice.ask("SET|#now|history=no") == "SET|SUCCESS"
    counted = [samples(server)["chatd_deliveries_total"]]
    for line in ("MSG|#now|x", "MSG|alice|note", "MSG|bob|x"):
        assert alice.ask(line).startswith("MSG|SUCCESS|")
        counted.append(samples(server)["chatd_deliveries_total"])
    second.close()
    told = [after - before for before, after in pairwise(counted)]
    assert told == [2, 1, 2]


def test_refusals_by_code(server: Server) -> None:
    (alice,) = server.join("alice")
    before = samples(server)
    for line in ("NONSENSE", "JOIN", "MSG|nobody|hi", "AUTH|alice|x", "MSG|nobody|hi"):
        assert "|FAILURE|" in alice.ask(line)
    after = samples(server)
    grown = {
        code.value: after[name] - before[name]
        for code in Code
        if after[name := f"chatd_refusals_total {code}"] != before[name]
    }
    assert grown == {
        "UNKNOWN_VERB": 1,
        "BAD_FIELD": 1,
        "NO_SUCH_USER": 2,
        "ALREADY_AUTHENTICATED": 1,
    }


def test_connections_by_kind(tmp_path: Path, server: Server) -> None:
    with Peer(SealedSocket(server.connect().sock)) as sealed:
        assert sealed.ask("PING") == "PING|SUCCESS"
        told = samples(server)
        assert (told["chatd_connections plain"], told["chatd_connections sealed"]) == (0, 1)
        assert told["chatd_handshakes_total sealed"] == 1


def test_connections_inside_tls(tmp_path: Path) -> None:
    with running(tmp_path, tls=certificate(), http="127.0.0.1:0") as server:
        server.join("alice", "bob")
        told = samples(server)
        assert (told["chatd_connections tls"], told["chatd_handshakes_total tls"]) == (2, 2)


def test_a_reader_who_lags(tmp_path: Path) -> None:
    with web_server(tmp_path, registration="open", outbox_bytes_max=131_072) as server:
        (alice,) = server.join("alice")
        slow = server.connect(receive_bytes=4_096)
        assert slow.ask(f"AUTH|alice|{SECRET}").startswith("AUTH|SUCCESS|")
        for _ in range(LAG_MESSAGES):
            assert alice.ask(f"MSG|alice|{'x' * 30_000}").startswith("MSG|SUCCESS|")
        lagging = samples(server)
        assert lagging["chatd_outbox_bytes"] > 100_000
        assert (lagging["chatd_deliveries_total"], lagging["chatd_lags_total"]) == (LAG_MESSAGES, 0)
        read = 0
        while not (line := slow.read()).startswith("*LAG|"):
            read += line.startswith("*MSG|")
        caught_up = samples(server)
        assert caught_up["chatd_lags_total"] == 1
        for told in (lagging, caught_up):
            assert told["chatd_deliveries_dropped_total"] == LAG_MESSAGES - read


def test_a_server_that_is_full(tmp_path: Path) -> None:
    with web_server(tmp_path, registration="open", connections_max=1) as server:
        (alice,) = server.join("alice")
        server.connect().rest()
        assert samples(server)["chatd_connections_refused_total"] == 1
        assert alice.ask("PING") == "PING|SUCCESS"


def test_names_follow_the_conventions(server: Server) -> None:
    text = get(f"{server.web}/metrics").text
    families = list(text_string_to_metric_families(text))
    ours = [family for family in families if family.name.startswith("chatd_")]
    assert len(ours) >= 20
    assert len({family.name for family in families}) == len(families)
    assert all(family.documentation.endswith(".") for family in ours)
    for family in ours:
        assert family.type in ("counter", "gauge", "histogram")
        if family.type == "histogram":
            assert family.name.endswith("_seconds")
            bounds = [s.value for s in family.samples if s.name.endswith("_bucket")]
            assert bounds == sorted(bounds)
    assert all(word not in text for word in ("alice", SECRET, "#ops"))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, False),
        ({"http_metrics": "all"}, True),
        ({"http_metrics": "none"}, None),
        ({"http_url": "https://chat.example.net"}, None),
        ({"http_url": "https://chat.example.net", "http_metrics": "all"}, True),
        ({"http_url": "https://chat.example.net", "http_proxies": ("127.0.0.1",)}, False),
    ],
)
def test_who_may_read_them(settings: dict[str, object], told: bool | None) -> None:
    assert metrics_for_all(Settings(**settings)) is told  # type: ignore[arg-type]


def test_other_machines_may_not_unless_told(tmp_path: Path) -> None:
    own = own_address()
    with web_server(tmp_path, http=f"{own}:0") as server:
        assert get(f"{server.web}/metrics").status_code == 403
        lie = {"x-forwarded-for": "127.0.0.1"}
        assert get(f"{server.web}/metrics", headers=lie).status_code == 403
        assert get(f"{server.web}/health").status_code == 200
        server.kill()
        server.settings["http_metrics"] = "all"
        server.start()
        assert samples(server)["chatd_connections plain"] == 0


def test_through_a_proxy_they_may_not(tmp_path: Path) -> None:
    with web_server(tmp_path, http_proxies="127.0.0.1", http_url="https://a.example") as server:
        there = {"x-forwarded-for": "198.51.100.1"}
        assert get(f"{server.web}/metrics", headers=there).status_code == 403
        assert samples(server)["chatd_connections plain"] == 0


def test_who_forgot_to_name_the_proxy_shows_nobody(tmp_path: Path) -> None:
    with web_server(tmp_path, http_url="https://a.example") as server:
        assert get(f"{server.web}/metrics").status_code == 404
