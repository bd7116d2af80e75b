"""Finding a brand or a campaign by a part of its name: suggestions while typing, and a page without scripts."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from ads.services.search import find, nearest


def search(request: HttpRequest) -> HttpResponse:
    """What matches, of the brands that the signed-in person has a right to."""
    text = request.GET.get("q", "").strip()
    is_suggesting = request.headers.get("HX-Request") == "true"
    template = "dashboard/suggestions.html" if is_suggesting else "dashboard/search.html"
    found = find(request.user, text)
    meant = nearest(request.user, text) if text and not found else None
    return render(request, template, {"text": text, "found": found, "meant": meant})
