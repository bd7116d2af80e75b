"""Changes of status that were written before they had numbers get theirs."""

import pytest
from django.db import connection

from ads import guards
from ads.models import StatusChange
from ads.services import CampaignService
from ads.tests.factories import CampaignFactory
from budget_system.testing.fixtures import CommittedDatabase


@pytest.mark.integration
def test_older_changes_are_numbered_in_their_order(committed_database: CommittedDatabase) -> None:
    one, two = CampaignFactory.create_batch(2)
    for campaign in (one, two, two, one, one):
        (CampaignService.switch_off if campaign.enabled else CampaignService.switch_on)(campaign)
    before = list(StatusChange.objects.order_by("pk").values_list("pk", "brand_id", "sequence"))
    connection.close()
    committed_database.manage("migrate", "ads", "0001", "--verbosity=0")
    committed_database.manage("migrate", "--verbosity=0")
    assert list(StatusChange.objects.order_by("pk").values_list("pk", "brand_id", "sequence")) == before
    assert [number for _, brand, number in before if brand == one.brand_id] == [1, 2, 3]
    assert guards.missing() == []
