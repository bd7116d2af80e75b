"""The form of a channel: its address is given once, checked by the channel's own module, and not shown again."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html_join
from unfold.widgets import UnfoldAdminTextInputWidget

from ads.models import ChannelKind, NotificationChannel
from ads.rights import Person, Right, may
from ads.services.channels import masked_address, way_of


class ChannelForm(forms.ModelForm[NotificationChannel]):
    """Left empty, the address stays as it is."""

    by: Person
    address = forms.CharField(
        required=False, strip=True, widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"})
    )

    class Meta:
        model = NotificationChannel
        fields = ("name", "kind", "brand", "address", "is_default", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["address"] = ""
        fields: dict[str, Any] = self.fields
        if "kind" in fields:
            made = [choice for choice in ChannelKind.choices if choice[0] != ChannelKind.PEOPLE]
            fields["kind"].choices = [("", "---------"), *made]
        if "brand" in fields and not may(self.by, Right.SEE_ALL_BRANDS):
            fields["brand"].required = True
        if "address" in fields:
            fields["address"].help_text = self._about_address()
            if self.instance.pk is not None:
                fields["address"].label = way_of(self.instance.kind).address_title

    def _about_address(self) -> str:
        if self.instance.pk is not None:
            return (
                f"“{masked_address(self.instance)}” is kept and not shown again; give another to change it."
            )
        ways = [way_of(kind) for kind in ChannelKind.values if kind != ChannelKind.PEOPLE]
        return format_html_join("", "{}: {}<br>", ((way.title, way.help_text) for way in ways))

    def clean(self) -> dict[str, Any] | None:
        given = super().clean() or self.cleaned_data
        kind = given.get("kind") or self.instance.kind
        if "address" not in self.fields or not kind:
            return given
        if not given.get("address") and self.instance.pk is not None:
            given["address"] = self.instance.address
            return given
        try:
            given["address"] = way_of(kind).check(given.get("address") or "")
        except ValidationError as error:
            self.add_error("address", ValidationError([*error.messages, way_of(kind).help_text]))
        return given
