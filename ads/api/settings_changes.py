"""PATCH: what is given is written, under the brand's lock, with all that follows from it."""

from collections.abc import Iterator
from datetime import date

from django.utils import timezone

from ads.actor import acting_as
from ads.api import schemas
from ads.api.auth import demand_rights
from ads.api.lookups import brand_or_404, campaign_or_404
from ads.api.problems import FieldError, invalid
from ads.api.shapes import amount, brand_fields, campaign_fields
from ads.models import ApiToken, Brand, Campaign
from ads.rights import right_to_change
from ads.services import CampaignService
from ads.services.standings import Standing, child_budgets, stand_brands, stand_campaigns
from ads.services.transactions import retrying


def change_brand(token: ApiToken, brand_id: int, change: schemas.BrandChange) -> schemas.ChangedBrand:
    """Changes a brand and tells how it stands afterwards."""
    now = timezone.now()
    brand = _write_brand(token, brand_id, change)
    standing = stand_brands([brand], now)[brand.pk]
    warnings = [
        *_reached(change, {"daily_budget": standing.day, "monthly_budget": standing.month}),
        *_children(change, brand),
    ]
    return schemas.ChangedBrand.model_validate(brand_fields(brand, standing) | {"warnings": warnings})


def change_campaign(
    token: ApiToken, campaign_id: int, change: schemas.CampaignChange
) -> schemas.ChangedCampaign:
    """Changes a campaign and tells how it stands afterwards."""
    campaign = _write_campaign(token, campaign_id, change)
    now = timezone.now()
    standing = stand_campaigns([campaign], now)[campaign.pk]
    standings = {
        "daily_budget": standing.day,
        "monthly_budget": standing.month,
        "total_budget": standing.flight,
    }
    warnings = [*_reached(change, standings), *_children(change, campaign.brand)]
    decision = CampaignService.decide_now(campaign, now=now)
    fields = campaign_fields(campaign, standing, decision, now)
    return schemas.ChangedCampaign.model_validate(fields | {"warnings": warnings})


@retrying
def _write_brand(token: ApiToken, brand_id: int, change: schemas.BrandChange) -> Brand:
    Brand.objects.lock({brand_or_404(token, brand_id).pk})
    _demand_rights(token, change)
    brand = brand_or_404(token, brand_id)
    _assign(brand, change)
    with acting_as(token.user):
        brand.save()
    return brand


@retrying
def _write_campaign(token: ApiToken, campaign_id: int, change: schemas.CampaignChange) -> Campaign:
    Brand.objects.lock({campaign_or_404(token, campaign_id).brand_id})
    _demand_rights(token, change)
    # Read again: what is checked together, such as the two ends of a flight, must not change in between.
    campaign = campaign_or_404(token, campaign_id)
    _assign(campaign, change)
    with acting_as(token.user):
        campaign.save()
    return campaign


def _demand_rights(token: ApiToken, change: schemas.Given) -> None:
    demand_rights(token, *(right_to_change(name) for name in sorted(change.model_fields_set)))


def _assign(owner: Brand | Campaign, change: schemas.BrandChange | schemas.CampaignChange) -> None:
    for name in sorted(change.model_fields_set):
        value = getattr(change, name)
        try:
            setattr(owner, name, _day(value) if name.endswith("_date") else value)
        except ValueError as error:  # MoneyError is one
            raise invalid([FieldError(name, str(error).removeprefix(f"{name}: "))]) from None
    owner.validate_constraints()


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _reached(change: schemas.Given, standings: dict[str, Standing]) -> Iterator[str]:
    """A budget that is spent already is taken, and told."""
    for name, standing in standings.items():
        if name in change.model_fields_set and standing.budget is not None and standing.is_reached:
            spent = f"{amount(standing.counted)} of {amount(standing.budget)} is spent already"
            yield f"{name}: {spent}; nothing runs on it."


def _children(change: schemas.Given, brand: Brand) -> Iterator[str]:
    """Budgets of campaigns may add up to more than the brand's, which binds all the same."""
    if not {"daily_budget", "monthly_budget"} & change.model_fields_set:
        return
    sums = child_budgets(brand)
    for name, total, budget in (
        ("daily_budget", sums.daily, brand.daily_budget_micros),
        ("monthly_budget", sums.monthly, brand.monthly_budget_micros),
    ):
        if name in change.model_fields_set and budget is not None and total > budget:
            yield (
                f"{name}: the campaigns' add up to {amount(total)}, more than the {amount(budget)} of the brand, "
                "which binds all the same."
            )
