"""What is wanted of connected campaigns: it follows their status, in the transaction that changed it.

Rows are made and dropped under the brands' locks, so that no status changes unseen meanwhile.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from ads.models import Brand, Campaign, PlatformConnection, PlatformState, StatusChange
from ads.rules.platforms import Desired, Observed, fits
from ads.rules.serving import Reason, Status
from ads.services.effects import PLATFORMS_TASK, ring
from ads.services.transactions import retrying

ROWS_PER_STATEMENT = 2_000


def desired_for(status: str) -> Desired:
    """What a campaign of this status should do on its platform."""
    return Desired.RUNNING if status == Status.ACTIVE else Desired.PAUSED


def is_anything_connected() -> bool:
    """Whether there is a campaign whose status matters on a platform."""
    return PlatformState.objects.exists()


def follow_statuses(changes: Sequence[StatusChange], now: datetime) -> None:
    """Wants what these changes decided. Called in their transaction, under the brands' locks."""
    turned = {
        desired: [
            change.campaign_id
            for change in changes
            if desired_for(change.to_status) == desired != desired_for(change.from_status)
        ]
        for desired in Desired
    }
    switched_on = [
        change.campaign_id
        for change in changes
        if Reason.SWITCHED_OFF in change.from_reasons and Reason.SWITCHED_OFF not in change.reasons
    ]
    for desired, campaign_ids in turned.items():
        for ids in _in_slices(campaign_ids):
            want(PlatformState.objects.filter(campaign_id__in=ids), desired, now)
    for ids in _in_slices(switched_on):
        _overrule_pauses(PlatformState.objects.filter(campaign_id__in=ids), now)
    if switched_on or any(turned.values()):
        ring(PLATFORMS_TASK)


def want(states: QuerySet[PlatformState], desired: Desired, now: datetime) -> int:
    """Wants something else than before of these campaigns; work on what was wanted before is overtaken by it."""
    fitting = [observed for observed in Observed if fits(desired, observed)]
    newest = StatusChange.objects.filter(campaign_id=OuterRef("campaign_id")).order_by("-at", "-pk")
    return states.exclude(desired=desired).update(
        desired=desired,
        desired_at=now,
        desired_change_id=Subquery(newest.values("pk")[:1]),
        version=F("version") + 1,
        attempts=0,
        next_try_at=now,
        drift_since=Case(When(observed__in=fitting, then=Value(None)), default=Coalesce("drift_since", now)),
    )


def _overrule_pauses(states: QuerySet[PlatformState], now: datetime) -> None:
    """A person switched these on here: what anybody paused on the platform before that no longer counts."""
    states.update(
        heed_since=now,
        confirmed_running_at=None,
        version=F("version") + 1,
        attempts=0,
        next_try_at=now,
    )


def follow_settings(campaign_ids: Collection[int], now: datetime) -> None:
    """Connects and disconnects campaigns whose settings were written. Called under the brands' locks."""
    connections = list(PlatformConnection.objects.filter(is_active=True))
    if not connections:
        return
    for ids in _in_slices(sorted(campaign_ids)):
        PlatformState.objects.filter(_is_disconnected(), campaign_id__in=ids).delete()
        for each in connections:
            _connect(covered(each).filter(pk__in=ids), each, now)


def follow_connection(changed: PlatformConnection, now: datetime) -> int:
    """Connects the campaigns that this connection covers, and disconnects others; returns how many it connected."""
    for ids in _in_slices(
        list(changed.states.filter(_is_disconnected()).values_list("campaign_id", flat=True))
    ):
        _disconnect(ids)
    if not changed.is_active:
        return 0
    missing = list(covered(changed).filter(platform_state__isnull=True).values_list("pk", flat=True))
    connected = sum(_connect_locked(ids, changed, now) for ids in _in_slices(missing))
    # What nobody looked after while the connection was off is looked at anew.
    changed.states.update(next_try_at=now)
    ring(PLATFORMS_TASK)
    return connected


def covered(by: PlatformConnection) -> QuerySet[Campaign]:
    """The campaigns of this account that have an id there, of the connection's brands."""
    campaigns = Campaign.objects.filter(platform=by.platform, account=by.account).exclude(external_id="")
    if not by.all_brands:
        campaigns = campaigns.filter(brand__in=by.brands.order_by().values("pk"))
    return campaigns.order_by("pk")


def _is_disconnected() -> Q:
    of_its_brands = PlatformConnection.brands.through.objects.filter(
        platformconnection_id=OuterRef("connection_id"), brand_id=OuterRef("campaign__brand_id")
    )
    return ~(
        Q(
            campaign__platform=F("connection__platform"),
            campaign__account=F("connection__account"),
            campaign__external_id=F("external_id"),
        )
        & (Q(connection__all_brands=True) | Q(Exists(of_its_brands)))
    )


@retrying
def _disconnect(campaign_ids: Sequence[int]) -> None:
    _lock_brands_of(campaign_ids)
    PlatformState.objects.filter(_is_disconnected(), campaign_id__in=campaign_ids).delete()


@retrying
def _connect_locked(campaign_ids: Sequence[int], to: PlatformConnection, now: datetime) -> int:
    _lock_brands_of(campaign_ids)
    return _connect(covered(to).filter(pk__in=campaign_ids), to, now)


def _lock_brands_of(campaign_ids: Sequence[int]) -> None:
    brand_ids = Campaign.objects.filter(pk__in=campaign_ids).order_by().values_list("brand_id", flat=True)
    Brand.objects.lock(set(brand_ids))


def _connect(campaigns: QuerySet[Campaign], to: PlatformConnection, now: datetime) -> int:
    missing = campaigns.filter(platform_state__isnull=True)
    states = [
        PlatformState(
            campaign=campaign,
            connection=to,
            external_id=campaign.external_id,
            desired=desired_for(campaign.status),
            desired_at=now,
            drift_since=now,
            next_try_at=now,
        )
        for campaign in missing
    ]
    PlatformState.objects.bulk_create(states, batch_size=ROWS_PER_STATEMENT)
    if states:
        ring(PLATFORMS_TASK)
    return len(states)


def _in_slices(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), ROWS_PER_STATEMENT):
        yield ids[start : start + ROWS_PER_STATEMENT]
