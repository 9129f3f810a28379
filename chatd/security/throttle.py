"""Slowing down who fails or asks too often; `now` is always seconds of a steady clock."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from math import ceil, log2

_IPV6_BLOCK_BITS = 64


def address_block(address: str) -> str | None:
    """What counts as one source: an IPv4 address, or an IPv6 /64, since a home has all of one.

    None for this machine itself: loopback, and "" for a Unix socket. Raises ValueError for others.
    """
    if not address:
        return None
    ip = ip_address(address)
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if ip.is_loopback:
        return None
    if isinstance(ip, IPv4Address):
        return str(ip)
    low_bits = 128 - _IPV6_BLOCK_BITS
    return f"{IPv6Address(int(ip) >> low_bits << low_bits)}/{_IPV6_BLOCK_BITS}"


@dataclass(slots=True)
class _Failures:
    count: int
    last: float  # when the last attempt began
    until: float  # no attempt before


class Slowdown:
    """Failed attempts by key: after `free` of them one waits, after each further one twice as long.

    A key gives the address block and the user, so nobody can make another person wait. Check one
    attempt at a time for each key, so that many at once gain nothing. Each `wait_seconds_max`
    without a failure forgets one. At most `keys_max` keys are kept; whoever waits goes last.
    """

    __slots__ = ("_by_key", "_count_max", "_free", "_keys_max", "_wait_max", "_wait_min")

    def __init__(
        self, free: int, wait_seconds_min: float, wait_seconds_max: float, keys_max: int
    ) -> None:
        if free < 0 or keys_max < 1 or not 0 < wait_seconds_min <= wait_seconds_max:
            raise ValueError("a slowdown needs free >= 0, keys >= 1 and 0 < shortest <= longest")
        self._free = free
        self._wait_min = wait_seconds_min
        self._wait_max = wait_seconds_max
        self._keys_max = keys_max
        # More failures than this bring no longer wait; they are not counted, so that all decays.
        self._count_max = max(free, 1) + ceil(log2(wait_seconds_max / wait_seconds_min))
        self._by_key: OrderedDict[Hashable, _Failures] = OrderedDict()  # latest attempt last

    def __len__(self) -> int:
        return len(self._by_key)

    def wait(self, key: Hashable, now: float) -> float:
        """Seconds until the key may try again; 0 if it may now."""
        failures = self._by_key.get(key)
        return max(0.0, failures.until - now) if failures is not None else 0.0

    def fail(self, key: Hashable, now: float) -> None:
        """Count a failed attempt."""
        count = min(self._remembered(key, now) + 1, self._count_max)
        self._by_key[key] = _Failures(count, now, now + self._delay(count))
        self._by_key.move_to_end(key)
        if len(self._by_key) > self._keys_max:
            self._evict(now)

    def succeed(self, key: Hashable) -> None:
        """Forget the key's failures."""
        self._by_key.pop(key, None)

    def _remembered(self, key: Hashable, now: float) -> int:
        failures = self._by_key.get(key)
        if failures is None:
            return 0
        return max(0, failures.count - int((now - failures.last) / self._wait_max))

    def _delay(self, count: int) -> float:
        if count < self._free or count == 0:
            return 0.0
        return min(self._wait_min * 2.0 ** (count - max(self._free, 1)), self._wait_max)

    def _evict(self, now: float) -> None:
        calm = (key for key, failures in self._by_key.items() if failures.until <= now)
        self._by_key.pop(next(calm, next(iter(self._by_key))))


class Quota:
    """At most `limit` in any `per_seconds`, by key; at most `keys_max` keys are remembered."""

    __slots__ = ("_keys_max", "_limit", "_per_seconds", "_taken")

    def __init__(self, limit: int, per_seconds: float, keys_max: int) -> None:
        if limit < 1 or keys_max < 1 or per_seconds <= 0:
            raise ValueError("a quota needs a limit, seconds and keys above 0")
        self._limit = limit
        self._per_seconds = per_seconds
        self._keys_max = keys_max
        self._taken: OrderedDict[Hashable, deque[float]] = OrderedDict()  # latest taker last

    def __len__(self) -> int:
        return len(self._taken)

    def take(self, key: Hashable, now: float) -> float:
        """Take one and return 0, or take none and return the seconds to wait."""
        taken = self._taken.get(key)
        if taken is None:
            taken = self._taken[key] = deque(maxlen=self._limit)
        if len(taken) == self._limit and (wait := taken[0] + self._per_seconds - now) > 0:
            return wait
        taken.append(now)
        self._taken.move_to_end(key)
        if len(self._taken) > self._keys_max:
            self._taken.popitem(last=False)
        return 0.0
