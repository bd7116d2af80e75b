"""Filters that several lists share. What they offer is never read from the rows of the list."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest

from ads.admin.base import ChoiceFilter
from ads.importers.registry import format_names
from ads.models import Brand
from ads.rules.serving import Reason


class CurrencyFilter(ChoiceFilter):
    """Of the brands that somebody sees, of which there are few."""

    title = "currency"
    parameter_name = "currency"
    path: ClassVar[str] = "currency"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        brands = Brand.objects.visible_to(request.user).order_by("currency")
        return [(code, code) for code in brands.values_list("currency", flat=True).distinct()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.path: self.value()}) if self.value() else queryset


class BrandCurrencyFilter(CurrencyFilter):
    """Rows of brands in one currency."""

    path = "brand__currency"


class PlatformFilter(ChoiceFilter):
    """The platforms whose exports can be read, and what people call otherwise."""

    title = "platform"
    parameter_name = "platform"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        known = [(name, name) for name in format_names()]
        return [*known, ("-another", "Another one"), ("-none", "None given")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case None | "":
                return queryset
            case "-none":
                return queryset.filter(platform="")
            case "-another":
                return queryset.exclude(platform__in=["", *format_names()])
            case name:
                return queryset.filter(platform=name)


class ReasonFilter(ChoiceFilter):
    """What stands, or stood then, against running."""

    title = "reason"
    parameter_name = "reason"
    options = tuple((reason.value, reason.words) for reason in Reason)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        # No reason's code is part of another's.
        return queryset.filter(reason_codes__contains=self.value()) if self.value() else queryset
