"""explain_campaign: what stands or stood against a campaign, in plain text."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from freezegun import freeze_time

from ads.management.arguments import past_moment
from ads.management.text import table
from ads.models import Campaign
from ads.rules.periods import Calendar
from ads.services import BudgetService, CampaignService
from ads.tests.factories import CampaignFactory, DaypartingScheduleFactory
from ads.tests.moments import NOON

PARIS = Calendar.fixed("Europe/Paris")


@pytest.fixture
def campaign(db: None) -> Campaign:
    """Of Acme in Paris: over its day's 100.00 € since noon UTC, and outside its window from 22:00 to 06:00."""
    with freeze_time(NOON - timedelta(days=1)):
        campaign = CampaignFactory.create(
            brand__name="Acme", brand__timezone="Europe/Paris", brand__currency="EUR", name="Summer Sale"
        )
    with freeze_time(NOON):
        BudgetService.record_spend(campaign, Decimal("120.50"))
        DaypartingScheduleFactory.create(campaign=campaign, start_time=time(22), end_time=time(6))
    return campaign


def run(*arguments: str, at: datetime = NOON) -> str:
    out = StringIO()
    with freeze_time(at):
        call_command("explain_campaign", *arguments, stdout=out)
    return out.getvalue()


def test_it_tells_every_level_with_aligned_numbers_and_the_changes(campaign: Campaign) -> None:
    assert (
        run("Summer Sale")
        == f"""\
Campaign  Summer Sale (id {campaign.pk}) of Acme
Moment    2026-03-10 13:00:00 Europe/Paris, the brand's time (now)
Decision  Paused: Brand daily budget reached, Outside dayparting window
Stored    Paused: Brand daily budget reached, Outside dayparting window
  since   2026-03-10 13:00:00 Europe/Paris
Next      2026-03-10 22:00:00 Europe/Paris

ok       Brand                            switched on
ok       Campaign                         switched on
ok       First day of the flight          not set
ok       Last day of the flight           not set
                                                            budget    spent  waived  counted  remaining
AGAINST  Brand daily budget reached       2026-03-10       €100.00  €120.50   €0.00  €120.50    -€20.50
ok       Brand monthly budget             2026-03        €2,000.00  €120.50   €0.00  €120.50  €1,879.50
ok       Campaign daily budget            2026-03-10  No limit set  €120.50   €0.00  €120.50
ok       Campaign monthly budget          2026-03     No limit set  €120.50   €0.00  €120.50
ok       Campaign total budget            flight      No limit set  €120.50   €0.00  €120.50
AGAINST  Outside dayparting window        it is Tue 13:00 in Europe/Paris; opens Tue 22:00; open every day 22:00-06:00

Last status changes:
  2026-03-10 13:00:00  Running  -> Paused: Brand daily budget reached                             Spend recorded
  2026-03-10 13:00:00  Paused   -> Paused: Brand daily budget reached, Outside dayparting window  Settings changed
"""
    )


def test_a_past_moment_is_told_in_the_brands_time_with_what_was_stored(campaign: Campaign) -> None:
    lines = run("Summer Sale", "--at", "12:59", at=NOON + timedelta(hours=2)).splitlines()
    assert lines[1:6] == [
        "Moment    2026-03-10 12:59:00 Europe/Paris, the brand's time",
        "Decision  Running",
        "Stored    Running",
        "  since   before any change",
        "Next      time alone changes nothing",
    ]
    assert "Status changes around 2026-03-10 12:59:00 Europe/Paris:" in lines


def test_a_time_that_is_still_to_come_today_was_yesterday(campaign: Campaign) -> None:
    lines = run("Summer Sale", "--at", "13:01").splitlines()
    assert lines[1:3] == [
        "Moment    2026-03-09 13:01:00 Europe/Paris, the brand's time",
        "Decision  Running",
    ]


def test_who_switched_it_off_is_told(campaign: Campaign) -> None:
    with freeze_time(NOON):
        CampaignService.switch_off(campaign, by="ann")
        CampaignService.archive(campaign, by="ann")
    told = "off since 2026-03-10 13:00:00 Europe/Paris by ann, archived 2026-03-10 13:00:00 Europe/Paris"
    assert f"AGAINST  Switched off by a person         {told}" in run("Summer Sale").splitlines()


def test_many_windows_are_told_shortly(campaign: Campaign) -> None:
    for hour in range(8, 16):
        DaypartingScheduleFactory.create(campaign=campaign, start_time=time(hour), end_time=time(hour, 30))
    assert (
        "it is Tue 13:00 in Europe/Paris; closes Tue 13:30; open every day 08:00-08:30, every day 09:00-09:30, "
        "every day 10:00-10:30, 6 more\n"
    ) in run("Summer Sale")


def test_a_campaign_without_changes_says_so(db: None) -> None:
    CampaignFactory.create(name="Quiet")
    with freeze_time(NOON):
        assert run("Quiet", at=datetime.now(UTC)).endswith("No status changes.\n")


def test_the_brand_or_the_id_tells_which_campaign_is_meant(campaign: Campaign) -> None:
    CampaignFactory.create(brand__name="Beta", name="Summer Sale")
    with pytest.raises(CommandError, match="may be any of these; give the id"):
        run("Summer Sale")
    first = run(str(campaign.pk)).splitlines()[0]
    assert first == run("Summer Sale", "--brand", "acme").splitlines()[0]
    assert first.endswith("of Acme")


def test_a_moment_nobody_can_explain_is_refused(campaign: Campaign) -> None:
    with pytest.raises(CommandError, match="still to come"):
        run("Summer Sale", "--at", "2026-03-10 13:01")
    with pytest.raises(CommandError, match="was not there yet at that moment"):
        run("Summer Sale", "--at", "2026-03-08 12:00")


# Moments on the command line


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("0:30", datetime(2026, 3, 10, 23, 30, tzinfo=UTC)),
        ("00:30:01", datetime(2026, 3, 9, 23, 30, 1, tzinfo=UTC)),
        ("14:05", datetime(2026, 3, 10, 13, 5, tzinfo=UTC)),
        ("9:05", datetime(2026, 3, 10, 8, 5, tzinfo=UTC)),
        ("14:05:30", datetime(2026, 3, 10, 13, 5, 30, tzinfo=UTC)),
        ("2026-03-01 14:05", datetime(2026, 3, 1, 13, 5, tzinfo=UTC)),
        ("2025-07-01 14:05", datetime(2025, 7, 1, 12, 5, tzinfo=UTC)),
        ("2026-03-01T14:05:30", datetime(2026, 3, 1, 13, 5, 30, tzinfo=UTC)),
        ("2026-03-01T14:05:30-05:00", datetime(2026, 3, 1, 19, 5, 30, tzinfo=UTC)),
        ("2026-03-01T14:05:30Z", datetime(2026, 3, 1, 14, 5, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_by_the_brands_clock_and_a_time_alone_is_the_last_one(
    text: str, moment: datetime
) -> None:
    just_after_midnight = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)  # the 11th in Paris
    assert past_moment(text, PARIS, just_after_midnight) == moment


@pytest.mark.parametrize("text", ["", "noon", "25:00", "14", "2026-13-01 10:00", "14:05pm"])
def test_what_is_no_moment_is_refused_with_examples(text: str) -> None:
    with pytest.raises(CommandError, match="is not a moment; give 14:05"):
        past_moment(text, PARIS, NOON)


def test_columns_line_up_whatever_the_script() -> None:
    assert table([("指名検索", "1"), ("Sale", "1,200")], align="<>") == "指名検索      1\nSale      1,200"
