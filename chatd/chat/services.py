"""Services: who provides what, and the calls under way. It is all in memory, and all of it bounded.

A call waits in the task of its request. It is settled once: by its provider, by the clock, or
because provider or caller went away. An id is bound to the connection it was sent to, so nobody
else can answer; and never used again, so no answer of an earlier connection fits a later call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from chatd.protocol.errors import ChatError, Code
from chatd.protocol.services import CallMade, Serve, ServiceItem
from chatd.protocol.wire import write_event
from chatd.security.tokens import new_session_id
from chatd.services import Call, Service, service_name

from .calls import Asked, Offer, Runs, Serving
from .model import Account
from .ports import Reachable, Unavailable

SERVICES_PER_CLIENT_MAX = 16
PROVIDERS_PER_SERVICE_MAX = 64
SERVICES_MAX = 4_096
CALLS_PER_PROVIDER_MAX = 64
CALLS_PER_ACCOUNT_MAX = 16
CALLS_MAX = 10_000
CHAIN_MAX = 16
"""So many may wait for each other in a row."""


class Services:
    """All services. `own` are the server's."""

    def __init__(self, own: Iterable[Service] = (), runs: Runs | None = None) -> None:
        self.own = {service.name: service for service in own}
        self._runs = runs
        self._offers: dict[str, Offer] = {}
        self._serving: dict[Reachable, Serving] = {}
        self._calls: dict[Reachable, Asked] = {}  # by caller: a connection waits for one at a time
        self._callers: Counter[int] = Counter()  # accounts
        self._turns = 0
        self._stopped = False

    def listed(self) -> list[ServiceItem]:
        """Every service, by name."""
        own = [ServiceItem(s.name, s.level, "", s.usage, s.description) for s in self.own.values()]
        items = [*own, *(offer.item for offer in self._offers.values())]
        return sorted(items, key=lambda item: item.name)

    # Providing

    def serve(self, client: Reachable, me: Account, wanted: Serve) -> None:
        """Provide a service; what is said of it counts for all who do. BAD_NAME, TAKEN."""
        name = _chosen_name(wanted.service)
        offer = self._offers.get(name)
        if name in self.own or (offer is not None and offer.account != me.id):
            raise ChatError(Code.TAKEN, "Another provides a service of this name; choose another.")
        self._demand_place(client, name, offer)
        item = ServiceItem(name, wanted.level, me.name, wanted.usage, wanted.description)
        if offer is None:
            offer = self._offers[name] = Offer(me.id, item)
        offer.item = item
        serving = self._serving.setdefault(client, Serving(client))
        serving.names.add(name)
        offer.providers[client] = serving

    def unserve(self, client: Reachable, raw: str) -> None:
        """Provide it no longer. NO_SUCH_SERVICE."""
        serving, name = self._serving.get(client), _possible_name(raw)
        if serving is None or name not in serving.names:
            raise ChatError(Code.NO_SUCH_SERVICE, "This connection provides no such service.")
        serving.names.discard(name)
        self._withdraw(serving, name)
        if not serving.names:
            del self._serving[client]
        self._move([asked for asked in serving.calls.values() if asked.service == name])

    def answer(self, client: Reachable, call_id: str, outcome: str | ChatError) -> None:
        """What came of a call that was given to this client. EXPIRED."""
        serving = self._serving.get(client)
        asked = None
        if serving is not None:
            serving.silent = False
            asked = serving.calls.pop(call_id, None)
        if asked is None or asked.outcome is not None:
            raise ChatError(
                Code.EXPIRED, "No call with this id waits for you, or no longer: it took too long."
            )
        asked.settle(outcome)

    # Calling

    def ask(self, caller: Reachable, me: Account, raw: str, arguments: tuple[str, ...]) -> Asked:
        """Begin a call, which `end` must end. NO_SUCH_SERVICE, FORBIDDEN, RATE_LIMITED,
        UNAVAILABLE."""
        name = _possible_name(raw)
        own, offer = self.own.get(name), self._offers.get(name)
        found = own if offer is None else offer.item
        if found is None:
            raise ChatError(Code.NO_SUCH_SERVICE, "There is no such service; SERVICES lists them.")
        if me.level < found.level:
            sentence = f"{name} needs level {found.level} and yours is {me.level}."
            raise ChatError(Code.FORBIDDEN, f"{sentence} Who runs the server can raise it.")
        self._demand_room(caller, me)
        call = Call(me.name, me.level, arguments)
        asked = Asked(new_session_id(), caller, me.id, name, call)
        if offer is not None:
            self._give(asked, offer)
        self._calls[caller] = asked
        self._callers[me.id] += 1
        return asked

    async def wait(self, asked: Asked, seconds_max: float) -> None:
        """Return once the call is settled, at the latest after that time."""
        if self._runs is None:
            raise Unavailable("nothing runs services here")
        if (own := self.own.get(asked.service)) is not None:
            await self._runs.run(own, asked, seconds_max)
        else:
            await self._runs.settled(asked, seconds_max)
        if asked.outcome is None:
            if asked.provider is not None:
                asked.provider.silent = True
            sentence = f"{asked.service} did not answer within {seconds_max:g} s."
            asked.settle(ChatError(Code.TIMEOUT, sentence))

    def end(self, asked: Asked) -> None:
        """Nobody waits for the call any more."""
        if self._calls.get(asked.caller) is asked:
            del self._calls[asked.caller]
            self._callers[asked.account] -= 1
            if not self._callers[asked.account]:
                del self._callers[asked.account]
        if asked.provider is not None:
            asked.provider.calls.pop(asked.id, None)

    # Going

    def leave(self, client: Reachable) -> None:
        """A connection is gone, or logged out: it calls nothing and provides nothing."""
        if (asked := self._calls.get(client)) is not None:
            asked.settle(_unavailable("Who called is gone."))
            self.end(asked)
        if (serving := self._serving.pop(client, None)) is not None:
            for name in serving.names:
                self._withdraw(serving, name)
            self._move(list(serving.calls.values()))

    def stop(self) -> None:
        """End all calls, and take no more."""
        self._stopped = True
        for asked in list(self._calls.values()):
            asked.settle(_stops())

    def _withdraw(self, serving: Serving, name: str) -> None:
        offer = self._offers[name]
        del offer.providers[serving.client]
        if not offer.providers:
            del self._offers[name]

    def _move(self, calls: list[Asked]) -> None:
        """Give calls whose provider is gone to others, once."""
        for asked in calls:
            assert asked.provider is not None
            del asked.provider.calls[asked.id]
            offer = self._offers.get(asked.service)
            if asked.outcome is not None:
                continue
            if asked.moved or offer is None:
                asked.settle(_unavailable("Who provides the service went away; try again."))
                continue
            asked.moved = True
            try:
                self._give(asked, offer)
            except ChatError as error:
                asked.settle(error)

    def _give(self, asked: Asked, offer: Offer) -> None:
        """To the least busy provider, by turns; those that are silent come last. UNAVAILABLE."""
        able = [one for one in offer.providers.values() if self._can_take(one, asked)]
        if not able:
            raise _unavailable(
                "Who provides the service can take no call now, or waits for you; try again."
            )
        chosen = min(able, key=lambda one: (one.silent, len(one.calls), one.turn))
        self._turns += 1
        chosen.turn = self._turns
        chosen.calls[asked.id] = asked
        asked.provider = chosen
        call = asked.call
        event = CallMade(asked.id, asked.service, call.caller, call.arguments)
        chosen.client.put(write_event(event))

    def _can_take(self, serving: Serving, asked: Asked) -> bool:
        client = serving.client
        able = client.alive and not client.behind and len(serving.calls) < CALLS_PER_PROVIDER_MAX
        return able and not self._waits_for(client, asked.caller)

    def _waits_for(self, client: Reachable, caller: Reachable) -> bool:
        """Whether a client cannot answer before this caller has its own answer: a connection's
        requests are carried out one at a time."""
        for _ in range(CHAIN_MAX):
            if client is caller:
                return True
            waiting = self._calls.get(client)
            if waiting is None or waiting.provider is None:
                return False
            client = waiting.provider.client
        return True

    def _demand_place(self, client: Reachable, name: str, offer: Offer | None) -> None:
        serving = self._serving.get(client)
        if serving is not None and name in serving.names:
            return
        if not client.alive or self._stopped:
            raise _unavailable("This connection ends.")
        if serving is not None and len(serving.names) >= SERVICES_PER_CLIENT_MAX:
            raise _unavailable(f"A connection provides at most {SERVICES_PER_CLIENT_MAX} services.")
        if offer is not None and len(offer.providers) >= PROVIDERS_PER_SERVICE_MAX:
            raise _unavailable(f"At most {PROVIDERS_PER_SERVICE_MAX} connections share a service.")
        if offer is None and len(self._offers) >= SERVICES_MAX:
            raise _unavailable(f"At most {SERVICES_MAX} services are provided on this server.")

    def _demand_room(self, caller: Reachable, me: Account) -> None:
        if self._stopped:
            raise _stops()
        if not caller.alive:
            raise _unavailable("Who called is gone.")
        if self._callers[me.id] >= CALLS_PER_ACCOUNT_MAX:
            sentence = f"1 second to wait. At most {CALLS_PER_ACCOUNT_MAX} of your calls at a time."
            raise ChatError(Code.RATE_LIMITED, sentence)
        if len(self._calls) >= CALLS_MAX:
            raise _unavailable("The server carries out too many calls now; try again.")


def _chosen_name(raw: str) -> str:
    try:
        return service_name(raw)
    except ValueError as wrong:
        raise ChatError(Code.BAD_NAME, f"{str(wrong)[:1].upper()}{str(wrong)[1:]}.") from None


def _possible_name(raw: str) -> str:
    """The name in its one form; of none, one that nobody has."""
    try:
        return service_name(raw)
    except ValueError:
        return ""


def _unavailable(sentence: str) -> ChatError:
    return ChatError(Code.UNAVAILABLE, sentence)


def _stops() -> ChatError:
    return _unavailable("The server stops; try again in a moment.")
