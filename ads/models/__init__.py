"""The nouns: what is stored, and what the database refuses."""

from ads.models.alerts import Alert, AlertKind, AlertRule, AlertStep
from ads.models.api import ApiToken, IdempotencyRecord, Scope, WrongTokens
from ads.models.archive import ArchivedMonth, SealedDay
from ads.models.brand import Brand, BrandQuerySet
from ads.models.campaign import Campaign, CampaignQuerySet
from ads.models.channels import (
    AlertNotification,
    ChannelKind,
    DigestChoice,
    NotificationChannel,
    NotificationPreference,
)
from ads.models.dayparting import DaypartingSchedule
from ads.models.effects import Delivery, DeliveryAttempt, DeliveryKind, DeliveryState, DeliveryTarget
from ads.models.imports import ImportedRecord, ImportMode, ImportState, SpendImport
from ads.models.jobs import HistoryCount, HistoryKind, JobProgress
from ads.models.ledger import Kind, SnapshotDay, SnapshotValue, SpendKey, SpendLog
from ads.models.period import FLIGHT_STARTS_ON, BrandPeriod, CampaignPeriod, PeriodKind, Waiver
from ads.models.platforms import PlatformAdapter, PlatformConnection, PlatformMode, PlatformState
from ads.models.quarantine import CampaignAlias, QuarantinedSpend, QuarantineProblem, QuarantineState
from ads.models.rights_change import RightKind, RightsChange
from ads.models.status import Cause, StatusChange
from ads.models.webhooks import EventSequence, EventType, WebhookEndpoint

__all__ = [
    "FLIGHT_STARTS_ON",
    "Alert",
    "AlertKind",
    "AlertNotification",
    "AlertRule",
    "AlertStep",
    "ApiToken",
    "ArchivedMonth",
    "Brand",
    "BrandPeriod",
    "BrandQuerySet",
    "Campaign",
    "CampaignAlias",
    "CampaignPeriod",
    "CampaignQuerySet",
    "Cause",
    "ChannelKind",
    "DaypartingSchedule",
    "Delivery",
    "DeliveryAttempt",
    "DeliveryKind",
    "DeliveryState",
    "DeliveryTarget",
    "DigestChoice",
    "EventSequence",
    "EventType",
    "HistoryCount",
    "HistoryKind",
    "IdempotencyRecord",
    "ImportMode",
    "ImportState",
    "ImportedRecord",
    "JobProgress",
    "Kind",
    "NotificationChannel",
    "NotificationPreference",
    "PeriodKind",
    "PlatformAdapter",
    "PlatformConnection",
    "PlatformMode",
    "PlatformState",
    "QuarantineProblem",
    "QuarantineState",
    "QuarantinedSpend",
    "RightKind",
    "RightsChange",
    "Scope",
    "SealedDay",
    "SnapshotDay",
    "SnapshotValue",
    "SpendImport",
    "SpendKey",
    "SpendLog",
    "StatusChange",
    "Waiver",
    "WebhookEndpoint",
    "WrongTokens",
]
