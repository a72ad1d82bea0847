"""Who asks, and what they may see: the scopes of keys, tokens and passwords, and no more than that."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

# Before the name of the one customer whose numbers a scope shows.
CUSTOMER_PREFIX = "customer:"


class Scope(StrEnum):
    """A scope that needs no customer's name."""

    ADMIN = "admin"
    """Everything that any scope allows."""

    READ = "read"
    """All billing data over REST, the data source and the page; not `/metrics`."""

    METRICS = "metrics"
    """`/metrics`, and nothing else."""


@dataclass(frozen=True)
class Principal:
    """Somebody who has shown who they are.

    Args:
        name: of the key, the user or the token's subject: for logs, never for a decision.
        scopes: without a customer.
        customers: whose numbers they may see; only needed without `read` and `admin`.
    """

    name: str
    scopes: frozenset[Scope] = frozenset()
    customers: frozenset[str] = frozenset()

    @classmethod
    def of(cls, name: str, scopes: Iterable[str]) -> Self:
        """Return somebody with scopes as they are written: `admin`, `read`, `metrics`, `customer:NAME`.

        Raises:
            ValueError: one is none of these.
        """
        plain, customers = set(), set()
        for scope in scopes:
            customer = scope.removeprefix(CUSTOMER_PREFIX)
            if customer != scope and customer:
                customers.add(customer)
            elif scope in set(Scope):
                plain.add(Scope(scope))
            else:
                allowed = ", ".join([*Scope, f"{CUSTOMER_PREFIX}NAME"])
                raise ValueError(f"{scope!r} is no scope; allowed are {allowed}")
        return cls(name, frozenset(plain), frozenset(customers))

    @property
    def may_read_all(self) -> bool:
        """Whether they may see every customer's numbers."""
        return not self.scopes.isdisjoint({Scope.ADMIN, Scope.READ})

    @property
    def may_read_metrics(self) -> bool:
        """Whether they may scrape."""
        return not self.scopes.isdisjoint({Scope.ADMIN, Scope.METRICS})

    def may_read(self, customer: str) -> bool:
        """Say whether they may see this customer's numbers."""
        return self.may_read_all or customer in self.customers


# Who asks where access is not controlled.
ANYBODY = Principal("anybody", frozenset({Scope.ADMIN}))
