"""The history of statuses: of one brand, and of all brands in one feed; neither ever skips a change."""

import random
import threading
import time
from collections import defaultdict
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from pytest_django import DjangoAssertNumQueries

from ads.api import feed
from ads.models import Brand, Campaign, Scope, StatusChange
from ads.services import BudgetService, CampaignService, tokens
from ads.tests.api.conftest import Api, Enter
from ads.tests.factories import BrandFactory, CampaignFactory
from budget_system.testing.fixtures import CommittedDatabase


def switch(campaign: Campaign, times: int = 1) -> None:
    """Makes so many changes."""
    for _ in range(times):
        (CampaignService.switch_off if campaign.enabled else CampaignService.switch_on)(campaign, by="ann")


def numbers(brand: Brand) -> list[int]:
    rows = StatusChange.objects.filter(brand=brand).order_by("pk")
    return list(rows.values_list("sequence", flat=True))


def test_each_brand_counts_its_changes_from_one(brand: Brand) -> None:
    one, two = CampaignFactory.create_batch(2, brand=brand)
    other = CampaignFactory.create()
    BudgetService.record_spend(one, 100)  # both
    switch(other, 3)
    switch(two, 2)
    assert (numbers(brand), numbers(other.brand)) == ([1, 2, 3, 4], [1, 2, 3])


def test_a_change_that_is_rolled_back_leaves_no_gap(campaign: Campaign) -> None:
    with transaction.atomic():
        switch(campaign)
        transaction.set_rollback(True)
    campaign.refresh_from_db()
    switch(campaign, 2)
    assert numbers(campaign.brand) == [1, 2]


def test_the_database_refuses_a_number_twice(campaign: Campaign) -> None:
    switch(campaign)
    change = StatusChange.objects.get()
    change.pk, change._state.adding = None, True
    with pytest.raises(IntegrityError):
        change.save()


def test_a_change_is_told_whole(api: Api, campaign: Campaign) -> None:
    BudgetService.record_spend(campaign, 100)
    (told,) = api.get(f"/brands/{campaign.brand_id}/status-changes").json["items"]
    assert told == {
        "id": StatusChange.objects.get().pk,
        "brand": campaign.brand_id,
        "sequence": 1,
        "campaign": campaign.pk,
        "from_status": "ACTIVE",
        "from_reasons": [],
        "to_status": "PAUSED",
        "reasons": [{"code": "BRAND_DAILY", "words": "Brand daily budget reached"}],
        "cause": "SPEND",
        "by": "",
        "at": "2026-03-10T12:00:00Z",
    }


def test_a_brands_changes_are_followed_page_by_page(api: Api, campaign: Campaign) -> None:
    switch(CampaignFactory.create(), 2)
    switch(campaign, 5)
    path = f"/brands/{campaign.brand_id}/status-changes"
    found: list[int] = []
    after, has_more = 0, True
    while has_more:
        page = api.get(f"{path}?limit=2&after={after}").json
        found += [item["sequence"] for item in page["items"]]
        after, has_more = page["next"], page["has_more"]
    assert (found, after) == ([1, 2, 3, 4, 5], 5)
    assert api.get(f"{path}?after=5").json == {"items": [], "next": 5, "has_more": False}
    switch(campaign)
    assert [item["sequence"] for item in api.get(f"{path}?after=5").json["items"]] == [6]


def follow(api: Api, cursor: str = "", query: str = "") -> tuple[list[tuple[int, int]], str]:
    """What the feed holds beyond a cursor as (brand, sequence), and the cursor after it."""
    found: list[tuple[int, int]] = []
    has_more = True
    while has_more:
        page = api.get(f"/status-changes?limit=3&after={cursor}{query}").json
        assert len(page["items"]) <= 3
        found += [(item["brand"], item["sequence"]) for item in page["items"]]
        cursor, has_more = page["next"], page["has_more"]
    return found, cursor


def test_the_feed_of_all_brands_is_followed_page_by_page(api: Api) -> None:
    one, two = CampaignFactory.create_batch(2)
    switch(one, 2)
    switch(two, 4)
    switch(one, 1)
    a, b = one.brand_id, two.brand_id
    found, cursor = follow(api)
    assert sorted(found) == [(a, 1), (a, 2), (a, 3), (b, 1), (b, 2), (b, 3), (b, 4)]
    assert [number for brand, number in found if brand == b] == [1, 2, 3, 4]
    assert follow(api, cursor) == ([], cursor)
    three = CampaignFactory.create()
    switch(three)
    switch(two)
    assert sorted(follow(api, cursor)[0]) == [(b, 5), (three.brand_id, 1)]


def test_latest_begins_with_what_comes_next(api: Api, campaign: Campaign) -> None:
    switch(campaign, 3)
    answer = api.get("/status-changes?after=latest").json
    assert (answer["items"], answer["has_more"]) == ([], False)
    assert follow(api, answer["next"])[0] == []
    switch(campaign)
    assert follow(api, answer["next"])[0] == [(campaign.brand_id, 4)]


def test_the_feed_can_be_narrowed_and_other_brands_keep_their_place(api: Api) -> None:
    one, two = CampaignFactory.create_batch(2)
    for campaign in (one, two):
        switch(campaign, 2)
    a, b = one.brand_id, two.brand_id
    found, cursor = follow(api, query=f"&brand={a}")
    assert found == [(a, 1), (a, 2)]
    found, cursor = follow(api, cursor, query=f"&brand={b}&brand={a}")
    assert found == [(b, 1), (b, 2)]
    switch(two)
    assert follow(api, cursor, f"&brand={a}") == ([], cursor)
    assert follow(api, cursor)[0] == [(b, 3)]


def test_a_brand_of_others_is_404_and_not_in_the_feed(enter: Enter, api: Api) -> None:
    mine, theirs = CampaignFactory.create_batch(2)
    for campaign in (mine, theirs):
        switch(campaign)
    program = enter(mine.brand)
    _, everything = follow(api)
    assert follow(program)[0] == [(mine.brand_id, 1)]
    assert follow(program, everything)[0] == []
    for query in (f"?brand={theirs.brand_id}", f"?brand={mine.brand_id}&brand={10**6}"):
        answer = program.get(f"/status-changes{query}")
        assert (answer.code, answer.problem) == (404, "not-found")


@pytest.mark.parametrize(
    "cursor", ["A", "AQ", "gA", "AQ==", "!!!", "%00", "A" * 3801, "_" * 3799, "Af___________38"]
)
def test_a_cursor_that_is_none_is_422(api: Api, brand: Brand, cursor: str) -> None:
    answer = api.get(f"/status-changes?after={cursor}")
    assert (answer.code, answer.problem, answer.fields) == (422, "invalid", ["after"])


def test_more_brands_than_a_cursor_can_name_are_to_be_read_in_several_feeds(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "MAX_BRANDS", 2)
    brands = BrandFactory.create_batch(3)
    answer = api.get("/status-changes")
    assert (answer.code, answer.fields) == (422, ["brand"])
    assert api.get(f"/status-changes?brand={brands[0].pk}&brand={brands[1].pk}").code == 200


@pytest.mark.unit
def test_a_cursor_of_500_brands_fits_into_an_address() -> None:
    seen = {10_000_000 + 7 * number: 1_000_000 + number for number in range(feed.MAX_BRANDS)}
    cursor = feed._encoded(seen)
    assert feed._decoded(cursor) == seen
    assert len(cursor) < 3_500


@pytest.mark.unit
@pytest.mark.parametrize("seen", [{}, {1: 1}, {1: 127, 2: 128, 300: 16_384}, {2**62: 2**62}])
def test_a_cursor_is_read_as_it_was_written(seen: dict[int, int]) -> None:
    assert feed._decoded(feed._encoded(seen)) == seen


def test_neither_takes_more_queries_the_more_there_is(
    api: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    api.get("/status-changes")
    for campaign in CampaignFactory.create_batch(4):
        switch(campaign, 3)
        with django_assert_num_queries(3):  # token, brand, changes
            api.get(f"/brands/{campaign.brand_id}/status-changes")
        with django_assert_num_queries(3):  # token, brands, changes
            api.get("/status-changes")


@pytest.fixture
def reader(committed_database: CommittedDatabase, settings: Any) -> Api:
    settings.API_REQUESTS_PER_MINUTE = 0  # it asks as fast as it is answered
    return Api(tokens.issue(User.objects.create_superuser("ann"), "reader", [Scope.READ]).text)


@pytest.mark.integration
def test_what_commits_late_is_not_skipped(reader: Api) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time: nothing commits late")
    slow, fast = CampaignFactory.create_batch(2)
    written, may_commit = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with transaction.atomic():
            switch(slow)
            written.set()
            may_commit.wait(30)
        connection.close()

    writer = threading.Thread(target=write_slowly)
    writer.start()
    assert written.wait(30)
    switch(fast)
    found, cursor = follow(reader)
    assert found == [(fast.brand_id, 1)]
    last_id = StatusChange.objects.latest("pk").pk
    may_commit.set()
    writer.join()
    # Who goes by the ids of rows alone has missed it.
    assert not StatusChange.objects.filter(pk__gt=last_id).exists()
    assert follow(reader, cursor)[0] == [(slow.brand_id, 1)]


@pytest.mark.integration
def test_who_follows_while_many_write_sees_every_change_once_and_in_order(reader: Api) -> None:
    campaigns = CampaignFactory.create_batch(6)
    done = threading.Event()

    def write(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(25):
            campaign = Campaign.objects.get(pk=chance.choice(campaigns).pk)
            with transaction.atomic():
                switch(campaign)
                time.sleep(chance.random() / 100)  # written, and not committed yet
        connection.close()

    writers = [threading.Thread(target=write, args=[seed]) for seed in range(4)]

    def wait() -> None:
        for writer in writers:
            writer.join()
        done.set()

    for thread in (*writers, waiting := threading.Thread(target=wait)):
        thread.start()
    by_brand: defaultdict[int, list[int]] = defaultdict(list)
    one = campaigns[0].brand_id
    alone: list[int] = []
    cursor, after, last_round = "", 0, False
    while not last_round:
        last_round = done.is_set()
        found, cursor = follow(reader, cursor)
        for brand, number in found:
            by_brand[brand].append(number)
        page: Any = reader.get(f"/brands/{one}/status-changes?limit=1000&after={after}").json
        alone += [item["sequence"] for item in page["items"]]
        after = page["next"]
    waiting.join()
    expected = {campaign.brand_id: numbers(campaign.brand) for campaign in campaigns}
    assert {brand: by_brand[brand] for brand in expected} == expected
    assert all(found == list(range(1, len(found) + 1)) for found in expected.values())
    assert sum(len(found) for found in expected.values()) >= 25
    assert alone == expected[one]
