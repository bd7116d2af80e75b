"""A campaign's page."""

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect

from ads.models import Campaign


def campaign(request: HttpRequest, pk: int) -> HttpResponseBase:
    """One campaign that the signed-in person has a right to."""
    found = get_object_or_404(Campaign.objects.visible_to(request.user), pk=pk)
    return redirect("admin:ads_campaign_change", found.pk)
