"""One question about one state: which months, types and customers it is about."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from billing.period import add_months, parse_month
from billing.sums import NO_SUMS, Sums, event_count, plus
from exporter.model.figures import only_slots
from exporter.model.view import View
from exporter.query.filters import Filter, listed, passes
from exporter.query.time_range import TimeRange
from exporter.query.values import Choice, read_choice
from exporter.web.context import Context
from exporter.web.problems import unprocessable

# Of an average name.
_NAME_CHARACTERS = 10
_WORDS = ("newest", "previous", "range")


@dataclass(frozen=True)
class Asked:
    """A question with everything that its answer needs.

    Args:
        context: of the application.
        view: what is known.
        name: what is asked for, for errors.
        payload: which months, types, customers and so on; a value takes every form that Grafana's variables have.
        range: the time shown; None if none is.
        filters: the ad hoc filters.
        max_points: how many points a series may have.
        interval_ms: the shortest bucket worth showing.
    """

    context: Context
    view: View
    name: str
    payload: Mapping[str, Any]
    range: TimeRange | None = None
    filters: Sequence[Filter] = ()
    max_points: int = 1
    interval_ms: int = 1

    def __post_init__(self) -> None:
        """Take time for what is long to read.

        Raises:
            HeavyQuestionError: there is none.
        """
        self.view.expect(sum(map(_values_in, self.payload.values())))

    @property
    def currency(self) -> str:
        """The currency of all amounts."""
        return self.context.settings.currency

    @cached_property
    def slots(self) -> list[int]:
        """The slots of the types asked for, in their order."""
        names = self.view.types.names
        choice = read_choice("type", self.payload.get("type"), lambda text: text.upper() in names)
        chosen = None if choice.values is None else {value.upper() for value in choice.values}
        for name in sorted((chosen or set()) - set(names)):
            raise unprocessable("bad_payload", f"type {name[:40]!r} is not one of {', '.join(names)}", "type")
        return [
            slot
            for slot, name in enumerate(names)
            if (chosen is None or name in chosen) and passes(self.filters, "type", name)
        ]

    @property
    def all_types(self) -> bool:
        """Whether every type is asked for."""
        return len(self.slots) == len(self.view.types.names)

    def months(self, default: str) -> list[str]:
        """Return the months asked for that have events, oldest first.

        Args:
            default: what an absent or empty key means: ``newest`` or ``all``.
        """
        choice = read_choice("month", self.payload.get("month"), lambda text: text in _WORDS)
        filtered = any(one.key == "month" for one in self.filters)
        if not choice.given and default == "newest" and not filtered:
            choice = Choice(("newest",), given=True)
        wanted = None if choice.values is None else {m for value in choice.values for m in self._expand(value)}
        return [
            month
            for month in self.view.months()
            if (wanted is None or month in wanted) and passes(self.filters, "month", month)
        ]

    @cached_property
    def customers(self) -> Choice:
        """The customers asked for by the payload.

        Raises:
            ProblemError: the key is absent or empty, as when Grafana loses a payload.
        """
        choice = read_choice("customer", self.payload.get("customer"), self.view.is_customer)
        if not choice.given:
            raise unprocessable(
                "missing_payload",
                f"{self.name} needs payload.customer: a name, several, or * for all; the payload may have been "
                "lost on its way, use ${customer:csv} or ${customer:json} in it",
                "customer",
            )
        return choice

    def customers_of(self, month: str, choice: Choice | None = None) -> Iterator[tuple[str, Sums]]:
        """Yield the customers of a month that are chosen and go through the filters, with the types asked for."""
        everybody = self.view.customers(month)
        names = choice.values if choice and choice.values is not None else listed(self.filters, "customer")
        self.view.expect(len(everybody if names is None else names))
        found = everybody.items() if names is None else ((name, everybody.get(name)) for name in names)
        for name, sums in self.view.while_wanted(found):
            if sums is not None and passes(self.filters, "customer", name):
                counted = self.counted(sums)
                if event_count(counted):
                    yield name, counted

    def counted(self, sums: Sums) -> Sums:
        """Return sums with the types asked for alone."""
        return sums if self.all_types else only_slots(sums, self.slots)

    @property
    def by_customer(self) -> bool:
        """Whether a filter makes it necessary to add customers up one by one."""
        return any(one.key == "customer" for one in self.filters)

    def month_sums(self, month: str) -> Sums:
        """Return the sums of a month over the customers that go through the filters, of the types asked for."""
        if not self.by_customer:
            return self.counted(self.view.month_sums(month))
        total = NO_SUMS
        for _, sums in self.customers_of(month):
            total = plus(total, sums)
        return total

    def _expand(self, value: str) -> list[str]:
        newest = self.view.newest_month()
        if value == "newest":
            return [newest] if newest else []
        if value == "previous":
            return [add_months(newest, -1)] if newest else []
        if value == "range":
            return [month for month in self.view.months() if self._overlaps(month)]
        try:
            return [parse_month(value)]
        except ValueError as error:
            raise unprocessable("bad_payload", f"month {error}", "month") from None

    def _overlaps(self, month: str) -> bool:
        start_ms, end_ms = self.context.calendar.bounds_ms(month)
        return self.range is None or (start_ms < self.range.to_ms and end_ms > self.range.from_ms)


def _values_in(raw: object) -> int:
    """Return about how many values a payload's key has, before they are told apart."""
    return len(raw) // _NAME_CHARACTERS if isinstance(raw, str) else len(raw) if isinstance(raw, list) else 1
