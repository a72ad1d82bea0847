"""Event times as senders spell them: epoch numbers, or ISO 8601 with an offset; exact to the millisecond or refused."""

import re
from datetime import UTC, date, datetime

from billing.local_time import MS_PER_SECOND
from billing.period import to_milliseconds

# As milliseconds these lie in the year 5138 and later; as what they are named, in 1973 and later.
FIRST_MICROSECOND_TIMESTAMP = 10**14
FIRST_NANOSECOND_TIMESTAMP = 10**17

_MAX_EPOCH_DIGITS = 18
_MS_DIGITS = 3
_EPOCH = re.compile(r"\+?([0-9]+)(?:\.([0-9]+))?")
_ISO = re.compile(
    r"([0-9]{4})(-?)([0-9]{2})\2([0-9]{2})[Tt ]([0-9]{2})(:?)([0-9]{2})\6([0-9]{2})(?:[.,]([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2})(?::?([0-9]{2}))?)?"
)


class EventTimeError(ValueError):
    """A text that is no exact and unambiguous event time; the message says why."""


def parse_event_time(text: str) -> int:
    """Return the milliseconds since 1970 that an epoch number or an ISO 8601 text with an offset stands for.

    Raises:
        EventTimeError: it is neither, has no offset, is finer than a millisecond or counts micro- or nanoseconds.
    """
    if match := _EPOCH.fullmatch(text):
        return _epoch_ms(match[1].lstrip("0") or "0", match[2] or "", text)
    if match := _ISO.fullmatch(text):
        return _iso_ms(match, text)
    if text != text.strip():
        raise EventTimeError(f"{text[:40]!r} begins or ends with a space")
    if text.startswith("-"):
        raise EventTimeError(f"{text[:40]!r} lies before 1970")
    raise EventTimeError(f"{text[:40]!r} is neither an epoch number nor an ISO 8601 time with an offset")


def parse_limit(text: str) -> int:
    """Return the milliseconds of a date, which is its midnight in UTC, or of an ISO 8601 time with an offset.

    Raises:
        ValueError: it is neither.
    """
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return (date.fromisoformat(text) - date(1970, 1, 1)).days * 86_400 * MS_PER_SECOND
    return parse_event_time(text)


def _epoch_ms(whole: str, fraction: str, text: str) -> int:
    if len(whole) > _MAX_EPOCH_DIGITS + 1:
        raise EventTimeError(f"{text[:40]!r} has {len(whole)} digits; seconds or milliseconds are expected")
    value = int(whole)
    if value >= FIRST_NANOSECOND_TIMESTAMP:
        raise EventTimeError(f"{text[:40]!r} counts nanoseconds; send seconds or milliseconds")
    if value >= FIRST_MICROSECOND_TIMESTAMP:
        raise EventTimeError(f"{text[:40]!r} counts microseconds; send seconds or milliseconds")
    milliseconds = to_milliseconds(value)
    if milliseconds == value and value:
        if fraction.strip("0"):
            raise EventTimeError(f"{text[:40]!r} is finer than a millisecond")
        return milliseconds
    return milliseconds + _fraction_ms(fraction, text)


def _fraction_ms(fraction: str, text: str) -> int:
    if fraction[_MS_DIGITS:].strip("0"):
        raise EventTimeError(f"{text[:40]!r} is finer than a millisecond")
    return int(fraction[:_MS_DIGITS].ljust(_MS_DIGITS, "0"))


def _iso_ms(match: re.Match[str], text: str) -> int:
    year, month, day, hour, minute, second = (int(match[group]) for group in (1, 3, 4, 5, 7, 8))
    if match[10] is None and text[-1] not in "Zz":
        raise EventTimeError(f"{text[:40]!r} has no offset; add Z or an offset such as +01:00")
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise EventTimeError(f"{text[:40]!r} is no time that exists: {error}") from None
    # Integers all the way: a float would lose the millisecond, and a datetime ends with the year 9999.
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    seconds = since.days * 86_400 + since.seconds - _offset_seconds(match, text)
    return seconds * MS_PER_SECOND + _fraction_ms(match[9] or "", text)


def _offset_seconds(match: re.Match[str], text: str) -> int:
    hours, minutes = int(match[11] or 0), int(match[12] or 0)
    if hours > 23 or minutes > 59:
        raise EventTimeError(f"{text[:40]!r} has no offset that exists")
    return (hours * 3_600 + minutes * 60) * (-1 if match[10] == "-" else 1)
