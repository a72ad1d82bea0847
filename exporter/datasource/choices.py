"""Values to choose from: for variables, for the query editor, and for ad hoc filters."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from billing.event import Reason
from billing.sums import of_slot
from exporter.model.view import View
from exporter.query.filters import KEYS, Filter, passes
from exporter.query.values import read_choice
from exporter.web.problems import unprocessable

KINDS = ("customers", "types", "months", "reasons")
# Which of them are the values of a payload's or a filter's key.
KIND_OF_KEY = {"customer": "customers", "type": "types", "month": "months"}
DEFAULT_LIMIT = 1_000
MAX_LIMIT = 10_000

_NOTHING_TYPED = ("$__searchFilter", "${__searchFilter")


def variable(view: View, payload: dict[str, Any]) -> list[str]:
    """Return the values of a variable.

    Raises:
        ProblemError: the payload names none of the kinds.
    """
    kind = payload.get("target")
    if kind not in KINDS:
        raise unprocessable(
            "missing_payload" if not kind else "unknown_target",
            f"a variable needs payload.target, one of {', '.join(KINDS)}",
            "target",
        )
    return values(view, str(kind), [], _limit(payload), _searched(payload), payload.get("month"))


def tag_values(view: View, key: object, filters: list[Filter]) -> list[str]:
    """Return the values of a filter's key that go through the other filters.

    Raises:
        ProblemError: there is no such key.
    """
    if key not in KEYS:
        raise unprocessable("bad_filter", f"{str(key)[:40]!r} is not one of the keys {', '.join(KEYS)}", "key")
    others = [one for one in filters if one.key != key]
    return values(view, KIND_OF_KEY[str(key)], others, DEFAULT_LIMIT)


def values(
    view: View, kind: str, filters: list[Filter], limit: int, prefix: str = "", month: object = None
) -> list[str]:
    """Return values of a kind, at most `limit`."""
    match kind:
        case "customers":
            return list(islice(_customers(view, filters, prefix, month), limit))
        case "types":
            return list(view.types.names)
        case "months":
            return view.months()[::-1][:limit]
        case _:
            return [reason.value for reason in Reason]


def _customers(view: View, filters: list[Filter], prefix: str, month: object) -> Iterator[str]:
    chosen = read_choice("month", month, lambda _: False)
    months = [one for one in view.months() if chosen.includes(one) and passes(filters, "month", one)]
    if len(months) == len(view.months()) and not any(one.key == "type" for one in filters):
        yield from view.named(prefix)
        return
    view.expect(view.known_customers())
    slots = [slot for slot, name in enumerate(view.types.names) if passes(filters, "type", name)]
    for name in view.while_wanted(view.named(prefix)):
        known = (view.customer(name, one) for one in months)
        if any(of_slot(sums, slot)[1] for sums in known if sums is not None for slot in slots):
            yield name


def _searched(payload: dict[str, Any]) -> str:
    """Return the first letters searched for. Until somebody types, Grafana leaves its own word for them in place."""
    text = str(payload.get("prefix") or payload.get("search") or "")
    return "" if text.startswith(_NOTHING_TYPED) else text.rstrip("*")


def _limit(payload: dict[str, Any]) -> int:
    raw = payload.get("limit")
    if raw is None or raw == "":
        return DEFAULT_LIMIT
    text = str(raw)
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_LIMIT):
        raise unprocessable("bad_payload", f"limit {text[:40]!r} is not a number from 1 to {MAX_LIMIT}", "limit")
    return int(text)
