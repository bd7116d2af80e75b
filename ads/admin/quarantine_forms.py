"""What a person says about quarantined spend, and what it then brings about."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from unfold.widgets import UnfoldAdminSingleDateWidget, UnfoldAdminTextInputWidget

from ads import formats
from ads.actor import Actor
from ads.admin import cells
from ads.admin.import_form import plain
from ads.admin.spend_form import CampaignChoiceField, CampaignSelect
from ads.admin.telling import tell
from ads.forms import AmountField
from ads.models import Brand, Campaign, ImportMode, QuarantinedSpend, QuarantineProblem
from ads.rules.money import to_micros
from ads.services import consequences
from ads.services.enforcement import Change
from ads.services.release import Correction, Released, release
from ads.services.transactions import retrying

REASONS_TOLD = 5


class CampaignOfBrandSelect(CampaignSelect):
    """Campaigns of one brand alone, by typing part of a name."""

    def __init__(self, brand_id: int | None, admin_site: AdminSite) -> None:
        super().__init__(QuarantinedSpend._meta.get_field("campaign"), admin_site)
        self.brand_id = brand_id

    def get_url(self) -> str:
        return f"{super().get_url()}?brand={self.brand_id or ''}"


def _campaign_field(brand_id: int | None, request: HttpRequest, site: AdminSite, **kwargs: Any) -> Any:
    campaigns = Campaign.objects.visible_to(request.user).select_related("brand")
    return CampaignChoiceField(
        queryset=campaigns if brand_id is None else campaigns.filter(brand=brand_id),
        widget=CampaignOfBrandSelect(brand_id, site),
        error_messages={"required": "Choose the campaign that it was spent on."},
        **kwargs,
    )


class MatchForm(forms.Form):
    def __init__(self, data: Any, *, brand_id: int | None, request: HttpRequest, site: AdminSite) -> None:
        super().__init__(data)
        self.fields["campaign"] = _campaign_field(brand_id, request, site, label="Campaign")


class DismissForm(forms.Form):
    note = forms.CharField(
        label="Why",
        required=False,
        max_length=255,
        widget=UnfoldAdminTextInputWidget(),
        help_text="It is kept with the rows, such as: test spend of the platform. May be left empty.",
    )


class CorrectForm(forms.Form):
    """What is left as it stands is the record's own."""

    campaign: forms.Field
    amount = AmountField(
        can_be_negative=True,
        widget=UnfoldAdminTextInputWidget(),
        error_messages={"required": "Say how much was spent, such as 12.50."},
    )
    spent_on = forms.DateField(
        label="Date",
        widget=UnfoldAdminSingleDateWidget(format="%Y-%m-%d"),
        error_messages={
            "required": "Say on which day it was spent, such as 2026-03-31.",
            "invalid": "That is not a date; 2026-03-31 would be one.",
        },
    )
    line = forms.CharField(
        required=False,
        max_length=255,
        widget=UnfoldAdminTextInputWidget(),
        help_text="What it is of below the campaign, as level=id, such as ad=120216. Empty: the campaign as a whole.",
    )
    external_id = forms.CharField(
        label="Id in its source",
        required=False,
        max_length=255,
        widget=UnfoldAdminTextInputWidget(),
        help_text="The same brand, source and id are counted once.",
    )

    def __init__(self, data: Any, *, row: QuarantinedSpend, request: HttpRequest, site: AdminSite) -> None:
        self.row = row
        super().__init__(data, initial=self._initial())
        brand = row.brand
        self.fields = {
            "campaign": _campaign_field(row.brand_id, request, site, label="Campaign"),
            **self.fields,
        }
        del self.fields["external_id" if row.mode == ImportMode.SNAPSHOT else "line"]
        needs_day = row.problem in (QuarantineProblem.TOO_FAR_AHEAD, QuarantineProblem.UNREADABLE)
        if row.mode == ImportMode.EVENTS and not needs_day:
            self.fields["spent_on"].required = False
            since = "at which it was spent" if row.occurred_at else "at which it came"
            self.fields["spent_on"].help_text = f"Leave empty for the day of the moment {since}."
        currency = brand.currency if brand else "the currency of the campaign’s brand"
        self.fields["amount"].label = f"Amount ({currency})"
        if row.amount_micros is not None and "amount" not in self.initial:
            said = cells.money_as_said(row.amount_micros, row.currency)
            self.fields["amount"].help_text = f"The record says {said}."

    def _initial(self) -> dict[str, Any]:
        row = self.row
        initial: dict[str, Any] = {"campaign": row.campaign_id, "spent_on": row.spent_on, "line": row.line}
        initial["external_id"] = row.external_id
        if row.amount is not None and row.brand is not None and row.currency in ("", row.brand.currency):
            initial["amount"] = row.amount
        return initial

    @property
    def correction(self) -> Correction:
        """What was said otherwise than the record says."""
        given = self.cleaned_data
        return Correction(
            amount_micros=to_micros(str(given["amount"])) if "amount" in self.changed_data else None,
            spent_on=given["spent_on"] if "spent_on" in self.changed_data else None,
            line=given.get("line") if "line" in self.changed_data else None,
            external_id=given.get("external_id") if "external_id" in self.changed_data else None,
        )

    @property
    def campaign_given(self) -> Campaign | None:
        """The campaign where it is another than the record's own."""
        return self.cleaned_data["campaign"] if "campaign" in self.changed_data else None

    def refuse(self, reason: str) -> None:
        """Says on its field what stands against the record."""
        field, _, message = reason.partition(": ")
        known = {"date": "spent_on", "occurred_at": "spent_on", "currency": "amount"}.get(field, field)
        if known in self.fields and message:
            self.add_error(known, f"{message}.")
        else:
            self.add_error(None, f"{reason}.")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of rows of one brand, and what followed for its campaigns."""

    brand: Brand | None
    asked: int
    released: Released
    changes: list[Change]


def release_rows(
    rows: Sequence[QuarantinedSpend],
    *,
    campaign: Campaign | None = None,
    correction: Correction | None = None,
    by: Actor,
) -> list[Outcome]:
    """Counts these rows, brand by brand, because no currencies are added up. Raises InvalidSpend."""
    of_brand: defaultdict[int | None, list[QuarantinedSpend]] = defaultdict(list)
    for row in rows:
        of_brand[row.brand_id].append(row)
    outcomes = []
    for group in of_brand.values():
        brand = campaign.brand if campaign is not None else group[0].brand
        ids = [row.pk for row in group]
        outcomes.append(_release(ids, brand, campaign, correction, by))
    return outcomes


@retrying
def _release(
    ids: Sequence[int],
    brand: Brand | None,
    campaign: Campaign | None,
    correction: Correction | None,
    by: Actor,
) -> Outcome:
    point = consequences.mark({brand.pk} if brand else set())
    released = release(ids, campaign=campaign, correction=correction, by=by, now=timezone.now())
    return Outcome(brand, len(ids), released, consequences.since(point))


def tell_outcomes(
    request: HttpRequest, outcomes: Iterable[Outcome], campaign: Campaign | None = None
) -> None:
    """Says what was booked, what changed, and what still waits and why."""
    held: Counter[str] = Counter()
    elsewhere = 0
    for outcome in outcomes:
        done = outcome.released
        held.update(plain(reason) for _, reason in done.held)
        elsewhere += outcome.asked - done.count - len(done.held)
        if done.count and outcome.brand is not None:
            _tell_counted(request, done, outcome.brand, campaign)
        tell(request, outcome.changes)
    for reason, count in held.most_common(REASONS_TOLD):
        waits = f"{formats.counted(count, 'row')} still {'waits' if count == 1 else 'wait'}: {reason}."
        messages.warning(request, waits)
    if len(held) > REASONS_TOLD:
        messages.warning(request, f"And {sum(held.values()):,} rows in all wait, for other reasons too.")
    if elsewhere:
        was = "was" if elsewhere == 1 else "were"
        messages.warning(
            request, f"{formats.counted(elsewhere, 'row')} {was} decided on before, and left as decided."
        )


def _tell_counted(request: HttpRequest, done: Released, brand: Brand, campaign: Campaign | None) -> None:
    rows = f"{formats.counted(done.count, 'row')} {'is' if done.count == 1 else 'are'} counted"
    booked = formats.exact_money(done.booked_micros, brand.currency)
    where = format_html("{} ({})", cells.link(campaign), brand.name) if campaign else brand.name
    messages.success(request, format_html("{}: {} booked for {}.", rows, booked, where))
