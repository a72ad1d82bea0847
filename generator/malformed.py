"""Records that cannot be billed: for every reason of the closed list, the ways in which senders get it wrong.

Each record has one fault alone, so that the reason to expect is beyond doubt.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from billing.event import MAX_CUSTOMER_CHARACTERS, Reason

_FIFTY_YEARS_MS = 50 * 365 * 86_400_000
_NO_TYPES = ("SMS", "ROAMING", "MESSAGES", "NO_SUCH_TYPE")


@dataclass(frozen=True)
class Draft:
    """The parts of a good event that a fault is put into.

    `now_ms` is the clock when the event is made, `max_future_ms`, `max_event_bytes` and `types` are what the
    processor holds events against.
    """

    timestamp_s: int
    customer: str
    amount: str
    now_ms: int
    max_future_ms: int
    max_event_bytes: int
    types: tuple[str, ...]

    @property
    def future_ms(self) -> int:
        """A time that stays in the future however late it is read, and however fast a simulation runs."""
        return self.now_ms + self.max_future_ms + _FIFTY_YEARS_MS

    @property
    def no_type(self) -> str:
        """A name that is none of the types."""
        return next((name for name in _NO_TYPES if name not in self.types), "-")

    def csv(self, timestamp: object = None, customer: str | None = None, amount: str | None = None) -> str:
        """Return the three fields as CSV, some of them replaced."""
        return (
            f"{self.timestamp_s if timestamp is None else timestamp},"
            f"{self.customer if customer is None else customer},"
            f"{self.amount if amount is None else amount}"
        )

    def json(self, timestamp: object = None, customer: str | None = None, amount: str | None = None) -> str:
        """Return the three fields as JSON, some of them replaced by other JSON text."""
        fields = {
            "timestamp": str(self.timestamp_s) if timestamp is None else timestamp,
            "customer": f'"{self.customer}"' if customer is None else customer,
            "amount": self.amount if amount is None else amount,
        }
        return "{" + ", ".join(f'"{name}": {value}' for name, value in fields.items()) + "}"


Fault = Callable[[Draft], str | bytes | None]

FAULTS: Mapping[Reason, tuple[Fault, ...]] = {
    Reason.MALFORMED: (
        lambda draft: None,
        lambda draft: "",
        lambda draft: "hello",
        lambda draft: f"{draft.timestamp_s},{draft.customer}",
        lambda draft: f"{draft.csv()},MISC,id,more",
        lambda draft: f'{draft.timestamp_s},"{draft.customer},{draft.amount}',
        lambda draft: draft.csv().encode() + b",MISC,\xff\xfe",
        lambda draft: draft.csv().encode("utf-16"),
        lambda draft: draft.json()[:-1],
        lambda draft: draft.json(amount="NaN"),
        lambda draft: draft.json() + draft.json(),
        lambda draft: f'{{"amoun\\u0074": 1, {draft.json()[1:]}',
        lambda draft: f"{draft.csv()}\n{draft.csv()}",
        lambda draft: f"{draft.csv()},,a\tb",
        lambda draft: f"[{draft.json()}]",
        lambda draft: f"\ufeff{draft.csv()}",
        lambda draft: f"\x00\x00\x00\x00\x07{draft.json()}",
    ),
    Reason.BAD_TIMESTAMP: (
        lambda draft: draft.csv(timestamp=""),
        lambda draft: draft.csv(timestamp="yesterday"),
        lambda draft: draft.csv(timestamp=-1),
        lambda draft: draft.csv(timestamp=f"{draft.timestamp_s}.0005"),
        lambda draft: draft.csv(timestamp="2017-02-26T21:00:55"),
        lambda draft: draft.csv(timestamp=0),
        # Microseconds, and nanoseconds.
        lambda draft: draft.csv(timestamp=max(draft.now_ms, 10**11) * 1_000),
        lambda draft: draft.json(timestamp=max(draft.now_ms, 10**11) * 1_000_000),
        lambda draft: draft.json(timestamp="null"),
        lambda draft: draft.json(timestamp="true"),
        lambda draft: draft.json(timestamp='"2017-02-30T00:00:00Z"'),
        lambda draft: draft.json(timestamp='"2017-02-26T21:00:55"'),
    ),
    Reason.FUTURE_TIMESTAMP: (
        lambda draft: draft.csv(timestamp=draft.future_ms),
        lambda draft: draft.csv(timestamp=draft.future_ms // 1_000),
        lambda draft: draft.json(timestamp=draft.future_ms),
    ),
    Reason.BAD_CUSTOMER: (
        lambda draft: draft.csv(customer=""),
        lambda draft: draft.csv(customer=f" {draft.customer}"),
        lambda draft: draft.csv(customer=f"{draft.customer} "),
        lambda draft: draft.csv(customer=f"{draft.customer}\tLtd"),
        lambda draft: draft.csv(customer=f"{draft.customer}\x00"),
        lambda draft: draft.csv(customer="C" * (MAX_CUSTOMER_CHARACTERS + 1)),
        lambda draft: draft.json(customer="7.5"),
        lambda draft: draft.json(customer="null"),
    ),
    Reason.BAD_AMOUNT: (
        lambda draft: draft.csv(amount=""),
        lambda draft: draft.csv(amount="free"),
        lambda draft: draft.csv(amount="NaN"),
        lambda draft: draft.csv(amount="1e3"),
        lambda draft: draft.csv(amount="1_000"),
        lambda draft: draft.csv(amount=" 1.00"),
        lambda draft: draft.csv(amount="1000000000000"),
        lambda draft: draft.json(amount="null"),
        lambda draft: draft.json(amount="true"),
        lambda draft: draft.json(amount="1e30"),
    ),
    Reason.TOO_PRECISE: (
        lambda draft: draft.csv(amount="0.1234567"),
        lambda draft: draft.csv(amount="1.0000001"),
        lambda draft: draft.json(amount="0.1234567"),
        lambda draft: draft.json(amount='"19.9900000001"'),
    ),
    Reason.UNKNOWN_TYPE: (
        lambda draft: f"{draft.csv()},{draft.no_type}",
        lambda draft: f'{{"type": "{draft.no_type}", {draft.json()[1:]}',
        lambda draft: f'{{"type": 7, {draft.json()[1:]}',
    ),
    Reason.TOO_LARGE: (
        lambda draft: f"{draft.csv()},MISC," + "x" * draft.max_event_bytes,
        lambda draft: draft.json() + " " * draft.max_event_bytes,
    ),
}
REASONS = tuple(FAULTS)


def draw_malformed(random: Random, draft: Draft) -> tuple[Reason, bytes | None]:
    """Return a record's value that must be rejected, and why; every reason is as likely as the others."""
    reason = random.choice(REASONS)
    value = random.choice(FAULTS[reason])(draft)
    return reason, value.encode() if isinstance(value, str) else value
