"""Taking an import back by the command line: told first, done once, refused with the reason."""

from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from freezegun import freeze_time

from ads.models import Brand, ImportState, SpendLog
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.importers.files import Files
from ads.tests.moments import state
from ads.tests.services.importing import HEADER, NOW, booked, last_import, take_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def brand(tmp_path: Path) -> Brand:
    """Paused by an import of 12.00 on a daily budget of 10.00."""
    brand = BrandFactory.create(name="Acme", currency="EUR", daily_budget=Decimal(10))
    CampaignFactory.create(brand=brand, name="Sale", platform="meta", account="1", external_id="7")
    with freeze_time(NOW):
        take_in(Files(tmp_path).lines(HEADER, "2026-05-10,1,7,Sale,x,12.00"), brand)
    return brand


def command(*arguments: object) -> str:
    out = StringIO()
    with freeze_time(NOW):
        call_command("undo_import", *map(str, arguments), stdout=out)
    return out.getvalue()


def test_it_tells_and_changes_nothing_in_a_dry_run(brand: Brand) -> None:
    assert command(last_import().pk, "--dry-run") == (
        "Would take back export.csv for Acme: 1 row reversed, €12.00.\n"
        "  Would resume campaign Sale (Acme): nothing stands against it\n"
    )
    assert (booked(brand), SpendLog.objects.count(), last_import().state) == (
        Decimal(12), 1, ImportState.DONE,
    )  # fmt: skip


def test_it_is_done_once(brand: Brand) -> None:
    assert command(last_import().pk).startswith("Took back export.csv for Acme: 1 row reversed, €12.00.")
    assert booked(brand) == 0
    assert state(brand.campaigns.get())[0] == "ACTIVE"
    assert last_import().undone_by.startswith("command line")
    with pytest.raises(CommandError, match="was undone before"):
        command(last_import().pk)


def test_a_number_that_is_none(brand: Brand) -> None:
    with pytest.raises(CommandError, match="There is no import 999"):
        command(999)
