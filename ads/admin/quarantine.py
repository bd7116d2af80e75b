"""Spend that could not be counted: why, as it came, and what a person decides; and the matches learned from that."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ads import formats
from ads.admin import cells
from ads.admin.base import ChoiceFilter, LongListAdmin, OfImportFilter, ReadOnlyAdmin, VisibleFilter
from ads.admin.filters import PlatformFilter
from ads.admin.import_form import plain
from ads.admin.quarantine_forms import CorrectForm, DismissForm, MatchForm, release_rows, tell_outcomes
from ads.admin.spend import SourceFilter
from ads.errors import InvalidSpend
from ads.importers.records import shorten
from ads.models import (
    CampaignAlias,
    QuarantinedSpend,
    QuarantineProblem,
    QuarantineState,
    SpendLog,
)
from ads.rights import Right, may
from ads.services import release as decisions
from ads.services.matching import has_counted

MOST_ROWS = 2_000  # counted within one request, some seconds
# What a person can do about each problem.
REMEDIES = {
    QuarantineProblem.UNKNOWN_CAMPAIGN: "Match it to a campaign. All that waits for the same campaign is then counted, "
    "and later files find it by themselves.",
    QuarantineProblem.CURRENCY: "It is never taken 1:1. Correct and count it with the amount in the brand’s currency.",
    QuarantineProblem.TOO_FAR_AHEAD: "Try again when that day has come, or correct the date and count it.",
    QuarantineProblem.UNREADABLE: "Read the row below; correct and count it with what it says, or dismiss it.",
    QuarantineProblem.CONFLICT: "What is recorded stays. If this is other spend, correct and count it; if the recorded "
    "one is wrong, reverse that first; else dismiss it.",
    QuarantineProblem.INVALID: "Correct and count it, or dismiss it.",
}
LOOKS = {
    QuarantineState.OPEN: formats.Look("!", "Waits for you", "limit"),
    QuarantineState.RELEASED: formats.Look("✓", "Released", "run"),
    QuarantineState.DISMISSED: formats.Look("⊘", "Dismissed", "off"),
}


class QuarantineStateFilter(ChoiceFilter):
    """What is decided is out of the list unless somebody asks for it."""

    title = "state"
    parameter_name = "state"
    all_option = ["", "Waits for you"]
    options = (("RELEASED", "Released"), ("DISMISSED", "Dismissed"), ("all", "All"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return (
            queryset if self.value() == "all" else queryset.filter(state=self.value() or QuarantineState.OPEN)
        )


class ProblemFilter(ChoiceFilter):
    title = "problem"
    parameter_name = "problem"
    options = tuple((problem.value, problem.label) for problem in QuarantineProblem)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(problem=self.value()) if self.value() else queryset


class OfItsImportFilter(OfImportFilter):
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.import_id is None else queryset.filter(spend_import=self.import_id)


@admin.register(QuarantinedSpend)
class QuarantinedSpendAdmin(LongListAdmin[QuarantinedSpend]):
    needs = {"view": {Right.SEE}}
    list_display = ("why", "of_brand", "called", "day", "money", "came_from", "received")
    list_filter = (
        QuarantineStateFilter,
        ProblemFilter,
        ("brand", VisibleFilter),
        PlatformFilter,
        SourceFilter,
        OfItsImportFilter,
    )
    search_fields = ("campaign_ref", "campaign_name", "external_id")
    search_help_text = "Search by the campaign’s name or id there"
    empty_text = "Nothing waits here: all spend that arrived is counted, or decided on."
    actions = ("match", "correct", "try_again", "dismiss", "take_up_again")
    acts: ClassVar[Mapping[str, str]] = {
        "match": "Match to a campaign …",
        "correct": "Correct and count …",
        "try_again": "Try again",
        "dismiss": "Dismiss …",
        "take_up_again": "Take up again",
    }
    acts_with_page = frozenset({"match", "correct", "dismiss"})

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: QuarantinedSpend | None = None) -> bool:
        return False  # it stays as it came

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return may(request.user, Right.RECORD_SPEND)

    def has_delete_permission(self, request: HttpRequest, obj: QuarantinedSpend | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[QuarantinedSpend]:
        found = super().get_queryset(request).select_related("brand", "campaign__brand", "spend_import")
        return found.defer("spend_import__report")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[QuarantinedSpend], search_term: str
    ) -> tuple[QuerySet[QuarantinedSpend], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        named = Q(campaign_ref__icontains=term) | Q(campaign_name__icontains=term) | Q(external_id=term)
        return queryset.filter(named), False

    def get_fieldsets(self, request: HttpRequest, obj: QuarantinedSpend | None = None) -> Any:
        return ()

    # The list

    @admin.display(description="Problem")
    def why(self, row: QuarantinedSpend) -> SafeString:
        state = "" if row.state == QuarantineState.OPEN else cells.mark(LOOKS[QuarantineState(row.state)])
        reason = format_html('<span class="ab-why ab-clip">{}</span>', plain(row.reason))
        return cells.lines(cells.name(row.get_problem_display()), reason, state)

    @admin.display(description="Brand")
    def of_brand(self, row: QuarantinedSpend) -> str:
        return row.brand.name if row.brand else formats.NOTHING_KNOWN

    @admin.display(description="Campaign, as it is called there")
    def called(self, row: QuarantinedSpend) -> SafeString:
        if row.campaign is not None:
            return cells.lines(cells.link(row.campaign), cells.muted(row.line) if row.line else "")
        shown = [shorten(text) for text in (row.campaign_name, row.campaign_ref) if text]
        if not shown:
            return cells.NOTHING
        return cells.lines(cells.name(shown[0]), *(cells.muted(text) for text in shown[1:]))

    @admin.display(description="Day")
    def day(self, row: QuarantinedSpend) -> str:
        return _day(row)

    @admin.display(description="Amount")
    def money(self, row: QuarantinedSpend) -> SafeString:
        return format_html('<span class="ab-number">{}</span>', _money(row))

    @admin.display(description="Source")
    def came_from(self, row: QuarantinedSpend) -> SafeString:
        record = row.spend_import
        return cells.lines(row.source, cells.link(record, shorten(record.file_name)) if record else "")

    @admin.display(description="Received")
    def received(self, row: QuarantinedSpend) -> SafeString:
        if row.brand is None:
            return _when(row, row.received_at)
        return cells.when_and_where(row.received_at, row.brand.calendar, timezone.now())

    # A row's page

    def page_context(self, request: HttpRequest, row: QuarantinedSpend) -> dict[str, Any]:
        return {
            "title": row.get_problem_display() + ("" if row.amount_micros is None else f": {_money(row)}"),
            "row": row,
            "look": cells.mark(LOOKS[QuarantineState(row.state)]),
            "reason": plain(row.reason),
            "remedy": REMEDIES[QuarantineProblem(row.problem)] if row.state == QuarantineState.OPEN else "",
            "facts": _facts(row),
            "log": cells.link(SpendLog(pk=row.log_id), f"row {row.log_id} of the ledger")
            if row.log_id
            else "",
            "resolved": _when(row, row.resolved_at),
        }

    def buttons(self, request: HttpRequest, row: QuarantinedSpend) -> list[str]:
        if row.state == QuarantineState.DISMISSED:
            return ["take_up_again"]
        if row.state != QuarantineState.OPEN:
            return []
        first = ["match"] if row.problem == QuarantineProblem.UNKNOWN_CAMPAIGN else []
        return [*first, "correct", "try_again", "dismiss"]

    # What a person decides

    @admin.action(permissions=["decide"], description="Match selected rows to a campaign …")
    def match(self, request: HttpRequest, queryset: QuerySet[QuarantinedSpend]) -> HttpResponse | None:
        rows = self._open(request, queryset)
        if not rows:
            return None
        brand_ids = {row.brand_id for row in rows}
        if len(brand_ids) > 1:
            self.message_user(request, "Choose rows of one brand at a time.", messages.ERROR)
            return None
        (brand_id,) = brand_ids
        waiting = self._with_those_like_them(request, rows)
        form = MatchForm(
            request.POST if "campaign" in request.POST else None,
            brand_id=brand_id,
            request=request,
            site=self.admin_site,
        )
        if form.is_valid():
            campaign = form.cleaned_data["campaign"]
            try:
                tell_outcomes(request, release_rows(waiting, campaign=campaign, by=request.user), campaign)
            except InvalidSpend as error:
                form.add_error("campaign", f"{error.message}.")
            else:
                return None
        return self._ask(
            request,
            "match",
            rows,
            form=form,
            title="Match to a campaign",
            totals=_totals(waiting),
            count=len(waiting),
            calls=_calls(waiting),
            is_cut=len(waiting) >= MOST_ROWS,
        )

    @admin.action(permissions=["decide"], description="Correct and count the selected row …")
    def correct(self, request: HttpRequest, queryset: QuerySet[QuarantinedSpend]) -> HttpResponse | None:
        rows = self._open(request, queryset)
        if len(rows) != 1:
            if rows:
                self.message_user(request, "Choose one row at a time to correct.", messages.ERROR)
            return None
        (row,) = rows
        form = CorrectForm(
            request.POST if "amount" in request.POST else None, row=row, request=request, site=self.admin_site
        )
        if form.is_valid() and self._is_counted(request, row, form):
            return None
        return self._ask(
            request,
            "correct",
            rows,
            form=form,
            title="Correct and count",
            row=row,
            reason=plain(row.reason),
            facts=_facts(row),
        )

    def _is_counted(self, request: HttpRequest, row: QuarantinedSpend, form: CorrectForm) -> bool:
        campaign = form.campaign_given
        try:
            outcomes = release_rows([row], campaign=campaign, correction=form.correction, by=request.user)
        except InvalidSpend as error:
            form.refuse(str(error))
            return False
        held = [reason for outcome in outcomes for _, reason in outcome.released.held]
        for reason in held:
            form.refuse(reason)
        if not held:
            tell_outcomes(request, outcomes, campaign or row.campaign)
        return not held

    @admin.action(permissions=["decide"], description="Try selected rows again")
    def try_again(self, request: HttpRequest, queryset: QuerySet[QuarantinedSpend]) -> None:
        rows = self._open(request, queryset)
        tell_outcomes(request, release_rows(rows, by=request.user))

    @admin.action(permissions=["decide"], description="Dismiss selected rows …")
    def dismiss(self, request: HttpRequest, queryset: QuerySet[QuarantinedSpend]) -> HttpResponse | None:
        rows = self._open(request, queryset)
        if not rows:
            return None
        form = DismissForm(request.POST if "note" in request.POST else None)
        if form.is_valid():
            ids = [row.pk for row in rows]
            done = decisions.dismiss(ids, note=form.cleaned_data["note"], by=request.user, now=timezone.now())
            self._tell(request, done, len(ids), "dismissed: kept, and not counted")
            return None
        return self._ask(
            request, "dismiss", rows, form=form, title="Dismiss", totals=_totals(rows), count=len(rows)
        )

    @admin.action(permissions=["decide"], description="Take selected rows up again")
    def take_up_again(self, request: HttpRequest, queryset: QuerySet[QuarantinedSpend]) -> None:
        chosen = self._chosen(request, queryset)
        asked = chosen.count()
        dismissed = chosen.filter(state=QuarantineState.DISMISSED)
        done = decisions.take_up_again(dismissed.values_list("pk", flat=True)[:MOST_ROWS])
        self._tell(request, done, asked, "taken up again, and waiting for you")

    def _tell(self, request: HttpRequest, done: int, asked: int, what: str) -> None:
        if done:
            verb = "is" if done == 1 else "are"
            self.message_user(request, f"{formats.counted(done, 'row')} {verb} {what}.", messages.SUCCESS)
        if asked > done:
            rest = asked - done
            left = f"{formats.counted(rest, 'row')} {'was' if rest == 1 else 'were'} decided on before, and left as"
            self.message_user(request, f"{left} decided.", messages.WARNING)

    def _open(self, request: HttpRequest, queryset: QuerySet[QuarantinedSpend]) -> list[QuarantinedSpend]:
        """Those of the chosen rows that still wait; says how many do not."""
        chosen = self._chosen(request, queryset)
        rows = list(chosen.filter(state=QuarantineState.OPEN).order_by("pk")[:MOST_ROWS])
        self._tell(request, 0, chosen.count() - len(rows), "")
        return rows

    def _chosen(
        self, request: HttpRequest, queryset: QuerySet[QuarantinedSpend]
    ) -> QuerySet[QuarantinedSpend]:
        """All that was chosen: a list leaves out what was decided on since it was shown."""
        if self.is_act(request):
            return queryset
        ids = [
            pk for pk in request.POST.getlist(helpers.ACTION_CHECKBOX_NAME) if pk.isdecimal() and len(pk) < 19
        ]
        return self.get_queryset(request).filter(pk__in=ids)

    def _with_those_like_them(
        self, request: HttpRequest, rows: Sequence[QuarantinedSpend]
    ) -> list[QuarantinedSpend]:
        """The rows, and all that waits for the same campaigns; at most MOST_ROWS."""
        found = {row.pk: row for row in rows}
        alike = {
            (row.platform, row.account, row.campaign_ref, row.campaign_name, row.spend_import_id): row
            for row in rows
            if row.problem == QuarantineProblem.UNKNOWN_CAMPAIGN
        }
        for row in alike.values():
            waiting = decisions.waiting_like(row) & self.get_queryset(request).order_by()
            found |= {each.pk: each for each in waiting.order_by("pk")[: MOST_ROWS - len(found)]}
        return list(found.values())[:MOST_ROWS]

    def _ask(
        self, request: HttpRequest, act: str, rows: Sequence[QuarantinedSpend], **context: Any
    ) -> HttpResponse:
        is_act = self.is_act(request)
        return TemplateResponse(
            request,
            f"admin/ads/quarantinedspend/{act}.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "media": self.media + context["form"].media,
                "action": act,
                "selected": [row.pk for row in rows],
                "checkbox_name": helpers.ACTION_CHECKBOX_NAME,
                "back_url": cells.change_url(rows[0]) if is_act else cells.list_url(QuarantinedSpend),
                **context,
            },
        )

    def act_view(self, request: HttpRequest, object_id: str, act: str) -> HttpResponse:
        """After a decision people go on with what else waits."""
        response = super().act_view(request, object_id, act)
        decided = request.method == "POST" and isinstance(response, HttpResponseRedirect)
        is_open = (
            decided and QuarantinedSpend.objects.filter(pk=object_id, state=QuarantineState.OPEN).exists()
        )
        return HttpResponseRedirect(cells.list_url(QuarantinedSpend)) if decided and not is_open else response


@admin.register(CampaignAlias)
class CampaignAliasAdmin(ReadOnlyAdmin[CampaignAlias]):
    """Made by matching what waits in the quarantine; removed where wrong, as long as nothing is counted by it."""

    needs = {"view": {Right.SEE}}

    list_display = ("called", "of_campaign", "learned")
    list_filter = (("brand", VisibleFilter), ("campaign", VisibleFilter))
    search_fields = ("external_id", "name", "campaign__name", "platform")
    search_help_text = "Search by id or name on the platform, or by our campaign"
    empty_text = "Nothing is learned yet. Match a quarantined row to a campaign, and later files find it by themselves."
    ordering = ("-pk",)
    fields = ("called", "of_campaign", "learned")

    def has_delete_permission(self, request: HttpRequest, obj: CampaignAlias | None = None) -> bool:
        is_free = obj is None or not has_counted(obj)
        return is_free and may(request.user, Right.RECORD_SPEND)

    def get_queryset(self, request: HttpRequest) -> QuerySet[CampaignAlias]:
        return super().get_queryset(request).select_related("campaign__brand", "brand")

    @admin.display(description="On the platform")
    def called(self, alias: CampaignAlias) -> SafeString:
        where = " · ".join(part for part in (alias.platform, alias.account) if part)
        return cells.lines(cells.name(shorten(alias.external_id or alias.name)), cells.muted(where))

    @admin.display(description="Is our campaign")
    def of_campaign(self, alias: CampaignAlias) -> SafeString:
        return cells.campaign_with_brand(alias.campaign)

    @admin.display(description="Learned")
    def learned(self, alias: CampaignAlias) -> SafeString:
        at = cells.when(alias.created_at, alias.brand.calendar, timezone.now())
        return cells.lines(at, cells.muted(f"from {alias.created_by or 'the system'}"))


def _money(row: QuarantinedSpend) -> str:
    if row.amount_micros is None:
        return formats.NOTHING_KNOWN
    return cells.money_as_said(row.amount_micros, _currency(row))


def _currency(row: QuarantinedSpend) -> str:
    return row.currency or (row.brand.currency if row.brand else "")


def _day(row: QuarantinedSpend) -> str:
    if row.spent_on is not None:
        hour = "" if row.hour is None else f", {row.hour:02}:00"
        return f"{formats.day(row.spent_on)}{hour}"
    if row.occurred_at is not None and row.brand is not None:
        return formats.day(row.brand.calendar.local_date(row.occurred_at))
    return formats.NOTHING_KNOWN


def _when(row: QuarantinedSpend, moment: Any) -> SafeString:
    if row.brand is not None:
        return cells.when(moment, row.brand.calendar, timezone.now())
    return cells.NOTHING if moment is None else format_html("{}", f"{moment:%Y-%m-%d %H:%M} UTC")


def _totals(rows: Iterable[QuarantinedSpend]) -> str:
    """The sum of each currency; none are added up."""
    sums: Counter[str] = Counter()
    unknown = 0
    for row in rows:
        if row.amount_micros is None:
            unknown += 1
        else:
            sums[_currency(row)] += row.amount_micros
    said = [cells.money_as_said(micros, currency) for currency, micros in sorted(sums.items())]
    if unknown:
        said.append(f"{formats.counted(unknown, 'row')} without a readable amount")
    return " and ".join(said)


def _calls(rows: Iterable[QuarantinedSpend]) -> list[dict[str, str]]:
    """What the rows' campaigns are called where they come from, with how many rows each has."""
    calls = Counter(
        (row.platform, row.account, row.campaign_ref, "" if row.campaign_ref else row.campaign_name)
        for row in rows
    )
    names = {(row.platform, row.account, row.campaign_ref): row.campaign_name for row in rows}
    return [
        {
            "name": shorten(names.get((platform, account, ref), "") or name or ref) or "Without id or name",
            "beside": " · ".join(shorten(part) for part in (platform, account, ref) if part),
            "rows": f"{count:,}",
        }
        for (platform, account, ref, name), count in calls.most_common(20)
    ]


def _facts(row: QuarantinedSpend) -> list[tuple[str, Any]]:
    """The record as it came, as far as it says."""
    record = row.spend_import
    facts = [
        ("Brand", cells.link(row.brand) if row.brand else ""),
        ("Campaign", cells.link(row.campaign) if row.campaign else ""),
        ("Its id there", row.campaign_ref),
        ("Its name there", row.campaign_name),
        ("Platform", row.platform),
        ("Account", row.account),
        ("Kind", row.get_kind_display()),
        ("Amount", "" if row.amount_micros is None else _money(row)),
        ("Spent at", _when(row, row.occurred_at) if row.occurred_at else ""),
        ("Day", "" if row.spent_on is None else _day(row)),
        ("Line", row.line),
        ("Id in its source", row.external_id),
        ("Description", row.description),
        ("Source", row.source),
        ("Import", cells.link(record, record.file_name) if record else ""),
        ("Row in the file", f"{row.row:,}" if row.row else ""),
        ("Report made at", _when(row, row.as_of) if row.as_of else ""),
        (
            "Received",
            format_html(
                "{}{}", _when(row, row.received_at), f" by {row.received_by}" if row.received_by else ""
            ),
        ),
    ]
    return [(name, value) for name, value in facts if value]
