"""The form of an alert's rule: only the settings that its kind needs, in words."""

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
)

from ads.models import AlertKind, AlertRule, NotificationChannel, PeriodKind
from ads.models.alerts import DEFAULT_STEPS, KINDS_OF_CAMPAIGNS, MAX_PERCENT
from ads.rights import Person, Right, may

PERCENT_WORDS = {
    AlertKind.PROJECTION: "Per cent by which the month will miss its budget, over or under",
    AlertKind.OVERSPEND: "Per cent spent beyond the budget",
}


class StepsField(forms.CharField):
    """Whole percents with commas between."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(str(step) for step in value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        parts = [part.strip() for part in str(value or "").replace("%", " ").replace(";", ",").split(",")]
        numbers = [part for part in parts if part]
        if not all(part.isdecimal() and 1 <= int(part) <= MAX_PERCENT for part in numbers):
            raise ValidationError(f"Give whole percents from 1 to {MAX_PERCENT}, such as 50, 80, 90, 100.")
        return sorted({int(part) for part in numbers})


class AlertRuleForm(forms.ModelForm[AlertRule]):
    by: Person
    kind: ClassVar[str]

    period_kinds = forms.MultipleChoiceField(
        label="Budgets of",
        choices=PeriodKind.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        error_messages={"required": "Choose at least one."},
    )
    steps = StepsField(
        label="Thresholds, in per cent of the budget",
        initial=DEFAULT_STEPS,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Whole percents with commas between. Each is told once, until a higher budget or a reset.",
        error_messages={"required": "Give at least one, such as 100."},
    )
    percent = forms.IntegerField(min_value=1, max_value=MAX_PERCENT, widget=UnfoldAdminIntegerFieldWidget())
    hours = forms.IntegerField(
        label="Hours of running without a record",
        min_value=1,
        max_value=24 * 30,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text="Only hours count in which campaigns may run.",
    )
    times = forms.IntegerField(
        label="Times the usual hour",
        min_value=2,
        max_value=1000,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text="An hour’s spend above so many times what an hour of that weekday usually costs.",
    )

    class Meta:
        model = AlertRule
        fields = (
            "name",
            "brand",
            "campaign",
            "period_kinds",
            "steps",
            "percent",
            "hours",
            "times",
            "channels",
            "is_active",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        if self.instance.pk is None:
            self.instance.kind = self.kind
            self.initial.setdefault("period_kinds", PeriodKind.values)
        for name in ("period_kinds", "steps", "percent", "hours", "times"):
            if name not in self.instance.settings:
                fields.pop(name, None)
        if "percent" in fields:
            fields["percent"].label = PERCENT_WORDS[AlertKind(self.instance.kind)]
        if "brand" in fields and not may(self.by, Right.SEE_ALL_BRANDS):
            fields["brand"].required = True
            fields["brand"].help_text = ""
        if "channels" in fields:
            fields["channels"].queryset = self._channels()

    def _channels(self) -> Any:
        """Those that this person sees, and those that are chosen already."""
        seen = NotificationChannel.objects.visible_to(self.by).values("pk")
        chosen = Q(pk__in=self.instance.channels.values("pk")) if self.instance.pk is not None else Q()
        return NotificationChannel.objects.filter(Q(pk__in=seen) | chosen if chosen else Q(pk__in=seen))

    def _get_validation_exclusions(self) -> set[str]:
        """The kind is no field of the form, and still there is one rule of it for each owner."""
        return super()._get_validation_exclusions() - {"kind"}  # type: ignore[misc, no-any-return]

    def clean(self) -> dict[str, Any] | None:
        given = super().clean() or self.cleaned_data
        campaign, brand = given.get("campaign"), given.get("brand") or self.instance.brand
        if campaign is not None:
            if self.instance.kind not in KINDS_OF_CAMPAIGNS:
                self.add_error("campaign", "A rule of this kind is for a brand, or everywhere.")
            elif brand is not None and campaign.brand != brand:
                self.add_error("campaign", f"This is a campaign of {campaign.brand}.")
            brand = campaign.brand
        for channel in given.get("channels") or ():
            if channel.brand is not None and channel.brand != brand:
                self.add_error("channels", f"{channel} tells only of {channel.brand}.")
        return given
