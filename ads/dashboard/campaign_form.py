"""The form of a campaign's budgets and flight, edited on its page."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from ads import formats
from ads.forms import AmountField
from ads.models import Campaign
from ads.rights import Right
from ads.rules.money import to_micros
from ads.rules.serving import CampaignFacts
from ads.services.campaign_settings import Setting

BUDGETS = {"daily_budget": "Daily budget", "monthly_budget": "Monthly budget", "total_budget": "Total budget"}
DATES = {"start_date": "First day", "end_date": "Last day"}


class SettingsForm(forms.Form):
    """The settings that the person may change; `seen` is the last change that its reader saw."""

    seen = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(
        self, campaign: Campaign, acts: frozenset[Right], seen: int, data: Mapping[str, Any] | None = None
    ) -> None:
        names = [
            name
            for act, group in ((Right.EDIT_BUDGETS, BUDGETS), (Right.EDIT_SCHEDULES, DATES))
            if act in acts
            for name in group
        ]
        super().__init__(data, initial={name: getattr(campaign, name) for name in names} | {"seen": seen})
        self.names = names
        self.currency = campaign.brand.currency
        for name in names:
            self.fields[name] = _budget(campaign, name) if name in BUDGETS else _date(DATES[name])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        first, last = cleaned.get("start_date"), cleaned.get("end_date")
        if first and last and last < first:
            self.add_error("end_date", ValidationError(f"The flight would end before it starts on {first}."))
        return cleaned

    @property
    def values(self) -> dict[str, Setting]:
        """What is to be written."""
        return {name: self.cleaned_data[name] for name in self.names}

    @property
    def budgets(self) -> list[forms.BoundField]:
        """The fields of money."""
        return [self[name] for name in self.names if name in BUDGETS]

    @property
    def dates(self) -> list[forms.BoundField]:
        """The fields of the flight."""
        return [self[name] for name in self.names if name in DATES]

    @property
    def new_budgets(self) -> list[str]:
        """The budgets that would change, as they were understood: "Daily budget: $1,300.00"."""
        return [
            f"{BUDGETS[name]}: {formats.exact_money(to_micros(value), self.currency)}."
            for name, value in self.values.items()
            if name in BUDGETS and isinstance(value, Decimal) and name in self.changed_data
        ]

    def applied_to(self, facts: CampaignFacts) -> CampaignFacts:
        """What would be known of the campaign after saving."""
        budgets = {
            f"{name}_micros": to_micros(value) if isinstance(value, Decimal) else None
            for name, value in self.values.items()
            if name in BUDGETS
        }
        dates = {name: value for name, value in self.values.items() if name in DATES}
        return facts._replace(**budgets, **dates)  # type: ignore[arg-type]


def _budget(campaign: Campaign, name: str) -> forms.Field:
    return AmountField(
        label=BUDGETS[name],
        required=False,
        currency=campaign.brand.currency,
        present=getattr(campaign, name),
    )


def _date(label: str) -> forms.Field:
    widget = forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, required=False, widget=widget)
