"""How a platform's exports are described: which columns say what. One `Format` is all that a platform needs.

Column names are compared folded: case, spaces and the characters `_ - . : /` make no difference, so that
`campaign.id`, `campaign_id`, `campaignId` and `Campaign ID` are one name.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

Names = tuple[str, ...]

_FOLDED_AWAY = re.compile(r"[\s_\-.:/\u200b\ufeff]+")
_IN_PARENTHESES = re.compile(r"(?P<name>.+)\((?P<currency>[a-z]{3})\)")
LONGEST_LABEL = 56  # of a line's level; with "hour by " in front it still fits where it is stored


def fold(name: str) -> str:
    """The name as it is compared."""
    return _FOLDED_AWAY.sub("", name.strip().strip("\"'").casefold())


class Times(Enum):
    """What a time of day beside the date means."""

    NONE = "there is none but midnight"
    HOURS = "each row is one hour of the account's day"
    DETECTED = "each row is an hour if any row of the file is not at midnight, else a day"
    UTC_MIDNIGHT = "it is the account's midnight, written in UTC"


@dataclass(frozen=True, slots=True)
class When:
    """A date column, and the column that says where the row ends, if there is one."""

    column: str
    until: str = ""
    times: Times = Times.NONE
    until_is_excluded: bool = False


@dataclass(frozen=True, slots=True)
class Amount:
    """A column of money. `column` may end in "(*)" for a currency code in parentheses.

    `written` marks what people see in the platform's interface: there their settings choose the decimal mark.
    `twin` is the same money in US dollars: where both are equal, the amount is in dollars too.
    """

    column: str
    micros: bool = False
    written: bool = False
    currency: str | None = None
    twin: str = ""


@dataclass(frozen=True, slots=True)
class Level:
    """A level below the campaign: its name in a row's `line`, and the columns that hold its id."""

    label: str
    columns: Names


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """What one platform's exports look like. Of alternatives the first that a header has is taken."""

    platform: str
    title: str
    ask_for: str  # a sentence: what to choose so that the platform writes one row a day
    marks: tuple[
        Names, ...
    ] = ()  # columns by which it is recognised, all of one tuple; "=name" in this spelling
    when: tuple[When, ...] = ()
    hour: Names = ()
    amounts: tuple[Amount, ...] = ()
    account: Names = ()
    campaign_id: Names = ()
    campaign_name: Names = ()
    currency: Names = ()
    external_id: Names = ()
    levels: tuple[Level, ...] = ()  # the finest first
    segments: tuple[
        Level, ...
    ] = ()  # what tells rows apart where no level does; only what a restatement keeps
    empty_is_zero: bool = False
    total_has_no_campaign: bool = False  # a row with empty campaign and ad is the export's own total
    clean_account: Callable[[str], str] = str
    clean_campaign_id: Callable[[str], str] = str  # may raise ValueError with words that follow the value

    def is_marked_by(self, header: Sequence[str]) -> bool:
        """Whether a row is the header of this format."""
        columns = Columns(header)
        return any(all(columns.has(name) for name in names) for names in self.marks)


@dataclass(frozen=True, slots=True)
class Found:
    """A column of a file."""

    index: int
    name: str
    currency: str | None = None


class Columns:
    """A header's columns, to be found by name."""

    def __init__(self, header: Sequence[str]) -> None:
        self.names = [name.strip() for name in header]
        self._by_name: dict[str, Found] = {}
        self._by_prefix: dict[str, Found] = {}
        self._times: Counter[str] = Counter()
        for index, name in enumerate(self.names):
            folded = fold(name)
            self._by_name.setdefault(folded, Found(index, name))
            self._times[folded] += 1
            if parts := _IN_PARENTHESES.fullmatch(folded):
                found = Found(index, name, parts["currency"].upper())
                self._by_prefix.setdefault(parts["name"], found)
                self._times[f"{parts['name']}(*)"] += 1

    def has(self, name: str) -> bool:
        return name[1:] in self.names if name.startswith("=") else self.find(name) is not None

    def find(self, name: str) -> Found | None:
        if name.endswith("(*)"):
            return self._by_prefix.get(fold(name[:-3]))
        return self._by_name.get(fold(name))

    def first(self, names: Names) -> Found | None:
        return next(filter(None, map(self.find, names)), None)

    def count(self, found: Found) -> int:
        """How many columns have this name; with a currency in parentheses, in whichever currency."""
        folded = fold(found.name)
        parts = _IN_PARENTHESES.fullmatch(folded) if found.currency else None
        return self._times[f"{parts['name']}(*)" if parts else folded]


def renamed(format_: Format, columns: Mapping[str, str], *, micros: bool | None) -> Format:
    """The format with columns that a person has named, by role (Options says which)."""
    if date := columns.get("date"):
        format_ = replace(format_, when=(When(date, times=Times.DETECTED),), hour=())
    if amount := columns.get("amount"):
        format_ = replace(format_, amounts=(Amount(amount, micros=bool(micros), written=True),))
    elif micros is not None:
        format_ = replace(format_, amounts=tuple(replace(known, micros=micros) for known in format_.amounts))
    if campaign := columns.get("campaign"):
        format_ = replace(format_, campaign_name=(campaign,))
    if campaign_id := columns.get("campaign_id"):
        format_ = replace(format_, campaign_id=(campaign_id,))
    if currency := columns.get("currency"):
        format_ = replace(format_, currency=(currency,))
    if external_id := columns.get("id"):
        format_ = replace(format_, external_id=(external_id,))
    if line := columns.get("line"):
        label = fold(line).replace("=", "")[:LONGEST_LABEL]
        format_ = replace(format_, levels=(Level(label, (line,)),), segments=())
    return format_
