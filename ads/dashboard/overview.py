"""The overview: which brand needs somebody, and why."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def overview(request: HttpRequest) -> HttpResponse:
    """All brands that the signed-in person has a right to, by who needs attention."""
    return render(request, "dashboard/overview.html")
