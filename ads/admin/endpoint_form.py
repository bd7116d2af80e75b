"""The form of a webhook endpoint."""

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextInputWidget,
)

from ads.models import EventType, WebhookEndpoint
from ads.services import endpoints


class EndpointForm(forms.ModelForm[WebhookEndpoint]):
    """What may be asked for is known to the service."""

    url = forms.CharField(
        label="URL",
        max_length=500,
        help_text="Requests are posted there. It begins with https://.",
        widget=UnfoldAdminTextInputWidget,
    )
    event_types = forms.MultipleChoiceField(
        label="Told of",
        choices=EventType.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    all_brands = forms.TypedChoiceField(
        label="For",
        choices=[("yes", "All brands of the owner, later ones too"), ("no", "Only the brands chosen below")],
        coerce=lambda answer: answer == "yes",
        initial="yes",
        widget=UnfoldAdminRadioSelectWidget,
    )
    by: User

    class Meta:
        model = WebhookEndpoint
        fields = ("name", "url", "owner", "event_types", "all_brands", "brands")
        help_texts = {"name": "What it is for, such as reporting.", "brands": ""}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.initial["all_brands"] = "yes" if self.instance.all_brands else "no"

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if given.get("all_brands") is False and not given.get("brands"):
            self.add_error("brands", "Choose at least one brand, or all brands above.")
        if given.get("all_brands") and given.get("brands"):
            self.add_error("brands", "Leave this empty, or choose “Only the brands chosen below” above.")
        try:
            endpoints.check_url(given.get("url", ""))
            endpoints.check_brands(self.owner(), given.get("brands") or ())
        except ValidationError as error:
            self.add_error(None, error)
        return given

    def owner(self) -> User:
        """Whose rights it has: of a new one, whoever makes it, unless they may name another."""
        kept = self.instance.owner if self.instance.pk is not None else self.by
        owner: User = self.cleaned_data.get("owner") or kept
        return owner
