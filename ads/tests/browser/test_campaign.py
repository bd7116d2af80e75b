"""A campaign's page in a browser: the week painted by mouse and by keyboard, and what people do there."""

import random
from collections.abc import Callable
from datetime import time, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from freezegun import freeze_time
from playwright.sync_api import Browser, Locator, Page, expect

from ads.models import Brand, Campaign, DaypartingSchedule
from ads.rules.dayparting import Window, weekly_edges
from ads.rules.serving import Status
from ads.rules.week import NothingOpenError, painted
from ads.services import BudgetService, CampaignService
from ads.tests.browser.axe import PHONE, faults, violations
from ads.tests.browser.conftest import PASSWORD
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.once]

Open = Callable[[Campaign], Page]


@pytest.fixture
def opened(page: Page, site: str, ada: User, sign_in: Callable[[User], None]) -> Open:
    """The page of a campaign, on a wide screen."""

    def of(campaign: Campaign) -> Page:
        page.set_viewport_size({"width": 1440, "height": 1000})
        sign_in(ada)
        page.goto(f"{site}/campaigns/{campaign.pk}/")
        return page

    return of


def cell(page: Page, name: str) -> Locator:
    return page.locator(f'td.c[aria-label^="{name}"]')


def drag(page: Page, first: str, last: str) -> None:
    page.locator("table.wk").scroll_into_view_if_needed()
    cell(page, first).hover()
    page.mouse.down()
    cell(page, last).hover()


def save(page: Page) -> None:
    """Once what follows was told."""
    expect(page.locator("#wk-then")).to_contain_text("After saving:")
    page.locator("#wk-form [name=save]").click()
    expect(page.locator(".notice").first).to_contain_text("Schedule saved.")


def stored(campaign: Campaign) -> list[str]:
    return [str(row) for row in campaign.schedules.all()]


def office_hours() -> Campaign:
    campaign = CampaignFactory.create(brand__name="Acme", name="Office Hours")
    DaypartingSchedule.objects.bulk_create(
        DaypartingSchedule(campaign=campaign, day_of_week=day, start_time=time(9), end_time=time(17))
        for day in range(5)
    )
    return campaign


def test_the_week_is_painted_with_the_mouse_and_found_in_the_database(opened: Open) -> None:
    campaign = office_hours()
    page = opened(campaign)
    say = page.locator("#wk-say")

    drag(page, "Monday 12:00", "Thursday 13:30")
    expect(say).to_have_text("Close Monday to Thursday, 12:00 to 14:00 when you let go. Esc cancels.")
    page.mouse.up()
    expect(say).to_have_text("Closed: Monday to Thursday, 12:00 to 14:00. 8 h changed, not saved.")
    drag(page, "Friday 18:00", "Friday 23:30")
    page.mouse.up()
    drag(page, "Saturday 00:00", "Saturday 01:30")
    page.mouse.up()
    expect(page.locator('[data-sum="4"]')).to_have_text("09:00–17:00, 18:00–02:00 Sat")
    expect(page.locator("#wk-then")).to_contain_text("After saving:")
    assert len(stored(campaign)) == 5
    assert violations(page) == []

    save(page)
    assert stored(campaign) == [
        "Monday 09:00-12:00", "Monday 14:00-17:00", "Tuesday 09:00-12:00", "Tuesday 14:00-17:00",
        "Wednesday 09:00-12:00", "Wednesday 14:00-17:00", "Thursday 09:00-12:00", "Thursday 14:00-17:00",
        "Friday 09:00-17:00", "Friday 18:00-02:00",
    ]  # fmt: skip


def test_a_rectangle_is_cancelled_with_escape(opened: Open) -> None:
    campaign = office_hours()
    page = opened(campaign)
    drag(page, "Monday 12:00", "Thursday 13:30")
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(page.locator("#wk-say")).to_have_text("Cancelled. Nothing to save.")
    expect(page.locator("#wk-form")).to_be_hidden()
    expect(page.locator('[data-sum="0"]')).to_have_text("09:00–17:00")


def test_the_week_is_painted_with_the_keyboard_and_found_in_the_database(opened: Open) -> None:
    campaign = office_hours()
    page = opened(campaign)
    say, press = page.locator("#wk-say"), page.keyboard.press
    page.locator('table.wk td.c[tabindex="0"]').focus()
    press("Control+Home")
    expect(cell(page, "Monday 00:00, closed")).to_be_focused()
    press("Control+ArrowRight")
    expect(cell(page, "Monday 09:00, open")).to_be_focused()
    for _ in range(3):
        press("Shift+ArrowRight")
    press("Shift+ArrowDown")
    expect(say).to_have_text("Selected: Monday to Tuesday, 09:00 to 11:00. Space closes it.")
    press("Space")
    expect(say).to_have_text("Closed: Monday to Tuesday, 09:00 to 11:00. 4 h changed, not saved.")
    press("Control+z")
    expect(say).to_have_text("Undone. Nothing to save.")
    press("Control+End")
    expect(cell(page, "Sunday 23:30, closed")).to_be_focused()
    press("Shift+Space")
    expect(say).to_have_text("Selected: Sunday, 00:00 to 24:00. Space opens it.")
    press("Enter")
    press("ArrowUp")
    press("Space")
    press("Control+Home")
    press("Shift+Space")
    press("Delete")
    expect(page.locator('[data-sum="0"]')).to_have_text("closed")
    page.locator("#wk-form [name=save]").focus()
    expect(page.locator("#wk-then")).to_contain_text("After saving:")
    expect(page.locator("#wk-form [name=save]")).to_be_focused()
    press("Enter")
    expect(page.locator(".notice").first).to_contain_text("Schedule saved.")
    assert stored(campaign) == [
        "Tuesday 09:00-17:00", "Wednesday 09:00-17:00", "Thursday 09:00-17:00", "Friday 09:00-17:00",
        "Saturday 23:30-24:00", "Sunday 00:00-24:00",
    ]  # fmt: skip


def test_heads_of_rows_and_columns_select_them(opened: Open) -> None:
    page = opened(office_hours())
    page.get_by_role("button", name="Wed", exact=False).first.click()
    expect(page.locator("#wk-say")).to_contain_text("Selected: Wednesday, 00:00 to 24:00.")
    page.locator('button[data-col="20"]').click()
    expect(page.locator("#wk-say")).to_contain_text("Selected: Monday to Sunday, 10:00 to 11:00.")
    assert page.locator('td.c[aria-selected="true"]').count() == 14


def test_windows_off_the_half_hour_stay_unless_painted_over(opened: Open) -> None:
    campaign = CampaignFactory.create(brand__name="Acme")
    DaypartingScheduleFactory.create(
        campaign=campaign, day_of_week=0, start_time=time(9, 10), end_time=time(17, 45)
    )
    page = opened(campaign)
    expect(cell(page, "Monday 09:00, partly open")).to_have_count(1)
    drag(page, "Monday 12:00", "Monday 12:30")
    page.mouse.up()
    drag(page, "Monday 17:30", "Monday 18:00")  # it begins on what is open in part, so it closes
    page.mouse.up()
    save(page)
    assert stored(campaign) == ["Monday 09:10-12:00", "Monday 13:00-17:30"]


def test_the_script_paints_what_the_rule_paints(opened: Open) -> None:
    """Both make windows of half hours; what one shows must be what the other keeps."""
    campaign = office_hours()
    page, chance = opened(campaign), random.Random(20)
    windows = tuple(sorted(row.window for row in campaign.schedules.all()))
    for _ in range(25):
        first, last = sorted(chance.sample(range(48), 2))
        days = sorted(chance.sample(range(7), 2))
        chosen = [day * 48 + slot for day in range(days[0], days[1] + 1) for slot in range(first, last + 1)]
        is_open = page.evaluate(
            "i => document.querySelectorAll('td.c')[i].classList.contains('o')", chosen[0]
        )
        cells = page.locator("td.c")
        cells.nth(chosen[0]).hover()
        page.mouse.down()
        cells.nth(chosen[-1]).hover()
        page.mouse.up()
        try:
            windows = painted(windows, chosen, is_open=not is_open)
        except NothingOpenError:
            page.get_by_role("button", name="Undo").click()
    sent = page.evaluate("JSON.parse(document.getElementById('wk-form').elements.windows.value)")
    shown = tuple(
        Window(each["day"], time.fromisoformat(each["start"]), time.fromisoformat(each["end"]))
        for each in sent
    )
    assert weekly_edges(shown) == weekly_edges(windows)
    save(page)
    assert tuple(sorted(row.window for row in campaign.schedules.all())) == windows


def test_what_another_changed_meanwhile_is_told_and_ones_own_stays_painted(
    opened: Open, complaints: list[str]
) -> None:
    campaign = office_hours()
    page = opened(campaign)
    drag(page, "Saturday 10:00", "Saturday 11:30")
    page.mouse.up()
    expect(page.locator("#wk-then")).to_contain_text("After saving:")
    campaign.schedules.filter(day_of_week=4).delete()
    page.locator("#wk-form [name=save]").click()
    expect(page.get_by_role("alert")).to_contain_text("The schedule was changed meanwhile")
    complaints.clear()  # the browser's own line about an answer that is a conflict
    expect(page.locator('[data-sum="5"]')).to_have_text("10:00–12:00")
    expect(page.locator("#wk-then")).to_contain_text("After saving:")
    assert len(stored(campaign)) == 4
    save(page)
    assert stored(campaign)[-2:] == ["Friday 09:00-17:00", "Saturday 10:00-12:00"]


def test_a_switch_off_survives_a_reset(opened: Open) -> None:
    campaign = CampaignFactory.create(brand__name="Acme")
    page = opened(campaign)
    page.get_by_role("switch", name="Switched on").click()
    expect(page.locator("#h-why")).to_contain_text("switched off by ada")
    BudgetService.reset_budgets(daily=True, monthly=True)
    page.reload()
    expect(page.get_by_role("switch", name="Switched off")).not_to_be_checked()
    campaign.refresh_from_db()
    assert (campaign.enabled, campaign.status) == (False, Status.INACTIVE)


def test_a_budget_is_edited_in_place_with_its_consequence_told_before(opened: Open) -> None:
    campaign = CampaignFactory.create(brand__name="Acme")
    BudgetService.record_spend(campaign, Decimal(60))
    page = opened(campaign)
    page.get_by_role("link", name="Edit budgets and flight").click()
    page.get_by_label("Daily budget").fill("50")
    expect(page.locator("#then")).to_contain_text("It pauses at once: campaign daily budget reached.")
    page.get_by_label("Daily budget").fill("75")
    expect(page.locator("#then")).to_contain_text("It goes on running.")
    page.get_by_label("Daily budget").fill("50")
    page.get_by_role("button", name="Save and pause").click()
    expect(page.locator("#h-why")).to_contain_text("campaign daily budget reached")
    campaign.refresh_from_db()
    assert (campaign.daily_budget, campaign.status) == (Decimal(50), Status.PAUSED)


def test_a_moment_is_answered_in_place(opened: Open) -> None:
    now = timezone.now()
    # A moment is named in whole seconds, so it is not that in which the campaign began.
    with freeze_time(now - timedelta(minutes=1)):
        campaign = CampaignFactory.create(brand__name="Acme")
    page = opened(campaign)
    page.get_by_label("Day", exact=True).fill(f"{now:%Y-%m-%d}")
    page.get_by_label("Time", exact=True).fill(f"{now:%H:%M:%S}")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#was")).to_contain_text(f"Running at {now:%H:%M:%S} on")
    page.locator("#was summary").click()
    expect(page.locator("#was")).to_contain_text("Brand daily budget")
    assert violations(page) == []


def test_on_a_phone_a_day_is_edited_in_fields(opened: Open) -> None:
    campaign = office_hours()
    page = opened(campaign)
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("link", name="Edit Saturday").click()
    page.get_by_label("From").first.fill("10:00")
    page.get_by_label("Until").first.fill("02:00")
    page.get_by_role("button", name="See what follows").click()
    page.locator("[name=save]").click()
    expect(page.locator(".notice").first).to_contain_text("Schedule saved.")
    assert stored(campaign)[-1] == "Saturday 10:00-02:00"


def some_of_every_state() -> list[str]:
    """The paths of pages in every state there is."""
    acme = BrandFactory.create(name="Acme")
    running = CampaignFactory.create(brand=acme, name="Running", daily_budget=Decimal(80))
    odd = DaypartingSchedule(campaign=running, day_of_week=None, start_time=time(0), end_time=time(23, 50))
    odd.save()
    BudgetService.record_spend(running, Decimal(30))
    over = CampaignFactory.create(brand=acme, name="Over its budget " * 6, daily_budget=Decimal(20))
    BudgetService.record_spend(over, Decimal("25.55"))
    night = CampaignFactory.create(brand=acme, name="Night")
    now = timezone.now()
    DaypartingScheduleFactory.create(
        campaign=night, day_of_week=(now.weekday() + 2) % 7, start_time=time(22), end_time=time(6)
    )
    today = acme.calendar.local_date(now)
    ended = CampaignFactory.create(
        brand=acme, name="Ended", start_date=today - timedelta(days=9), end_date=today - timedelta(days=1)
    )
    off = CampaignFactory.create(brand=acme, name="Off")
    CampaignService.switch_off(off)
    archived = CampaignFactory.create(brand=BrandFactory.create(name="Beta", currency="JPY"), name="Archived")
    CampaignService.archive(archived)
    moment = f"moment/?day={today}&time={now:%H:%M:%S}"
    return [
        "/campaigns/", "/campaigns/?q=zzz", "/campaigns/?status=archived",
        *(f"/campaigns/{each.pk}/" for each in (running, over, night, ended, off, archived)),
        *(f"/campaigns/{running.pk}/{rest}" for rest in ("settings/", "schedule/0/", "reset/", moment, "changes/")),
    ]  # fmt: skip


def test_every_state_is_open_to_everybody_and_fits_its_window(
    browser: Browser, site: str, ada: User, nina: User
) -> None:
    paths = some_of_every_state()
    Brand.objects.get(name="Acme").assigned_to.add(nina)
    for person in (ada, nina):
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{site}/sign-in/")
        page.get_by_label("Username").fill(person.username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{site}/")
        for path in paths:
            page.set_viewport_size({"width": PHONE, "height": 900})
            page.goto(site + path)
            assert faults(page) == [], (person.username, path)
        context.close()
