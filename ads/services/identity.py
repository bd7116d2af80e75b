"""Digests of 128 bits: what makes two records the same record, and what makes their content the same."""

from datetime import UTC, date, datetime
from hashlib import blake2b
from uuid import UUID

Part = str | int | date | datetime | None


def record_key(brand_id: int, source: str, external_id: str) -> UUID:
    """The identity of a record: its brand, the source it came from and its id there."""
    return _digest("record", brand_id, source, external_id)


def record_content(
    campaign_id: int, kind: str, amount_micros: int, currency: str, occurred_at: datetime | None
) -> UUID:
    """What must not differ under one identity. `occurred_at` only where the sender gave it."""
    return _digest("content", campaign_id, kind, amount_micros, currency, occurred_at)


def snapshot_key(
    brand_id: int, source: str, campaign_id: int, line: str, day: date, hour: int | None
) -> UUID:
    """The identity of a total that a feed restates."""
    return _digest("snapshot", brand_id, source, campaign_id, line, day, hour)


def snapshot_day_key(brand_id: int, source: str, campaign_id: int, day: date) -> UUID:
    """The identity of what one source says of one campaign's date."""
    return _digest("snapshot day", brand_id, source, campaign_id, day)


def _digest(*parts: Part) -> UUID:
    digest = blake2b(digest_size=16)
    for part in parts:
        encoded = _encoded(part)
        digest.update(len(encoded).to_bytes(4))  # so that ("ab", "c") and ("a", "bc") differ
        digest.update(encoded)
    return UUID(bytes=digest.digest())


def _encoded(part: Part) -> bytes:
    if part is None:
        return b"\x00"
    if isinstance(part, datetime):
        return part.astimezone(UTC).isoformat(timespec="microseconds").encode()
    return str(part).encode()
