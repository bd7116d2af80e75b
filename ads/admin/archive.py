"""Months that were moved out of the ledger: to look at; the command line moves them."""

from django.contrib import admin
from django.utils.safestring import SafeString

from ads import formats
from ads.admin import cells
from ads.admin.base import ReadOnlyAdmin
from ads.models import ArchivedMonth
from ads.rights import Right


@admin.register(ArchivedMonth)
class ArchivedMonthAdmin(ReadOnlyAdmin[ArchivedMonth]):
    needs = {"view": {Right.SEE_ALL_BRANDS}}  # sums of all brands
    list_display = ("of", "rows", "sums", "file", "state")
    fields = (*list_display, "checksum", "archived_at", "archived_by")
    ordering = ("-month", "-part")
    empty_text = "No month is archived. archive_spend moves old months of the ledger into files."

    @admin.display(description="Month", ordering="month")
    def of(self, archived: ArchivedMonth) -> SafeString:
        part = f"part {archived.part}: what came late" if archived.part > 1 else ""
        return cells.lines(formats.month(archived.month), *([part] if part else []))

    @admin.display(description="Rows")
    def rows(self, archived: ArchivedMonth) -> str:
        return f"{archived.row_count:,}"

    @admin.display(description="Sum")
    def sums(self, archived: ArchivedMonth) -> SafeString:
        totals = archived.totals.items()
        return cells.lines(*(formats.exact_money(micros, currency) for currency, micros in totals))

    @admin.display(description="File")
    def file(self, archived: ArchivedMonth) -> str:
        return archived.file_name

    @admin.display(description="State")
    def state(self, archived: ArchivedMonth) -> SafeString:
        return cells.lines(
            *(["Sealed"] if archived.sealed_at else ["Not finished", "run the command again that was at it"])
        )

    @admin.display(description="SHA-256")
    def checksum(self, archived: ArchivedMonth) -> str:
        return archived.sha256
