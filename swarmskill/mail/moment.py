"""Times as text. Pure: nothing here reads a clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment_text(at: float) -> str:
    """Seconds since the epoch as RFC 3339 in UTC, to the microsecond."""
    moment = _EPOCH + timedelta(microseconds=round(at * 1_000_000))
    return moment.isoformat().replace("+00:00", "Z")


def read_moment(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 time; one without a zone is in UTC. Raises ValueError."""
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (moment - _EPOCH) / timedelta(seconds=1)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no time such as 2026-11-21T14:02:00Z") from error


def month_of(at: float) -> tuple[str, str]:
    """Year and month in UTC as folders of an archive: ("2026", "11")."""
    year, month, _ = moment_text(at).split("-", 2)
    return year, month
