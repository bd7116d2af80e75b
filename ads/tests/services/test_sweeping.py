"""The safety net in parts: one run of each at a time, in small transactions, going on where one was killed."""

from collections.abc import Collection, Iterator
from datetime import timedelta

import pytest
from django.conf import settings
from freezegun import freeze_time

from ads import tasks
from ads.models import Brand, Campaign, JobProgress
from ads.models.brand import BrandQuerySet
from ads.rules.serving import Status
from ads.services import enforcement
from ads.services.sweeping import HELD_FOR, sweep_part
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.moments import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with freeze_time(NOON):
        yield


@pytest.fixture
def brands() -> list[Brand]:
    """Six of three campaigns each, all of them wrongly off."""
    found = BrandFactory.create_batch(6)
    for brand in found:
        CampaignFactory.create_batch(3, brand=brand)
    Campaign._base_manager.update(status=Status.PAUSED, reason_codes="BRAND_DAILY")
    return found


def put_right() -> set[int]:
    """The brands whose campaigns run again."""
    return set(Campaign.objects.filter(status=Status.ACTIVE).values_list("brand_id", flat=True))


def progress(name: str = "sweep 0/1") -> JobProgress:
    return JobProgress.objects.get(name=name)


def test_all_parts_together_decide_each_campaign_once(brands: list[Brand]) -> None:
    tallies = [sweep_part(part, 4, NOON) for part in range(4)]
    assert sum(tally.decided for tally in tallies) == 18
    assert sum(tally.resumed for tally in tallies) == 18
    assert all(tally.decided <= 6 for tally in tallies)
    assert put_right() == {brand.pk for brand in brands}
    assert sweep_part(1, 4, NOON).changed == 0


def test_a_run_that_was_killed_is_gone_on_with_when_its_time_is_up(brands: list[Brand]) -> None:
    JobProgress.objects.create(name="sweep 0/1", position=brands[3].pk, held_until=NOON + HELD_FOR)
    assert sweep_part(0, 1, NOON).decided == 0
    assert put_right() == set()
    assert sweep_part(0, 1, NOON + HELD_FOR + timedelta(seconds=1)).decided == 6
    assert put_right() == {brands[4].pk, brands[5].pk}
    assert (progress().position, progress().held_until) == (0, None)
    assert sweep_part(0, 1, NOON + HELD_FOR + timedelta(seconds=2)).decided == 18


def test_while_one_run_is_at_it_another_does_nothing(
    brands: list[Brand], monkeypatch: pytest.MonkeyPatch
) -> None:
    decide, others = enforcement.sweep_share, []

    def decide_and_look(*args: object) -> object:
        others.append(sweep_part(0, 1, NOON).decided)
        return decide(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(enforcement, "sweep_share", decide_and_look)
    assert sweep_part(0, 1, NOON).decided == 18
    assert others == [0]


def test_a_run_whose_place_was_taken_stops(brands: list[Brand], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enforcement, "LOOKED_AT_ONCE", 6)
    decide = enforcement.sweep_share

    def decide_late(*args: object) -> object:
        JobProgress.objects.update(position=brands[-1].pk)
        return decide(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(enforcement, "sweep_share", decide_late)
    assert sweep_part(0, 1, NOON).decided == 6
    assert progress().position == brands[-1].pk


@pytest.mark.parametrize(
    ("most_campaigns", "most_brands", "shares"),
    [
        (6, 200, [6, 6, 6]),  # two brands each
        (7, 200, [6, 6, 6]),
        (5, 200, [3] * 6),
        (2, 200, [2, 1] * 6),  # a brand in pieces
        (100, 4, [12, 6]),
        (100, 200, [18]),
    ],
)
def test_a_transaction_holds_as_many_brands_as_have_few_campaigns(
    brands: list[Brand],
    monkeypatch: pytest.MonkeyPatch,
    most_campaigns: int,
    most_brands: int,
    shares: list[int],
) -> None:
    monkeypatch.setattr(enforcement, "LOOKED_AT_ONCE", most_campaigns)
    monkeypatch.setattr(enforcement, "BRANDS_AT_ONCE", most_brands)
    empty = BrandFactory.create()
    sizes = [
        len(share.campaign_ids or Campaign.objects.filter(brand_id__in=share.brand_ids))
        for share in enforcement.shares(Brand.objects.exclude(pk=empty.pk))
    ]
    assert sizes == shares
    assert enforcement.sweep(NOON).decided == 18


def test_a_brand_in_pieces_is_done_with_its_last_one(
    brands: list[Brand], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enforcement, "LOOKED_AT_ONCE", 2)
    killed_at, decide = 4, enforcement.sweep_share
    done: list[object] = []

    def killed(*args: object) -> object:
        if len(done) == killed_at:
            raise KeyboardInterrupt
        done.append(args)
        return decide(*args)  # type: ignore[arg-type]

    with monkeypatch.context() as dying:
        dying.setattr(enforcement, "sweep_share", killed)
        with pytest.raises(KeyboardInterrupt):
            sweep_part(0, 1, NOON)
    assert progress().position == brands[1].pk
    assert sweep_part(0, 1, NOON + 2 * HELD_FOR).decided == 12


def test_the_task_hands_the_other_parts_to_other_workers(
    brands: list[Brand], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SWEEP_PARTS", 3)
    handed: list[int] = []
    monkeypatch.setattr(tasks.enforce_budgets, "delay", handed.append)
    assert tasks.enforce_budgets()["decided"] == 6
    assert handed == [1, 2]
    assert [tasks.enforce_budgets(part)["resumed"] for part in handed] == [6, 6]
    assert handed == [1, 2]


def test_what_it_finds_is_told(brands: list[Brand], caplog: pytest.LogCaptureFixture) -> None:
    sweep_part(0, 1, NOON)
    assert "The sweep changed 18 campaigns that the others had missed" in caplog.text
    caplog.clear()
    sweep_part(0, 1, NOON)
    assert "missed" not in caplog.text


def test_what_is_right_is_looked_at_without_a_lock(
    brands: list[Brand], monkeypatch: pytest.MonkeyPatch
) -> None:
    locked: list[int] = []
    lock = BrandQuerySet.lock

    def lock_and_tell(queryset: BrandQuerySet, brand_ids: Collection[int], **how: bool) -> list[Brand]:
        locked.extend(brand_ids)
        return lock(queryset, brand_ids, **how)

    monkeypatch.setattr(BrandQuerySet, "lock", lock_and_tell)
    monkeypatch.setattr(enforcement, "LOCKED_AT_ONCE", 6)
    enforcement.sweep(NOON)
    assert locked == [brand.pk for brand in brands]
    wrong = CampaignFactory.create(brand=brands[2])
    Campaign._base_manager.filter(pk=wrong.pk).update(status=Status.PAUSED, reason_codes="BRAND_DAILY")
    locked.clear()
    assert enforcement.sweep(NOON).resumed == 1
    assert locked == [brands[2].pk]
    locked.clear()
    assert enforcement.sweep(NOON).decided == 19
    assert locked == []
