"""Digests of 128 bits: what makes two records the same record, and what makes their content the same.

They are kept for ever, so what is digested must never change. Texts that may hold anything come last or after
their length; everything else is a number, a date or one of a few words.
"""

from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def record_key(brand_id: int, source: str, external_id: str) -> bytes:
    """The identity of a record: its brand, the source it came from and its id there."""
    return _digest(f"record|{brand_id}|{len(source)}|{source}|{external_id}")


def record_content(
    campaign_id: int, kind: str, amount_micros: int, currency: str, occurred_at: datetime | None
) -> bytes:
    """What must not differ under one identity. `occurred_at` only where the sender gave it."""
    moment = "" if occurred_at is None else (occurred_at - EPOCH) // MICROSECOND
    return _digest(f"content|{campaign_id}|{kind}|{amount_micros}|{currency}|{moment}")


def snapshot_key(
    brand_id: int, source: str, campaign_id: int, line: str, day: date, hour: int | None
) -> bytes:
    """The identity of a total that a feed restates."""
    return _digest(f"snapshot|{brand_id}|{len(source)}|{source}|{campaign_id}|{day}|{hour}|{line}")


def snapshot_day_key(brand_id: int, source: str, campaign_id: int, day: date) -> bytes:
    """The identity of what one source says of one campaign's date."""
    return _digest(f"snapshot day|{brand_id}|{len(source)}|{source}|{campaign_id}|{day}")


def quarantine_key(*parts: object) -> bytes:
    """What is the same record when it comes again and still cannot be counted."""
    return _digest("quarantine|" + "|".join(f"{len(str(part))}|{part}" for part in parts))


def _digest(text: str) -> bytes:
    # Records that no database takes have an identity in quarantine all the same.
    return blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()
