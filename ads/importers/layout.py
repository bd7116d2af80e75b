"""Which column of one file says what."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter

from ads.importers.formats import Amount, Columns, Format, Found, Level, Names, Times, When
from ads.importers.records import ImportRefused

Cells = list[str]
Key = str | tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The columns of one file, by what they say. Indexes of columns that it lacks are -1."""

    format: Format
    width: int
    names: Sequence[str]
    date: Found
    when: When
    until: int
    hour: int
    amount: Found
    money: Amount
    twin: int
    account: int
    campaign_id: int
    campaign_name: int
    currency: int
    external_id: int
    levels: tuple[tuple[Level, int], ...]
    segments: tuple[tuple[Level, int], ...]

    @property
    def has_campaigns(self) -> bool:
        """Whether the file says which campaign a row belongs to."""
        return self.campaign_id >= 0 or self.campaign_name >= 0

    @property
    def roles(self) -> list[tuple[str, int]]:
        """What is read, in words, and the column's index."""
        below = [(level.label, index) for level, index in (*self.levels, *self.segments)]
        return [
            ("date", self.date.index), ("hour", self.hour), ("amount", self.amount.index), ("account", self.account),
            ("campaign id", self.campaign_id), ("campaign", self.campaign_name), ("currency", self.currency),
            ("id", self.external_id), *below,
        ]  # fmt: skip

    @property
    def last_needed(self) -> int:
        """The index of the last column that is looked at."""
        below = [index for _, index in (*self.levels, *self.segments)]
        owner = [self.account, self.campaign_id, self.campaign_name, self.currency, self.external_id]
        return max(self.date.index, self.until, self.hour, self.amount.index, self.twin, *owner, *below)

    @property
    def is_hourly_by_name(self) -> bool:
        """Whether the columns alone say that each row is one hour."""
        return self.when.times == Times.HOURS or self.hour >= 0

    @property
    def known_currency(self) -> str | None:
        """The currency that the amount's column is named for."""
        return self.amount.currency or self.money.currency


def lay_out(file: str, format_: Format, header: Sequence[str], row: int) -> Layout:
    """Finds the columns. Raises ImportRefused where the file has no date or leaves open which column is meant."""
    columns = Columns(header)
    money, amount = next((spec, found) for spec in format_.amounts if (found := columns.find(spec.column)))
    dated = next(((spec, found) for spec in format_.when if (found := columns.find(spec.column))), None)
    if dated is None:
        raise ImportRefused(file, f"has no column with the date of each row. {format_.ask_for}", row=row)
    when, date = dated

    def once(found: Found) -> int:
        if columns.count(found) > 1:
            often = "appears twice, or in two currencies" if found.currency else "appears twice"
            raise ImportRefused(file, f"{often}; leave one out", row=row, column=found.name)
        return found.index

    def index(names: Names) -> int:
        found = columns.first(names)
        return -1 if found is None else once(found)

    def below(levels: tuple[Level, ...]) -> tuple[tuple[Level, int], ...]:
        return tuple((level, at) for level in levels if (at := index(level.columns)) >= 0)

    for found in (date, amount):
        once(found)
    return Layout(
        format=format_,
        width=len(header),
        names=columns.names,
        date=date,
        when=when,
        until=index((when.until,)) if when.until else -1,
        hour=index(format_.hour),
        amount=amount,
        money=money,
        twin=index((money.twin,)) if money.twin else -1,
        account=index(format_.account),
        campaign_id=index(format_.campaign_id),
        campaign_name=index(format_.campaign_name),
        currency=index(format_.currency),
        external_id=index(format_.external_id),
        levels=below(format_.levels),
        segments=below(format_.segments),
    )


def picker(indexes: Sequence[int]) -> Callable[[Cells], Key]:
    """A function that takes these cells of a row, fast: the one cell, several as a tuple, none as ''.

    The row has an empty cell after its last, at -1.
    """
    return itemgetter(*indexes) if indexes else itemgetter(-1)


def parts(key: Key) -> tuple[str, ...]:
    """The cells that a picker took."""
    return (key,) if isinstance(key, str) else key
