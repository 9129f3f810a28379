"""What can be read of the reference (reference.py)."""

from __future__ import annotations

from tests.chat.records import Room


class Readable:
    """Lists as the server gives them."""

    rooms: dict[str, Room]
    directs: dict[tuple[str, str], int]
    seen: dict[tuple[str, int], int]
    messages: dict[int, tuple[int, str]]

    def who(self, name: str, online: set[str]) -> list[list[str]]:
        return [
            [user, role, "online" if user in online else "offline"]
            for user, role in self.rooms[name].members.items()
        ]

    def listed(self, me: str) -> list[list[str]]:
        """ROOMS."""
        return [
            [name, str(len(room.members)), "joined" if me in room.members else "", room.topic]
            for name, room in sorted(self.rooms.items(), key=lambda item: item[1].id)
            if me in room.members or not room.private
        ]

    def said(self, conversation: int | None) -> list[int]:
        """The stored messages of a conversation, oldest first."""
        return [n for n, (where, _) in sorted(self.messages.items()) if where == conversation]

    def unread(self, me: str) -> dict[str, list[int]]:
        """The unread messages of each conversation that has any."""
        mine = {name: room.id for name, room in self.rooms.items() if me in room.members}
        for low, high in self.directs:
            if me in (low, high):
                mine[high if low == me else low] = self.directs[low, high]
        found = {
            name: [
                number
                for number in self.said(id_)
                if number > self.seen.get((me, id_), 0) and self.messages[number][1] != me
            ]
            for name, id_ in mine.items()
        }
        return {name: numbers for name, numbers in sorted(found.items()) if numbers}
