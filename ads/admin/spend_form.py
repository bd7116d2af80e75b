"""Recording and reversing spend: the form that takes a record into the ledger, and what follows from it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import uuid4

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect
from unfold.widgets import UnfoldAdminSplitDateTimeWidget, UnfoldAdminTextInputWidget

from ads.actor import Actor
from ads.admin import cells
from ads.errors import InvalidSpend, SpendConflict
from ads.forms import AmountField, WallClockField, on_the_clock_of
from ads.models import Campaign, Kind, SpendLog
from ads.services import BudgetService, consequences
from ads.services.enforcement import Change
from ads.services.transactions import retrying

FORM_PREFIX = "form-"  # ids that the form itself gives, so that one sent twice is recorded once


@dataclass(frozen=True, slots=True)
class Recorded:
    """The row of what was given, whether it stood there before, and what followed for campaigns."""

    log: SpendLog
    is_repeated: bool
    changes: list[Change]


class CampaignSelect(AutocompleteSelect):
    """Campaigns by typing part of a name, each with its brand and currency."""

    url_name = "%s:ads_campaign_choices"


class CampaignChoiceField(forms.ModelChoiceField[Campaign]):
    def label_from_instance(self, obj: Campaign) -> str:
        return cells.campaign_label(obj)


class SpendForm(forms.ModelForm[SpendLog]):
    """Whether a record can be counted only the ledger knows, so a valid form has already recorded it."""

    amount = AmountField(
        can_be_negative=True,
        widget=UnfoldAdminTextInputWidget(),
        help_text="In the brand’s currency, such as 12.50. A refund is negative; an adjustment may be either.",
    )
    occurred_at = WallClockField(
        label="Spent at",
        required=False,
        widget=UnfoldAdminSplitDateTimeWidget(),
        help_text="On the brand’s clock. Leave empty for now; an earlier moment counts for its own day and month.",
    )
    form_id = forms.UUIDField(required=False, widget=forms.HiddenInput, initial=uuid4)
    by: Actor = None
    recorded: Recorded | None = None

    class Meta:
        model = SpendLog
        fields = ("campaign", "kind", "source", "external_id", "description")
        labels = {"external_id": "Id in that source"}
        help_texts = {
            "source": "Where the record comes from, such as manual, meta or google_ads.",
            "external_id": "The same brand, source and id are counted once. Leave empty if there is none.",
        }

    def _post_clean(self) -> None:
        """Instead of checking an instance: takes it into the ledger, or learns on which field it fails."""
        if self.errors:
            return
        try:
            self.recorded = self._record()
        except InvalidSpend as error:
            self._refuse(error.field, error.message)
        except SpendConflict as error:
            field, _, message = str(error).partition(": ")
            self._refuse(field, message)
        except forms.ValidationError as error:
            self.add_error("occurred_at", error)
        else:
            self.instance = self.recorded.log

    def _record(self) -> Recorded:
        given = self.cleaned_data
        return record(
            given["campaign"],
            given["amount"],
            kind=Kind(given["kind"]),
            wall=given["occurred_at"],
            source=given["source"],
            external_id=given["external_id"] or self._own_id(),
            description=given["description"],
            by=self.by,
        )

    def _own_id(self) -> str | None:
        form_id = self.cleaned_data["form_id"]
        return f"{FORM_PREFIX}{form_id}" if form_id else None

    def _refuse(self, field: str, message: str) -> None:
        if field == "external_id" and not self.cleaned_data["external_id"]:
            field, message = (
                "",
                "This form was recorded before, with other content. Open a new one to record another.",
            )
        known = {"date": "occurred_at", "currency": "campaign"}.get(field, field)
        self.add_error(known if known in self.fields else None, message)


@retrying
def record(
    campaign: Campaign,
    amount: Decimal,
    *,
    kind: Kind,
    wall: datetime | None,
    source: str,
    external_id: str | None,
    description: str,
    by: Actor,
) -> Recorded:
    """Records spend given on the clock of the campaign's brand."""
    point = consequences.mark({campaign.brand_id})
    last = SpendLog.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    log = BudgetService.record_spend(
        campaign,
        amount,
        description,
        occurred_at=None if wall is None else on_the_clock_of(campaign.brand.calendar, wall),
        kind=kind,
        source=source,
        external_id=external_id,
        by=by,
    )
    return Recorded(log, log.pk <= last, consequences.since(point))


@retrying
def reverse_one(log: SpendLog, reason: str, *, by: Actor) -> Recorded:
    """Reverses a row. Raises NotReversible."""
    point = consequences.mark({log.brand_id})
    return Recorded(BudgetService.reverse_spend(log, reason, by=by), False, consequences.since(point))


class ReverseForm(forms.Form):
    reason = forms.CharField(
        max_length=255,
        widget=UnfoldAdminTextInputWidget(),
        help_text="It is kept with the reversal, such as: booked on the wrong campaign.",
    )
