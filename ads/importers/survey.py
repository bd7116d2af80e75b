"""What is decided from a whole file before its first row counts: decimal mark, order of dates, hours, segments."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ads.importers.amounts import AmountReader, MarkEvidence
from ads.importers.dates import Moment, Order, OrderEvidence, Span, read_moment
from ads.importers.formats import LONGEST_LABEL, Times, fold
from ads.importers.layout import Key, Layout, parts, picker
from ads.importers.records import Broken, ImportRefused, Row, shorten
from ads.importers.totals import is_total

MOST_AT_ONCE = 50_000
MOST_MOMENTS = 200_000
LONGEST_CELL = 255  # longer ones are no dates and no amounts, and are not kept
MINUTES_A_DAY = 1_440
# Other columns of money and rates are written like the amount and may tell the decimal mark where it does not.
TELLING = (
    "cost",
    "cpc",
    "cpm",
    "cpa",
    "ctr",
    "rate",
    "spend",
    "spent",
    "value",
    "budget",
    "revenue",
    "roas",
    "price",
)

Numbered = Iterable[tuple[int, Row]]


@dataclass(frozen=True, slots=True)
class Findings:
    """How this file is written."""

    reader: AmountReader
    order: Order | None
    is_hourly: bool
    label: str  # of the lines, '' at campaign level
    line_columns: tuple[int, ...]
    currency: str | None


class Survey:
    """One pass over a file's rows, in bounded memory."""

    def __init__(self, file: str, layout: Layout, *, order: Order | None, mark: str) -> None:
        self._file = file
        self._layout = layout
        self._order = order
        self._mark = mark
        self._marks = MarkEvidence()
        self._amounts: dict[str, int] = {}
        self._moments: dict[Key, int] = {}
        self._twins: dict[tuple[str, str], int] = {}
        self._filled: set[int] = set()

    def take(self, rows: Numbered) -> None:
        """Looks at every row."""
        layout = self._layout
        amount_at, date_at, until_at, twin_at = (
            layout.amount.index,
            layout.date.index,
            layout.until,
            layout.twin,
        )
        looked_at = [date_at, *[at for at in (until_at, self._account_at()) if at >= 0]]
        moment_of = picker(looked_at)
        least = max(*looked_at, amount_at, twin_at) + 1
        amounts, moments, twins = self._amounts, self._moments, self._twins
        unfilled = [index for _, index in (*layout.levels, *layout.segments)]
        for number, cells in rows:
            if isinstance(cells, Broken) or len(cells) < least:
                continue  # reported when the rows are given out
            amount, moment = cells[amount_at], moment_of(cells)
            if moment not in moments and all(len(text) <= LONGEST_CELL for text in parts(moment)):
                if until_at >= 0 and cells[until_at] != cells[date_at] and is_total(cells, layout):
                    continue
                moments[moment] = number
                if len(moments) > MOST_MOMENTS:
                    raise self._refused(
                        f"has more than {MOST_MOMENTS:,} dates and times; {_NOT_TOTALS}", number
                    )
            if amount not in amounts and len(amount) <= LONGEST_CELL:
                amounts[amount] = number
                if len(amounts) > MOST_AT_ONCE:
                    self._weigh_amounts()
            if unfilled:
                filled = [index for index in unfilled if index < len(cells) and cells[index].strip()]
                self._filled.update(filled)
                unfilled = [index for index in unfilled if index not in self._filled]
            if (
                twin_at >= 0
                and len(twins) < MOST_AT_ONCE
                and len(amount + cells[twin_at]) <= 2 * LONGEST_CELL
            ):
                twins.setdefault((amount, cells[twin_at]), number)
        self._weigh_amounts()

    def needs_more(self) -> bool:
        """Whether the amounts leave their decimal mark open, so that other columns are asked."""
        usual_helps = not self._layout.money.written and self._marks.comma_or_group is None
        return not (self._mark or self._layout.money.micros or usual_helps) and self._marks.is_open

    def take_others(self, rows: Numbered) -> None:
        """Looks at the other columns of money and rates."""
        names = [fold(name) for name in self._layout.names]
        telling = [index for index, name in enumerate(names) if any(word in name for word in TELLING)]
        others = MarkEvidence()
        for number, row in rows:
            if isinstance(row, Broken):
                continue
            others.add(
                (row[index].strip().removesuffix("%"), number) for index in telling if index < len(row)
            )
        if bool(others.point) != bool(others.comma):
            self._marks.point, self._marks.comma = others.point, others.comma

    def findings(self) -> Findings:
        """Decides. Raises ImportRefused where the file leaves open what must not be guessed."""
        layout = self._layout
        order = self._decided_order()
        reader = AmountReader(self._decided_mark(), layout.money.micros, layout.format.empty_is_zero)
        label, line_columns = self._line()
        return Findings(
            reader=reader,
            order=order,
            is_hourly=self._is_hourly(order),
            label=label,
            line_columns=line_columns,
            currency=layout.known_currency or self._twin_currency(reader),
        )

    def _account_at(self) -> int:
        return self._layout.account if self._layout.when.times == Times.UTC_MIDNIGHT else -1

    def _weigh_amounts(self) -> None:
        self._marks.add(self._amounts.items())
        self._amounts.clear()

    def _decided_mark(self) -> str:
        if self._mark or self._layout.money.micros:
            return self._mark or "."
        try:
            return self._marks.decide(usual="" if self._layout.money.written else ".")
        except ValueError as error:
            raise self._refused(str(error), column=self._layout.amount.name) from None

    def _decided_order(self) -> Order | None:
        evidence = OrderEvidence()
        cells = 2 if self._layout.until >= 0 else 1
        evidence.add((text, row) for key, row in self._moments.items() for text in parts(key)[:cells])
        try:
            return self._order or evidence.decide()
        except ValueError as error:
            raise self._refused(str(error), column=self._layout.date.name) from None

    def _is_hourly(self, order: Order | None) -> bool:
        """Whether each row is an hour; refuses what covers more than a day or less than an hour."""
        when = self._layout.when
        times: dict[int, tuple[int, str]] = {}
        by_account: dict[str, set[int]] = {}
        for key, row in self._moments.items():
            moment = parts(key)
            start = self._start(moment, order, row)
            if start is None:
                continue
            if start.minutes is not None:
                times.setdefault(start.minutes, (row, moment[0]))
            if when.times == Times.UTC_MIDNIGHT:
                by_account.setdefault(moment[-1], set()).add(start.minutes or 0)
        if when.times == Times.UTC_MIDNIGHT:
            self._check_midnights(by_account)
            return False
        if self._layout.is_hourly_by_name or (when.times == Times.DETECTED and any(times)):
            for minutes, (row, text) in times.items():
                if minutes % 60:
                    raise self._refused(
                        f"“{shorten(text)}” is no full hour; {_NOT_TOTALS}", row, self._layout.date.name
                    )
            return True
        return False

    def _start(self, moment: Sequence[str], order: Order | None, row: int) -> Moment | None:
        """When a row begins; None where that cannot be read, which is the row's own problem later."""
        try:
            start = read_moment(moment[0], order)
            end = read_moment(moment[1], order) if self._layout.until >= 0 else start
        except Span as error:
            raise self._span(str(error), row) from None
        except ValueError:
            return None
        minutes = (end.day - start.day).days * MINUTES_A_DAY + (end.minutes or 0) - (start.minutes or 0)
        # A day lasts 25 hours at most; an end that is included lies within the day.
        longest = MINUTES_A_DAY + 60 if self._layout.when.until_is_excluded else MINUTES_A_DAY - 1
        if minutes > longest:
            raise self._span(f"the row covers {start.day} to {end.day}", row)
        return start

    def _span(self, problem: str, row: int) -> ImportRefused:
        reason = f"{problem}, but each row must be one day. {self._layout.format.ask_for}"
        return self._refused(reason, row, self._layout.date.name)

    def _check_midnights(self, by_account: dict[str, set[int]]) -> None:
        for times in by_account.values():
            latest = max(times)
            # Times around 00:00 UTC lie beside each other, as London's 23:00 and 00:00 do.
            turned = [(time - latest + MINUTES_A_DAY // 2) % MINUTES_A_DAY for time in times]
            if max(turned) - min(turned) > 60:
                shown = ", ".join(f"{time // 60:02}:{time % 60:02}" for time in sorted(times)[:3])
                reason = (
                    f"has times of day ({shown}) that are not one midnight. {self._layout.format.ask_for}"
                )
                raise self._refused(reason, column=self._layout.date.name)

    def _line(self) -> tuple[str, tuple[int, ...]]:
        """The finest level that is filled; else the segments that are."""
        for level, index in self._layout.levels:
            if index in self._filled:
                return level.label, (index,)
        segments = [(level.label, index) for level, index in self._layout.segments if index in self._filled]
        if not segments:
            return "", ()
        # The columns are part of the level: cut by device and cut by network are two granularities.
        label = f"segment {'+'.join(label for label, _ in segments)}"
        if len(label) > LONGEST_LABEL:
            raise AssertionError(f"{self._layout.format.platform}: shorten the labels of its segments")
        return label, tuple(index for _, index in segments)

    def _twin_currency(self, reader: AmountReader) -> str | None:
        """ "USD" where every amount equals the one in US dollars beside it, "not USD" where one does not."""
        is_dollar = None
        for pair in self._twins:
            try:
                amount, dollars = (reader.read(text)[0] for text in pair)
            except ValueError:
                continue
            if amount != dollars:
                return "not USD"
            if amount:
                is_dollar = "USD"
        return is_dollar

    def _refused(self, reason: str, row: int | None = None, column: str | None = None) -> ImportRefused:
        return ImportRefused(self._file, reason, row=row, column=column)


_NOT_TOTALS = "these look like single events, not totals of a day or an hour"


def numbered(rows: Iterator[Row], first: int) -> Numbered:
    """Rows with their numbers."""
    return enumerate(rows, first)
