"""What goes in at the door of the ledger, and the answer for each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from ads.models import Kind
from ads.services.ledger import RowValues


@dataclass(slots=True, kw_only=True)  # not frozen: making one would take three times as long
class SpendEvent:
    """One thing that was spent, refunded or adjusted; `amount_micros` is signed, in the brand's currency.

    `occurred_at` is aware and only given where the sender gave it. `spent_on` is given for dated records only:
    it is then the platform's date, and rules. With neither, it happened when it was recorded.
    """

    campaign_id: int
    amount_micros: int
    kind: Kind = Kind.SPEND
    occurred_at: datetime | None = None
    spent_on: date | None = None
    external_id: str | None = None
    currency: str | None = None
    description: str = ""
    reverses_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendSnapshot:
    """A feed's total so far for one campaign, date and (where given) line and hour, in the brand's currency.

    `line` is the finest id of the export as "level=id" (such as "ad=120216"), '' at campaign level. `as_of` is
    when the report was made; without it the moment of arrival counts.
    """

    campaign_id: int
    day: date
    amount_micros: int
    line: str = ""
    hour: int | None = None
    as_of: datetime | None = None
    currency: str | None = None

    @property
    def granularity(self) -> str:
        """How finely this cuts a campaign's date; one source cuts one date in one way only."""
        level = self.line.partition("=")[0]
        per = "day" if self.hour is None else "hour"
        return per if level in ("", CAMPAIGN_LEVEL) else f"{per} by {level}"


# The level in the line of totals of a platform's campaign that is matched to one of ours: several may be.
CAMPAIGN_LEVEL = "campaign"
# The source of reversals alone: the identity of one is the row it reverses.
REVERSAL = "reversal"

Record = SpendEvent | SpendSnapshot


class Result(StrEnum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    QUARANTINED = "quarantined"
    REFUSED = "refused"


@dataclass(slots=True)
class Answer:
    """What became of one record.

    `log_id` is the ledger's row it is booked in, the first one's for a repeated event, None where there was
    nothing to book; `booked_micros` what this record added, in `row`. `field` and `message` say what is wrong.
    Conflicts and what is quarantined wait for a person; what is refused is kept nowhere.
    """

    record: Record
    result: Result
    log_id: int | None = None
    booked_micros: int = 0
    row: RowValues | None = None
    field: str = ""
    message: str = ""


@dataclass(slots=True)
class Totals:
    """How many records had which result, and the micros that they added to the ledger, over all their currencies."""

    counts: Counter[Result] = field(default_factory=Counter)
    booked_micros: int = 0

    def add(self, answers: Sequence[Answer]) -> None:
        self.counts.update([answer.result for answer in answers])
        self.booked_micros += sum([answer.booked_micros for answer in answers])
