"""Was a campaign to run at a moment: for spend that comes after its status has changed."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter

from ads.rules.serving import Status
from ads.services.checking import CampaignGround
from ads.services.given import Statement, among, moment

ACTIVE = Status.ACTIVE.value


@dataclass(slots=True)
class Past:
    """The changes of campaigns' statuses since a moment."""

    _changes: defaultdict[int, list[tuple[datetime, str]]] = field(default_factory=lambda: defaultdict(list))

    def since(self, earliest: datetime, campaign_ids: Collection[int]) -> Statement:
        """To be run before anybody asks for a moment after `earliest`."""
        are_these, params = among("bigint", list(campaign_ids))
        sql = f"""
            SELECT campaign_id, CAST(at AS text), from_status FROM ads_statuschange
            WHERE campaign_id {are_these} AND at > %s ORDER BY at, id
        """  # noqa: S608 - only placeholders are put in
        return Statement(sql, [*params, earliest], self._take)

    def _take(self, rows: list[tuple[int, str, str]]) -> None:
        for campaign_id, at, from_status in rows:
            self._changes[campaign_id].append((moment(at), from_status))

    def was_off(self, campaign_id: int, campaign: CampaignGround, at: datetime) -> bool:
        """The status at a moment is what the first later change changed it from; without one, the present one."""
        if is_before_last_change(campaign, at) and (changes := self._changes.get(campaign_id)):
            later = bisect_right(changes, at, key=itemgetter(0))
            if later < len(changes):
                return changes[later][1] != ACTIVE
        return campaign.status != ACTIVE


def is_before_last_change(campaign: CampaignGround, at: datetime) -> bool:
    """Whether the present status says nothing of that moment."""
    return campaign.status_since is not None and at < campaign.status_since
