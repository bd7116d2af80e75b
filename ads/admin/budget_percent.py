"""The page that changes budgets by a percentage: it tells what follows, and does nothing else than it told."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import helpers
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextInputWidget

from ads import formats
from ads.admin import cells
from ads.admin.telling import tell
from ads.dashboard import brand_words
from ads.errors import ChangedMeanwhile
from ads.models import Brand, Campaign
from ads.rules.money import MoneyError
from ads.rules.serving import Status
from ads.services.budget_percent import (
    LEAST_PERCENT,
    MOST_PERCENT,
    Budget,
    BudgetChange,
    Outcome,
    OwnerChange,
    change_by_percent,
)
from ads.services.enforcement import Change

MOST_ROWS = 1_000
EXAMPLE = "Give a number, such as 10 or -5."
MEANWHILE = "Something changed since this was told. This is what would follow now: read it, then change."


class PercentField(forms.DecimalField):
    """A percentage such as +10 or -5, with or without its sign."""

    def to_python(self, value: object) -> Any:
        return super().to_python(str(value or "").replace("\N{MINUS SIGN}", "-").removesuffix("%"))


class PercentForm(forms.Form):
    percent = PercentField(
        min_value=LEAST_PERCENT,
        max_value=MOST_PERCENT,
        decimal_places=2,
        widget=UnfoldAdminTextInputWidget({"inputmode": "text", "autocomplete": "off"}),
        error_messages={"required": EXAMPLE, "invalid": EXAMPLE},
    )
    budgets = forms.MultipleChoiceField(error_messages={"required": "Choose at least one budget."})

    def __init__(self, data: Any, kinds: Iterable[Budget]) -> None:
        super().__init__(data)
        choices: Any = self.fields["budgets"]
        choices.choices = [(kind.value, _words(kind)) for kind in kinds]

    def clean_percent(self) -> Decimal:
        percent: Decimal = self.cleaned_data["percent"]
        if not percent:
            raise forms.ValidationError("0 changes nothing; give a number such as 10 or -5.")
        return percent

    @property
    def kinds(self) -> list[Budget]:
        """The budgets that were chosen."""
        return [Budget(value) for value in self.cleaned_data["budgets"]]


@dataclass(frozen=True, slots=True)
class Row:
    """A brand or campaign in the table of what follows."""

    name: SafeString
    budgets: Sequence[tuple[str, SafeString]]
    follows: Sequence[str]
    is_change: bool


def change_budgets_page(
    model_admin: Any, request: HttpRequest, queryset: QuerySet[Any], kinds: Sequence[Budget]
) -> HttpResponse | None:
    """Asks by how much, tells what follows by trying it, and does it once somebody has read that."""
    owners = _asked(request, queryset)
    ids = list(owners.order_by().values_list("pk", flat=True)[: MOST_ROWS + 1])
    nouns = str(model_admin.opts.verbose_name_plural)
    if len(ids) > MOST_ROWS:
        model_admin.message_user(request, f"Choose at most {MOST_ROWS:,} {nouns} at a time.", messages.ERROR)
        return None
    form = PercentForm(request.POST if "percent" in request.POST else None, kinds)
    tried: Outcome | None = None
    meanwhile = ""
    if form.is_valid():
        try:
            if "save" in request.POST:
                _change(model_admin, request, owners, form)
                return None
            tried = _try(request, owners, form)
        except ChangedMeanwhile:
            tried, meanwhile = _try(request, owners, form), MEANWHILE
        except MoneyError as error:
            form.add_error("percent", f"{str(error)[:1].upper()}{str(error)[1:]}")
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"Change budgets of {formats.counted(len(ids), str(model_admin.opts.verbose_name), nouns)}",
        "opts": model_admin.opts,
        "form": form,
        "chosen": form["budgets"].value() or [kind.value for kind in kinds[:1]],
        "rows": ",".join(map(str, ids)),
        "first": ids[0] if ids else "",
        "checkbox_name": helpers.ACTION_CHECKBOX_NAME,
        "meanwhile": meanwhile,
        "back_url": cells.list_url(model_admin.model),
        **({} if tried is None else _told(tried, form)),
    }
    return TemplateResponse(request, "admin/ads/change_budgets.html", context)


def _asked(request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
    """Those whose numbers the page carries; what is chosen in the list itself, before there is a page."""
    rows = request.POST.get("rows")
    if rows is None:
        return queryset
    return queryset.filter(pk__in=[int(pk) for pk in rows.split(",") if pk.isdecimal() and len(pk) < 19])


def _try(request: HttpRequest, owners: Any, form: PercentForm) -> Outcome:
    return change_by_percent(owners, form.cleaned_data["percent"], form.kinds, by=request.user, dry_run=True)


def _change(model_admin: Any, request: HttpRequest, owners: Any, form: PercentForm) -> None:
    percent = form.cleaned_data["percent"]
    done = change_by_percent(owners, percent, form.kinds, by=request.user, seen=request.POST.get("seen", ""))
    number = sum(each.is_change for each in done.owners)
    who = formats.counted(
        number, str(model_admin.opts.verbose_name), str(model_admin.opts.verbose_name_plural)
    )
    text = f"{formats.counted(done.budgets, 'budget')} of {who} changed by {_signed(percent)}."
    model_admin.message_user(request, text, messages.SUCCESS)
    tell(request, done.changes)


def _told(tried: Outcome, form: PercentForm) -> dict[str, Any]:
    return {
        "seen": tried.fingerprint,
        "percent": _signed(form.cleaned_data["percent"]),
        "kinds": [_words(kind) for kind in form.kinds],
        "table": [_row(each) for each in tried.owners],
        "left": sum(not each.is_change for each in tried.owners),
        "summary": [line.text for line in brand_words.act_consequences(tried.changes)],
        "button": _button(tried) if tried.budgets else "",
    }


def _button(tried: Outcome) -> str:
    stops = len(brand_words.stopped(tried.changes))
    resumes = sum(change.to_status == Status.ACTIVE != change.from_status for change in tried.changes)
    acts = [f"{verb} {number}" for verb, number in (("pause", stops), ("resume", resumes)) if number]
    return " and ".join(
        [", ".join([f"Change {formats.counted(tried.budgets, 'budget')}", *acts[:-1]]), *acts[-1:]]
    )


def _row(each: OwnerChange) -> Row:
    owner = each.owner
    is_brand = isinstance(owner, Brand)
    brand = owner if isinstance(owner, Brand) else owner.brand
    follows = list(_follows(each))
    return Row(
        name=cells.link(owner) if is_brand else cells.lines(cells.link(owner), cells.muted(brand.name)),
        budgets=[(_words(kind), _budget(budget, brand.currency)) for kind, budget in each.budgets.items()],
        follows=follows,
        is_change=bool(each.changes),
    )


def _budget(budget: BudgetChange, currency: str) -> SafeString:
    if budget.before is None:
        return cells.muted(f"{formats.NO_LIMIT_SET}, left")
    before, after = (formats.limit(micros, currency) for micros in (budget.before, budget.after))
    if not budget.is_change:
        return format_html("{} {}", before, cells.muted("stays"))
    became = format_html(
        '<span class="ab-muted">{}</span> <span aria-hidden="true">→</span><span class="vh"> becomes </span> '
        "<b>{}</b>",
        before,
        after,
    )
    return cells.lines(became, "" if budget.after else cells.over("Nothing may be spent"))


def _follows(each: OwnerChange) -> Iterator[str]:
    if not each.is_change:
        yield "Left as it is"
    elif isinstance(each.owner, Brand):
        for line in brand_words.act_consequences(each.changes):
            yield line.text
    elif not each.changes:
        yield "Goes on running" if each.owner.is_active else f"Stays {_status(each.owner)}"
    for change in each.changes if isinstance(each.owner, Campaign) else ():
        yield _becomes(change)


def _becomes(change: Change) -> str:
    """What another budget does to one campaign."""
    if change.to_status == Status.ACTIVE:
        return "Resumes now"
    why = "; ".join(reason.in_sentence for reason in change.reasons)
    if change.from_status == Status.ACTIVE:
        return f"Pauses now: {why}"
    return f"Stays {change.to_status.word.lower()}: {why}"


def _status(campaign: Campaign) -> str:
    return Status(campaign.status).word.lower()


def _words(kind: Budget) -> str:
    return f"{kind.value.capitalize()} budget"


def _signed(percent: Decimal) -> str:
    return f"{percent.normalize():+f}%"
