"""Tells people, in sentences, what followed from what they did."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.contrib import messages
from django.http import HttpRequest

from ads import formats
from ads.rules.serving import Reason, Status
from ads.services.enforcement import Change

MOST_TOLD = 20
_BECAME = {Status.PAUSED: "paused", Status.INACTIVE: "off", Status.COMPLETED: "completed"}


def sentences(changes: Iterable[Change], *, are_planned: bool = False) -> list[tuple[int, str]]:
    """A message level and a sentence for each brand, new status and first reason: what stopped first."""
    groups: defaultdict[tuple[str, Status, Reason | None], list[Change]] = defaultdict(list)
    for change in changes:
        if change.from_status != change.to_status:
            first = change.reasons[0] if change.reasons else None
            groups[change.brand, change.to_status, first].append(change)
    ordered = sorted(groups.items(), key=lambda group: (group[0][1] == Status.ACTIVE, group[0][0]))
    return [
        (
            messages.SUCCESS if became == Status.ACTIVE else messages.WARNING,
            _sentence(brand, became, first, group, are_planned=are_planned),
        )
        for (brand, became, first), group in ordered
    ]


def tell(request: HttpRequest, changes: Iterable[Change]) -> None:
    """Leaves those sentences as messages for the next page."""
    told = sentences(changes)
    for level, sentence in told[:MOST_TOLD]:
        messages.add_message(request, level, sentence)
    if len(told) > MOST_TOLD:
        messages.info(request, f"And so on: {len(told) - MOST_TOLD} more, all among the status changes.")


def _sentence(
    brand: str, became: Status, first: Reason | None, group: Sequence[Change], *, are_planned: bool
) -> str:
    is_one = len(group) == 1
    who = (
        f"{group[0].campaign} ({brand})"
        if is_one
        else f"{formats.counted(len(group), 'campaign')} of {brand}"
    )
    if became == Status.ACTIVE:
        does = "would run at once" if are_planned else "runs now" if is_one else "run now"
        return f"{who} {does}."
    return f"{who} {'would be ' if are_planned else ''}{_BECAME[became]}: {first.words if first else ''}."
