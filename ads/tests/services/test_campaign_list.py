"""A list over many brands is cut into pages by what each brand has, and reads as if it were sorted whole."""

import pytest

from ads.models import Brand, Campaign
from ads.services import CampaignService
from ads.services.campaign_list import ARCHIVED, count_by_brand, page_of
from ads.tests.factories import BrandFactory, CampaignFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def brands() -> list[Brand]:
    """Three brands, in an order that is not that of their names, with 3, no and 4 campaigns."""
    made = [BrandFactory.create(name=name) for name in ("Walnut", "Maple", "Birch")]
    for brand, number in ((made[0], 3), (made[2], 4)):
        for at in range(number, 0, -1):
            CampaignFactory.create(brand=brand, name=f"{brand.name} {at}")
    return made


def test_each_page_is_the_part_of_the_whole_list(brands: list[Brand]) -> None:
    walnut, maple, birch = brands
    whole = [*(f"Birch {at}" for at in range(1, 5)), *(f"Walnut {at}" for at in range(1, 4))]
    numbers = [(birch.pk, 4), (maple.pk, 0), (walnut.pk, 3)]
    for size in (1, 2, 3, 10):
        for start in range(9):
            names = [campaign.name for campaign in page_of(Campaign.objects.all(), numbers, start, size)]
            assert names == whole[start : start + size], (start, size)


def test_archived_ones_and_those_of_an_archived_brand_are_counted_apart(brands: list[Brand]) -> None:
    walnut, _, birch = brands
    CampaignService.archive(Campaign.objects.get(name="Birch 1"))
    CampaignService.switch_off(Campaign.objects.get(name="Birch 2"))
    assert count_by_brand(Campaign.objects.all(), {walnut.pk}) == {
        (birch.pk, "ACTIVE"): 2,
        (birch.pk, "INACTIVE"): 1,
        (birch.pk, ARCHIVED): 1,
        (walnut.pk, ARCHIVED): 3,
    }
