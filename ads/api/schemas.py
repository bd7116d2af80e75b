"""What goes in and what comes out. Amounts are strings, moments carry their offset, unknown fields are refused.

A field's description is written so that it can follow "give": it documents the field and tells who sent
something else what would be right.
"""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag

from ads.models import AlertKind, Cause, Kind, PeriodKind
from ads.models.alerts import AlertState
from ads.rules.serving import Reason, Status

MAX_ID = 2**63 - 1
WAYS_TO_NAME = ("(id)", "(reference)")  # as pydantic tells which form of a campaign it tried
NO_NUL = r"^[^\x00]*$"
AMOUNT = r"^-?[0-9]{1,12}(\.[0-9]{1,6})?$"
BUDGET = r"^[0-9]{1,12}(\.[0-9]{1,6})?$"
MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$"
LINE = r"^([^=\x00]+=[^\x00]+)?$"
DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
SOURCE = r"^[A-Za-z0-9][A-Za-z0-9 ._:/@+-]{0,63}$"

Amount = Annotated[str, StringConstraints(strict=True, pattern=AMOUNT)]
Budget = Annotated[str, StringConstraints(strict=True, pattern=BUDGET)]
MomentText = Annotated[str, StringConstraints(strict=True, pattern=MOMENT)]
DayText = Annotated[str, StringConstraints(strict=True, pattern=DAY)]
Source = Annotated[str, StringConstraints(strict=True, pattern=SOURCE)]
Currency = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Z]{3}$")]
CampaignId = Annotated[int, Field(strict=True, ge=1, le=MAX_ID)]


class Given(BaseModel):
    """A body that people send: nothing in it is guessed, and nothing unknown is passed over."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CampaignReference(Given):
    """A campaign by what its platform calls it."""

    platform: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=64, pattern=NO_NUL)] = (
        Field(description="The platform's name as the campaign has it, such as meta.")
    )
    account: Annotated[str, StringConstraints(strict=True, max_length=128, pattern=NO_NUL)] = Field(
        "", description="The account on the platform as the campaign has it, empty where it has none."
    )
    external_id: Annotated[
        str, StringConstraints(strict=True, min_length=1, max_length=255, pattern=NO_NUL)
    ] = Field(description="The campaign's id on its platform, as a string.")


def _way_to_name(campaign: object) -> str:
    # A model's own isinstance is ten times as slow as its type.
    return WAYS_TO_NAME[isinstance(campaign, dict) or type(campaign) is CampaignReference]


Campaign = Annotated[
    Annotated[CampaignId, Tag(WAYS_TO_NAME[0])] | Annotated[CampaignReference, Tag(WAYS_TO_NAME[1])],
    Discriminator(_way_to_name),
]

_CAMPAIGN = 'The campaign\'s id, or {"platform": ..., "account": ..., "external_id": ...}.'
_SOURCE = "A short name of where the record comes from: its id is unique there. Letters, digits, ._:/@+-"
_CURRENCY = "The brand's ISO 4217 code such as USD, or leave it out."


class SpendEvent(Given):
    """One thing that was spent, refunded or adjusted."""

    campaign: Campaign = Field(description=_CAMPAIGN)
    amount: Amount = Field(description='A string with at most 6 decimals, such as "12.50".')
    external_id: Annotated[
        str, StringConstraints(strict=True, min_length=1, max_length=255, pattern=NO_NUL)
    ] = Field(description="The record's id at its source: sent again, it counts once.")
    kind: Literal["SPEND", "REFUND", "ADJUSTMENT"] = Field(
        "SPEND",
        description="One of SPEND (more than 0), REFUND (less than 0) or ADJUSTMENT (either, not 0).",
    )
    source: Source = Field("api", description=_SOURCE)
    occurred_at: MomentText | None = Field(
        None,
        description="The moment it was spent, with its offset, such as 2026-11-20T14:05:00+01:00. "
        "Left out, and without spent_on: now.",
    )
    spent_on: DayText | None = Field(
        None,
        description="The date it counts for, such as 2026-11-20, where the source knows no moment. "
        "Not together with occurred_at.",
    )
    currency: Currency | None = Field(None, description=_CURRENCY)
    description: Annotated[str, StringConstraints(strict=True, max_length=255, pattern=NO_NUL)] = Field(
        "", description="Words for people, at most 255 characters."
    )


class SpendSnapshot(Given):
    """A source's total so far for one campaign and date: it replaces the last one, and the difference is booked."""

    campaign: Campaign = Field(description=_CAMPAIGN)
    date: DayText = Field(description="The date of the total, such as 2026-11-20.")
    amount: Amount = Field(
        description='The total so far as a string with at most 6 decimals, such as "12.50".'
    )
    source: Source = Field("api", description=_SOURCE)
    line: Annotated[str, StringConstraints(strict=True, max_length=255, pattern=LINE)] = Field(
        "",
        description='The finest part that the total is for, as "level=id" such as "ad=120216"; empty for the '
        "whole campaign.",
    )
    hour: Annotated[int, Field(strict=True, ge=0, le=23)] | None = Field(
        None, description="The hour of the date, 0 to 23, where totals are hourly."
    )
    as_of: MomentText | None = Field(
        None,
        description="The moment the source made the total, with its offset: the newest counts. Left out: now.",
    )
    currency: Currency | None = Field(None, description=_CURRENCY)


class BrandChange(Given):
    """What is given is changed, the rest stays."""

    daily_budget: Budget | None = Field(
        None, description='A string such as "100.00"; null for no limit, "0" to spend nothing.'
    )
    monthly_budget: Budget | None = Field(
        None, description='A string such as "2000.00"; null for no limit, "0" to spend nothing.'
    )
    is_active: Annotated[bool, Field(strict=True)] = Field(
        True, description="True or false; switched off, none of its campaigns runs."
    )


class CampaignChange(Given):
    """What is given is changed, the rest stays."""

    daily_budget: Budget | None = Field(
        None, description='A string such as "100.00"; null for no limit, "0" to spend nothing.'
    )
    monthly_budget: Budget | None = Field(
        None, description='A string such as "2000.00"; null for no limit, "0" to spend nothing.'
    )
    total_budget: Budget | None = Field(
        None, description='A string such as "9000.00"; null for no limit, "0" to spend nothing.'
    )
    enabled: Annotated[bool, Field(strict=True)] = Field(
        True, description="True or false: what people ask of it. Automation never changes this."
    )
    start_date: DayText | None = Field(
        None, description="The first day of the flight such as 2026-11-20, or null."
    )
    end_date: DayText | None = Field(
        None, description="The last day of the flight such as 2026-12-24, on which it still runs, or null."
    )


class Told(BaseModel):
    """A body that the API answers with."""

    model_config = ConfigDict(frozen=True)


class FieldErrorOut(Told):
    field: str = Field(description="The field; empty for the whole.")
    message: str


class ProblemOut(Told):
    """An error (RFC 9457)."""

    type: str = Field(description="The stable name for programs: urn:problem-type:budgets: and a word.")
    title: str
    status: int
    detail: str = Field(description="What is wrong, and what would be right.")
    errors: list[FieldErrorOut] = Field(description="Each thing that is wrong; empty where it is the whole.")
    id: int | None = Field(None, description="In a conflict: the ledger's row that came first.")


class EventAnswer(Told):
    """What became of one event."""

    result: Literal["accepted", "duplicate", "conflict", "quarantined", "refused"]
    id: int | None = Field(
        description="The ledger's row it is booked in; for a repeated event the first one's."
    )
    errors: list[FieldErrorOut] = Field(description="What is wrong with it, where it is not counted.")


class SnapshotAnswer(EventAnswer):
    """What became of one total."""

    booked: str = Field(description="What it added to the ledger; negative where the source took spend back.")


class Counts(Told):
    """How many of the items had which result."""

    accepted: int
    duplicate: int
    conflict: int
    quarantined: int
    refused: int


class EventAnswers(Told):
    counts: Counts
    items: list[EventAnswer] = Field(description="One for each item, in their order.")


class SnapshotAnswers(Told):
    counts: Counts
    items: list[SnapshotAnswer] = Field(description="One for each item, in their order.")


class SpendRow(Told):
    """A row of the ledger."""

    id: int
    brand: int
    campaign: int
    kind: Kind
    amount: str
    currency: str
    occurred_at: datetime | None
    spent_on: date
    recorded_at: datetime
    source: str
    external_id: str | None
    description: str
    recorded_by: str
    while_off: bool = Field(description="Spent at a moment at which the campaign was not to run.")
    reverses: int | None = Field(description="The row that this one takes back.")


class Period(Told):
    """What was spent in a day, a month or a flight, against its budget."""

    starts_on: date | None = Field(description="Null for the flight, which counts all the campaign's spend.")
    budget: str | None = Field(description="Null: no limit.")
    spent: str
    waived: str = Field(description="Of what was spent, what a person has taken out of the count.")
    current: str = Field(description="What counts against the budget: spent less waived.")
    remaining: str | None = Field(description="Negative where more is spent; null without a budget.")
    reached: bool


class BrandOut(Told):
    id: int
    name: str
    currency: str
    timezone: str
    is_active: bool
    archived_at: datetime | None
    daily_budget: str | None
    monthly_budget: str | None
    today: date = Field(description="The date in the brand's time zone.")
    day: Period
    month: Period
    campaigns: dict[Status, int] = Field(description="How many of its campaigns have which status.")


class ChangedBrand(BrandOut):
    warnings: list[str] = Field(description="What is allowed and still worth a word.")


class ReasonOut(Told):
    code: Reason
    words: str


class DecisionOut(Told):
    """Whether it may run at this moment, worked out anew for this answer."""

    may_run: bool
    status: Status
    reasons: list[ReasonOut]
    next_transition_at: datetime | None = Field(description="When time alone will change it.")
    decided_at: datetime


class CampaignOut(Told):
    id: int
    brand: int
    name: str
    platform: str
    account: str
    external_id: str
    currency: str
    enabled: bool = Field(description="What people ask of it.")
    archived_at: datetime | None
    start_date: date | None
    end_date: date | None
    daily_budget: str | None
    monthly_budget: str | None
    total_budget: str | None
    day: Period
    month: Period
    total: Period
    status: Status = Field(description="What the system decided last.")
    status_since: datetime | None
    reasons: list[ReasonOut] = Field(description="All that stands against running, in order.")
    decision: DecisionOut


class ChangedCampaign(CampaignOut):
    warnings: list[str] = Field(description="What is allowed and still worth a word.")


class ServingCampaign(Told):
    id: int
    brand: int
    platform: str
    account: str
    external_id: str


class Serving(Told):
    """The campaigns that may run now."""

    campaigns: list[ServingCampaign]
    next_transition_at: datetime | None = Field(
        description="When time alone will change this list; spend and people may change it at any moment before."
    )


class StatusChangeOut(Told):
    """One change of a campaign's status or of its reasons."""

    id: int
    brand: int
    sequence: int = Field(description="1, 2, 3 ... within the brand, without gaps.")
    campaign: int
    from_status: Status
    from_reasons: list[ReasonOut]
    to_status: Status
    reasons: list[ReasonOut]
    cause: Cause
    by: str
    at: datetime


class AlertOut(Told):
    """One thing that somebody should know, in the words that people read."""

    id: int
    kind: AlertKind
    brand: int | None = Field(description="Null where it is of no brand.")
    campaign: int | None
    state: AlertState
    title: str
    lines: list[str] = Field(description="How much, since when, and what the system did.")
    steps: list[int] = Field(description="The per cents of a budget that were crossed.")
    period: PeriodKind | None
    starts_on: date | None
    spent: str | None
    budget: str | None
    raised_at: datetime
    changed_at: datetime = Field(description="When it was raised, or its last step was crossed.")
    acknowledged_by: str
    snoozed_until: datetime | None
    resolved_at: datetime | None
    resolved_by: str = Field(description="Empty where it ended by itself.")
    ended_at: datetime | None


class Page(Told):
    """A part of a list."""

    next: int = Field(description="Give this as after to go on.")
    has_more: bool


class SpendPage(Page):
    items: list[SpendRow]


class BrandPage(Page):
    items: list[BrandOut]


class CampaignPage(Page):
    items: list[CampaignOut]


class AlertPage(Page):
    items: list[AlertOut]


class StatusChangePage(Page):
    items: list[StatusChangeOut]


class StatusChangeFeed(Told):
    items: list[StatusChangeOut]
    next: str = Field(description="Give this as after to go on.")
    has_more: bool
