"""What is told: the same for every channel, and kept as JSON until it has been sent."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Note:
    """One alert as it is told: what, how much, since when, what the system did, and where to look."""

    title: str
    lines: Sequence[str]
    url: str


@dataclass(frozen=True, slots=True)
class Message:
    """One or more alerts for one receiver. The key is the same each time that it is tried."""

    key: str
    subject: str
    notes: Sequence[Note]
    why: str  # this receiver is told

    def as_json(self) -> dict[str, Any]:
        """The message for a column of JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Message":
        """The message that was stored so."""
        notes = [Note(each["title"], each["lines"], each["url"]) for each in stored["notes"]]
        return cls(stored["key"], stored["subject"], notes, stored["why"])

    def as_text(self) -> str:
        """All of it, for what shows plain text."""
        parts = ["\n".join([note.title, *note.lines, note.url]) for note in self.notes]
        return "\n\n".join([*parts, self.why])
