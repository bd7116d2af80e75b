"""The form that takes a file of spend and what a person says about it."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.files.base import File
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.html import format_html
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from ads.actor import Actor
from ads.forms import WallClockField, on_the_clock_of
from ads.importers import Options
from ads.importers.dates import Order
from ads.importers.header import GENERIC
from ads.importers.registry import formats
from ads.models import Brand, ImportMode, SpendImport
from ads.services import import_jobs
from ads.services.import_jobs import Request, options_of, summary_of
from ads.services.records import REVERSAL

COLUMNS = {
    "date": "Column of the date",
    "amount": "Column of the amount",
    "campaign": "Column of the campaign’s name",
    "campaign_id": "Column of the campaign’s id",
    "line": "Column of the line",
    "currency": "Column of the currency",
    "id": "Column of the record’s own id",
}
COLUMN_HELP = {
    "line": "The finest id below the campaign, such as an ad’s.",
    "id": "Needed for single records.",
}
FIELDS = {"campaign", "currency", "amount", "date", "hour", "line", "occurred_at", "external_id"}
# What sentences of the importers call an option of the command, in the words of this form.
WORDS = {
    **{f"--{role.replace('_', '-')}-column": f"“{label}” under More" for role, label in COLUMNS.items()},
    "--format": "“Format” under More",
    "--date-order": "“Order in dates” under More",
    "--decimal-mark": "“Decimal mark” under More",
    "--micros": "“Amounts are in millionths” under More",
    "--as-of": "“Report made at”",
    "--create-campaigns": "“Create campaigns that are missing”",
}


def in_the_forms_words(sentence: str) -> str:
    """The sentence with fields of this form in the place of a command's options."""
    for option in sorted(WORDS, key=len, reverse=True):
        sentence = sentence.replace(option, WORDS[option])
    return sentence


def plain(reason: str) -> str:
    """Why a record is not counted, without the name of the field that some reasons begin with."""
    field, _, message = reason.partition(": ")
    return in_the_forms_words(message if field in FIELDS and message else reason)


def _column_field(role: str) -> forms.CharField:
    return forms.CharField(
        label=COLUMNS[role],
        required=False,
        max_length=200,
        help_text=COLUMN_HELP.get(role, ""),
        widget=UnfoldAdminTextInputWidget(),
    )


class ImportForm(forms.ModelForm[SpendImport]):
    """`like` is an import whose file is taken again where no other is given; it is given up for this one."""

    upload = forms.FileField(label="File", widget=UnfoldAdminFileFieldWidget())
    made_at = WallClockField(
        label="Report made at",
        required=False,
        widget=UnfoldAdminSplitDateTimeWidget(),
        help_text="On the brand’s clock. Leave empty for now; of two reports the one made later rules.",
    )
    file_format = forms.ChoiceField(
        label="Format",
        required=False,
        choices=lambda: [("", "Found from the header"), *_formats()],
        widget=UnfoldAdminSelectWidget(),
        help_text="For a table of your own choose the generic one and name its columns.",
    )
    date_order = forms.ChoiceField(
        label="Order in dates",
        required=False,
        choices=[
            ("", "Found from the whole file"),
            (Order.DAY_FIRST.value, "Day first: 31/03/2026"),
            (Order.MONTH_FIRST.value, "Month first: 03/31/2026"),
        ],
        widget=UnfoldAdminSelectWidget(),
    )
    decimal_mark = forms.ChoiceField(
        label="Decimal mark",
        required=False,
        choices=[("", "Found from the whole file"), (".", "Point: 1,234.50"), (",", "Comma: 1.234,50")],
        widget=UnfoldAdminSelectWidget(),
    )
    in_micros = forms.BooleanField(
        label="Amounts are in millionths",
        required=False,
        widget=UnfoldBooleanWidget(),
        help_text="12500000 is then 12.50.",
    )
    date_column = _column_field("date")
    amount_column = _column_field("amount")
    campaign_column = _column_field("campaign")
    campaign_id_column = _column_field("campaign_id")
    line_column = _column_field("line")
    currency_column = _column_field("currency")
    id_column = _column_field("id")
    like = forms.IntegerField(required=False, widget=forms.HiddenInput)
    by: Actor = None

    class Meta:
        model = SpendImport
        fields = ("brand", "campaign", "create_campaigns", "mode", "source")
        labels = {
            "campaign": "The one campaign",
            "create_campaigns": "Create campaigns that are missing",
            "mode": "Its rows are",
        }
        help_texts = {
            "campaign": "Only for a file without a column for campaigns.",
            "create_campaigns": "Switched on, under the platform’s name. Otherwise their rows wait in quarantine.",
            "source": "Leave empty for the platform’s name. Different sources add up.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        largest = filesizeformat(settings.IMPORT_MAX_BYTES)
        kinds = f"CSV, TSV, XLSX or NDJSON, also packed with gzip; at most {largest}."
        field, again = self.fields["upload"], self._again()
        field.required = again is None
        # The theme takes help for HTML.
        same = format_html("Leave empty to check {} again. {}", again.file_name, kinds) if again else kinds
        field.help_text = same

    def clean_upload(self) -> File[bytes] | None:
        file: File[bytes] | None = self.cleaned_data["upload"]
        if file is not None and file.size > settings.IMPORT_MAX_BYTES:
            raise forms.ValidationError(
                f"{file.name} has {filesizeformat(file.size)}; at most {filesizeformat(settings.IMPORT_MAX_BYTES)} "
                "can be uploaded. Cut it into several files, by month for example, or give it to import_spend."
            )
        return file

    def clean_source(self) -> str:
        source = str(self.cleaned_data["source"]).strip()
        if source == REVERSAL:
            raise forms.ValidationError(f"{REVERSAL} is the source of reversals alone; name another.")
        return source

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        given = self.cleaned_data
        brand, campaign = given.get("brand"), given.get("campaign")
        if brand and campaign and campaign.brand_id != brand.pk:
            self.add_error(
                "campaign",
                f"{campaign} is a campaign of {campaign.brand}; choose one of {brand}, or leave it empty.",
            )
        if brand and given.get("made_at"):
            self._check_made_at(brand)
        if given.get("file_format") == GENERIC:
            for role in ("date", "amount"):
                if not given.get(f"{role}_column"):
                    self.add_error(
                        f"{role}_column", "A table of your own needs this column’s name, as in its header."
                    )
        return cleaned

    def _check_made_at(self, brand: Brand) -> None:
        given = self.cleaned_data
        try:
            given["made_at"] = on_the_clock_of(brand.calendar, given["made_at"])
        except forms.ValidationError as error:
            self.add_error("made_at", error)
            return
        if given["made_at"] > timezone.now():
            wall = brand.calendar.wall_clock(given["made_at"])
            self.add_error(
                "made_at",
                f"{wall:%Y-%m-%d %H:%M} is still to come in {wall.tzinfo}; every later report would count as older.",
            )

    def keep(self) -> SpendImport:
        """Keeps the file for a worker to check. What it takes the place of is given up."""
        given, again = self.cleaned_data, self._again()
        request = Request(
            brand=given["brand"],
            campaign=given["campaign"],
            options=self._options(),
            create_campaigns=given["create_campaigns"],
            mode=ImportMode(given["mode"]),
            source=given["source"],
            as_of=given["made_at"],
        )
        now = timezone.now()
        file = given["upload"]
        if again is None or file is not None:
            record = import_jobs.upload(file, file.name, request, by=self.by, now=now)
        else:
            with again.file.open("rb") as stored:
                record = import_jobs.upload(stored, again.file_name, request, by=self.by, now=now)
        if again is not None:
            import_jobs.cancel(again)
        return record

    def _options(self) -> Options:
        given = self.cleaned_data
        named = {role: given[f"{role}_column"].strip() for role in COLUMNS}
        return Options(
            format=given["file_format"],
            columns={role: name for role, name in named.items() if name},
            micros=given["in_micros"] or None,
            date_order=Order(given["date_order"]) if given["date_order"] else None,
            decimal_mark=given["decimal_mark"],
        )

    def _again(self) -> SpendImport | None:
        pk = self.data.get("like") if self.is_bound else self.initial.get("like")
        return again(pk, self.by)


def again(pk: Any, by: Actor) -> SpendImport | None:
    """An import of this person's brands whose file is still kept."""
    if by is None or isinstance(by, str) or not str(pk or "").isdecimal():
        return None
    return SpendImport.objects.visible_to(by).exclude(file="").filter(pk=pk).first()


def said_of(record: SpendImport) -> dict[str, Any]:
    """What a form begins with that is to take the place of this import."""
    options, summary = options_of(record), summary_of(record)
    is_found = summary is not None and record.source == summary.platform  # a file of another may follow
    wall = record.brand.calendar.wall_clock(record.as_of).replace(tzinfo=None)
    return {
        "like": record.pk,
        "brand": record.brand_id,
        "campaign": record.campaign_id,
        "create_campaigns": record.create_campaigns,
        "mode": record.mode,
        "source": "" if is_found else record.source,
        "made_at": wall if record.as_of != record.created_at else None,
        "file_format": options.format,
        "date_order": options.date_order or "",
        "decimal_mark": options.decimal_mark,
        "in_micros": bool(options.micros),
        **{f"{role}_column": options.columns.get(role, "") for role in COLUMNS},
    }


def _formats() -> list[tuple[str, str]]:
    titles: dict[str, str] = {}
    for known in formats():
        titles.setdefault(known.platform, known.title)
    return sorted(titles.items(), key=lambda each: (each[0] != GENERIC, each[1]))
