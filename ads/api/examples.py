"""What the description of the API shows of each form: one and the same agency in all of them."""

from typing import Any

Example = dict[str, Any]

EVENT: Example = {"campaign": 1, "amount": "12.50", "source": "adserver", "external_id": "click-1"}
REFUND: Example = {
    "campaign": {"platform": "meta", "account": "", "external_id": "120"},
    "amount": "-2.50",
    "kind": "REFUND",
    "source": "adserver",
    "external_id": "refund-1",
    "occurred_at": "2026-11-20T08:30:00+01:00",
}
SNAPSHOT: Example = {"campaign": 1, "date": "2026-11-19", "amount": "41.00", "source": "meta"}
SNAPSHOT_OF_AN_AD: Example = SNAPSHOT | {"line": "ad=120216", "hour": 14, "as_of": "2026-11-19T15:05:00Z"}

ACCEPTED: Example = {"result": "accepted", "id": 1, "errors": []}
DUPLICATE: Example = {"result": "duplicate", "id": 1, "errors": []}
REFUSED: Example = {
    "result": "refused",
    "id": None,
    "errors": [
        {"field": "amount", "message": 'give a string with at most 6 decimals, such as "12.50".'},
    ],
}
COUNTS: Example = {"accepted": 1, "duplicate": 1, "conflict": 0, "quarantined": 0, "refused": 1}
BOOKED: Example = {"booked": "41.00"}
NOT_BOOKED: Example = {"booked": "0.00"}

DAY: Example = {
    "starts_on": "2026-11-20",
    "budget": "100.00",
    "spent": "102.50",
    "waived": "0.00",
    "current": "102.50",
    "remaining": "-2.50",
    "reached": True,
}
MONTH: Example = DAY | {
    "starts_on": "2026-11-01",
    "budget": "2000.00",
    "spent": "143.50",
    "current": "143.50",
    "remaining": "1856.50",
    "reached": False,
}
NO_BUDGET: Example = {"budget": None, "remaining": None, "reached": False}
REASON: Example = {"code": "BRAND_DAILY", "words": "Brand daily budget reached"}
BRAND: Example = {
    "id": 1,
    "name": "Acme",
    "currency": "USD",
    "timezone": "Europe/Lisbon",
    "is_active": True,
    "archived_at": None,
    "daily_budget": "100.00",
    "monthly_budget": "2000.00",
    "today": "2026-11-20",
    "day": DAY,
    "month": MONTH,
    "campaigns": {"ACTIVE": 0, "PAUSED": 1, "INACTIVE": 0, "COMPLETED": 0},
}
CAMPAIGN: Example = {
    "id": 1,
    "brand": 1,
    "name": "Summer Sale",
    "platform": "meta",
    "account": "",
    "external_id": "120",
    "currency": "USD",
    "enabled": True,
    "archived_at": None,
    "start_date": None,
    "end_date": "2026-12-24",
    "daily_budget": None,
    "monthly_budget": None,
    "total_budget": "9000.00",
    "day": DAY | NO_BUDGET,
    "month": MONTH | NO_BUDGET,
    "total": MONTH | {"starts_on": None, "budget": "9000.00", "remaining": "8856.50"},
    "status": "PAUSED",
    "status_since": "2026-11-20T12:00:00Z",
    "reasons": [REASON],
    "decision": {
        "may_run": False,
        "status": "PAUSED",
        "reasons": [REASON],
        "next_transition_at": "2026-11-21T00:00:00Z",
        "decided_at": "2026-11-20T12:00:05Z",
    },
}
STATUS_CHANGE: Example = {
    "id": 1,
    "brand": 1,
    "sequence": 1,
    "campaign": 1,
    "from_status": "ACTIVE",
    "from_reasons": [],
    "to_status": "PAUSED",
    "reasons": [REASON],
    "cause": "SPEND",
    "by": "admin",
    "at": "2026-11-20T12:00:00Z",
}
SPEND_ROW: Example = {
    "id": 1,
    "brand": 1,
    "campaign": 1,
    "kind": "SPEND",
    "amount": "12.50",
    "currency": "USD",
    "occurred_at": "2026-11-20T12:00:00Z",
    "spent_on": "2026-11-20",
    "recorded_at": "2026-11-20T12:00:00Z",
    "source": "adserver",
    "external_id": "click-1",
    "description": "",
    "recorded_by": "admin",
    "while_off": False,
    "reverses": None,
}

ALERT: Example = {
    "id": 1,
    "kind": "THRESHOLD",
    "brand": 1,
    "campaign": None,
    "state": "open",
    "title": "Acme: 50, 80, 90 and 100 % of the daily budget reached",
    "lines": [
        "$102.50 of $100.00 spent on Fri 20 Nov 2026, 102 %: $2.50 over.",
        "Since 12:00 on Fri 20 Nov 2026 (Europe/Lisbon).",
    ],
    "steps": [50, 80, 90, 100],
    "period": "DAY",
    "starts_on": "2026-11-20",
    "spent": "102.50",
    "budget": "100.00",
    "raised_at": "2026-11-20T12:00:00Z",
    "changed_at": "2026-11-20T12:00:00Z",
    "acknowledged_by": "",
    "snoozed_until": None,
    "resolved_at": None,
    "resolved_by": "",
    "ended_at": None,
}

# By the name of the form.
OF_FORMS: dict[str, list[Example]] = {
    "SpendEvent": [EVENT, REFUND],
    "SpendSnapshot": [SNAPSHOT, SNAPSHOT_OF_AN_AD],
    "BrandChange": [{"daily_budget": "150.00"}, {"monthly_budget": None, "is_active": True}],
    "CampaignChange": [{"enabled": False}, {"daily_budget": "0", "end_date": "2026-12-24"}],
    "EventAnswer": [ACCEPTED, DUPLICATE, REFUSED],
    "EventAnswers": [{"counts": COUNTS, "items": [ACCEPTED, DUPLICATE, REFUSED]}],
    "SnapshotAnswer": [ACCEPTED | BOOKED, DUPLICATE | NOT_BOOKED],
    "SnapshotAnswers": [
        {
            "counts": COUNTS,
            "items": [ACCEPTED | BOOKED, DUPLICATE | NOT_BOOKED, REFUSED | NOT_BOOKED],
        }
    ],
    "SpendPage": [{"items": [SPEND_ROW], "next": 1, "has_more": False}],
    "BrandOut": [BRAND],
    "BrandPage": [{"items": [BRAND], "next": 1, "has_more": False}],
    "ChangedBrand": [
        BRAND | {"warnings": ["daily_budget: 102.50 of 100.00 is spent already; nothing runs on it."]}
    ],
    "CampaignOut": [CAMPAIGN],
    "CampaignPage": [{"items": [CAMPAIGN], "next": 1, "has_more": False}],
    "ChangedCampaign": [CAMPAIGN | {"warnings": []}],
    "Serving": [
        {
            "campaigns": [{"id": 1, "brand": 1, "platform": "meta", "account": "", "external_id": "120"}],
            "next_transition_at": "2026-11-21T00:00:00Z",
        }
    ],
    "StatusChangePage": [{"items": [STATUS_CHANGE], "next": 1, "has_more": False}],
    "AlertOut": [ALERT, ALERT | {"state": "acknowledged", "acknowledged_by": "admin"}],
    "AlertPage": [{"items": [ALERT], "next": 1, "has_more": False}],
    "StatusChangeFeed": [{"items": [STATUS_CHANGE], "next": "AQE", "has_more": False}],
}
