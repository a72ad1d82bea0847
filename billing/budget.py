"""Budgets: monthly limits of an amount or a count, with thresholds in percent, as the settings give them."""

import re
from collections.abc import Mapping
from fnmatch import translate
from functools import cached_property
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from billing.money import AmountError, parse_amount
from billing.period import parse_month
from billing.subtotal import TypeSums

ALL_TOGETHER = ""
"""Stands for the customer where a budget adds all customers up: no customer has an empty name."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_GLOB = frozenset("*?[")


def _write_whole(value: object) -> object:
    """Write a whole number that YAML has read as one, back as text. A fraction may have lost digits already."""
    if isinstance(value, float):
        raise ValueError("write the amount in quotes, so that it is read exactly; for example '99.90'")
    return str(value) if type(value) is int else value


class Budget(BaseModel):
    """What may be used in a month, and at how many percent of it somebody is told.

    Args:
        name: a name that no other budget has: letters, digits, `.`, `_` and `-`.
        customer: a name, or a pattern with `*`, `?` or `[...]`, for which each customer that matches has the budget
            alone (`*`: each customer); nothing: all customers together.
        type: the event type that counts; nothing: all.
        amount: the limit as a decimal text in the deployment's currency; or else
        count: the limit as a number of events.
        thresholds: in percent of the limit, each one once, ascending.
        hysteresis: so many percent of the limit must the use fall below a threshold to resolve it.
        first_month: the first month that is watched, ``YYYY-MM``; nothing: the one in which the budget was first seen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    customer: str | None = Field(default=None, min_length=1)
    type: str | None = None
    amount: Annotated[str | None, BeforeValidator(_write_whole)] = None
    count: int | None = Field(default=None, gt=0, strict=True)
    thresholds: tuple[int, ...] = (100,)
    hysteresis: int = Field(default=5, ge=0)
    first_month: str | None = None

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("letters, digits, '.', '_' and '-' are allowed, 1 to 64, and a letter or digit first")
        return name

    @field_validator("amount")
    @classmethod
    def _check_amount(cls, text: str | None) -> str | None:
        if text is not None:
            try:
                micros = parse_amount(text)
            except AmountError as error:
                raise ValueError(str(error)) from None
            if micros <= 0:
                raise ValueError("a limit is above zero")
        return text

    @field_validator("thresholds")
    @classmethod
    def _check_thresholds(cls, thresholds: tuple[int, ...]) -> tuple[int, ...]:
        if not thresholds or any(not 1 <= one <= 10_000 for one in thresholds):
            raise ValueError("whole numbers of percent, 1 to 10000, at least one")
        if len(set(thresholds)) != len(thresholds):
            raise ValueError("a threshold is named twice")
        return tuple(sorted(thresholds))

    @field_validator("first_month")
    @classmethod
    def _check_first_month(cls, month: str | None) -> str | None:
        return None if month is None else parse_month(month)

    @model_validator(mode="after")
    def _check_limit(self) -> "Budget":
        if (self.amount is None) == (self.count is None):
            raise ValueError(f"budget {self.name}: give either an amount or a count")
        if self.hysteresis >= self.thresholds[0]:
            raise ValueError(
                f"budget {self.name}: hysteresis {self.hysteresis} is not below the lowest threshold,"
                f" {self.thresholds[0]}, so that would never be resolved"
            )
        return self

    @cached_property
    def limit(self) -> int:
        """The limit: micros if `amount` gives it, else a number of events."""
        return parse_amount(self.amount) if self.amount is not None else self.count or 0

    @property
    def is_of_one(self) -> bool:
        """Whether only one customer has it."""
        return self.customer is not None and not _GLOB & set(self.customer)

    @property
    def is_together(self) -> bool:
        """Whether all customers have it together."""
        return self.customer is None

    def matches(self, customer: str) -> bool:
        """Say whether what a customer uses counts."""
        if self.customer is None:
            return True
        return customer == self.customer if self.is_of_one else self._pattern.match(customer) is not None

    def subject(self, customer: str) -> str:
        """Return who is told of what a customer that matches uses: the customer, or :data:`ALL_TOGETHER`."""
        return ALL_TOGETHER if self.customer is None else customer

    def measure(self, sums: TypeSums) -> int:
        """Return what sums use of it: micros if `amount` gives the limit, else events."""
        position = 0 if self.amount is not None else 1
        if self.type is not None:
            return sums.get(self.type, (0, 0))[position]
        return sum(one[position] for one in sums.values())

    @cached_property
    def _pattern(self) -> "re.Pattern[str]":
        return re.compile(translate(self.customer or ""))


def budget_by_name(budgets: tuple[Budget, ...]) -> Mapping[str, Budget]:
    """Return budgets by their names.

    Raises:
        ValueError: two have the same one.
    """
    named = {budget.name: budget for budget in budgets}
    if len(named) != len(budgets):
        twice = sorted({one.name for one in budgets if sum(one.name == other.name for other in budgets) > 1})
        raise ValueError(f"two budgets are called {twice[0]}")
    return named
