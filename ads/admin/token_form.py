"""The form that issues an API token."""

from collections.abc import Sequence
from typing import Any, cast
from uuid import uuid4

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminRadioSelectWidget

from ads.models import ApiToken
from ads.services import tokens
from ads.services.tokens import Issued


class TokenForm(forms.ModelForm[ApiToken]):
    """Only the service knows what can be issued, so a valid form has already issued it."""

    scopes = forms.MultipleChoiceField(label="May", widget=UnfoldAdminCheckboxSelectMultipleWidget)
    all_brands = forms.TypedChoiceField(
        label="For",
        choices=[("yes", "All brands of the user, later ones too"), ("no", "Only the brands chosen below")],
        coerce=lambda answer: answer == "yes",
        initial="yes",
        widget=UnfoldAdminRadioSelectWidget,
    )
    form_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)
    by: User
    forms_seen: Sequence[str] = ()  # which have made a token: a reload sends the form again
    issued: Issued | None = None

    class Meta:
        model = ApiToken
        fields = ("name", "user", "brands", "expires_at")
        labels = {"expires_at": "Expires"}
        help_texts = {"name": "What it is for, such as ad server.", "brands": ""}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        scopes = cast("forms.MultipleChoiceField", self.fields["scopes"])
        scopes.choices = [(scope.value, scope.label) for scope in tokens.grantable(self.by)]
        self.fields["expires_at"].help_text = f"On the clock of {settings.TIME_ZONE}. Empty: never."

    def clean(self) -> dict[str, Any] | None:
        given = self.cleaned_data
        if str(given.get("form_id")) in self.forms_seen:
            raise ValidationError("This form has made a token before, which was shown then. Open a new form.")
        if given.get("all_brands") is False and not given.get("brands"):
            self.add_error("brands", "Choose at least one brand, or all brands above.")
        if given.get("all_brands") and given.get("brands"):
            self.add_error("brands", "Leave this empty, or choose “Only the brands chosen below” above.")
        return given

    def _post_clean(self) -> None:
        if self.errors:
            return
        given = self.cleaned_data
        try:
            self.issued = tokens.issue(
                given.get("user", self.by),
                given["name"],
                given["scopes"],
                brands=None if given["all_brands"] else list(given["brands"]),
                expires_at=given["expires_at"],
            )
        except ValidationError as error:
            self.add_error(None, error)
        else:
            self.instance = self.issued.token
