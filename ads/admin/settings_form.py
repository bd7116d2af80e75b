"""The form of a brand's or campaign's settings: amounts as Decimals, and no change of another person undone."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, ClassVar, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextInputWidget

from ads.admin.history import describe_changes
from ads.forms import AmountField
from ads.models.brand import NO_LIMIT
from ads.models.settings import SettingsModel
from ads.services.consequences import Mark

S = TypeVar("S", bound=SettingsModel)


def amount_field(label: str, currency: str = "", present: Decimal | None = None) -> AmountField:
    """A budget: optional, 0 or more."""
    return AmountField(
        label=label,
        required=False,
        help_text=NO_LIMIT,
        widget=UnfoldAdminTextInputWidget(),
        currency=currency,
        present=present,
    )


class SettingsForm(forms.ModelForm[S]):
    """`amounts` names the Decimal properties that the form edits; `seen` is the last change its reader saw."""

    amounts: ClassVar[Sequence[str]] = ()
    seen = forms.IntegerField(required=False, widget=forms.HiddenInput)
    mark: Mark | None = None  # where the history of statuses stood before the save

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.amounts:
            if name in self.fields:
                present = getattr(self.instance, name)
                self.initial.setdefault(name, present)
                self.fields[name] = amount_field(str(self.fields[name].label), self.currency, present)
        if self.instance.pk is not None:
            self.initial["seen"] = self._last_change()

    @property
    def currency(self) -> str:
        """Of the amounts; '' where it is still to be chosen."""
        raise NotImplementedError

    def name_currency(self, currency: str) -> None:
        """Labels say what the amounts are in."""
        for name in self.amounts:
            if name in self.fields:
                field = self.fields[name]
                field.label = f"{field.label} ({currency})"

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        seen = self.cleaned_data.get("seen")
        if seen is not None and self.instance.pk is not None and self._last_change() != seen:
            latest = describe_changes(self.instance)
            by = f" by {latest[0].by}: {_told(latest[0])}" if latest else ""
            raise ValidationError(
                f"These settings were changed meanwhile{by}. Open the page again and repeat what you meant to change.",
                code="changed_meanwhile",
            )
        return cleaned

    def _post_clean(self) -> None:
        for name in self.amounts:
            if name in self.cleaned_data:
                setattr(self.instance, name, self.cleaned_data[name])
        super()._post_clean()  # type: ignore[misc]
        if not self.errors:
            try:
                self.instance.check_change()
            except ValidationError as error:
                self.add_error(None, error)

    def _last_change(self) -> int:
        latest = self.instance.history.order_by("-history_id").values_list("history_id", flat=True)  # type: ignore[attr-defined]
        return latest.first() or 0


def _told(entry: Any) -> str:
    return (
        "; ".join(f"{change.label} from {change.before} to {change.after}" for change in entry.changes)
        or entry.what
    )
