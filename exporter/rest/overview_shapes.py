"""The documents of the front door and of the overview, as types."""

from typing_extensions import TypedDict

from exporter.model.view import MonthStatus
from exporter.rest.facts import Facts
from exporter.rest.shapes import Month
from exporter.web.shapes import HealthCheckDocument, Money, MonthName, Time, closed


@closed
class Front(TypedDict):
    """What this is."""

    name: str
    version: str
    ready: bool
    standalone: bool
    simulated: bool
    currency: str
    time_zone: str
    links: dict[str, str]


@closed
class Compared(TypedDict):
    """A total beside that of the month before."""

    total: Money
    count: int
    average: Money | None
    customers: int
    previous_total: Money | None
    previous_to_date: Money | None
    change: float | None


@closed
class ComparedType(Compared):
    """The same for one type."""

    type: str
    share: float | None


@closed
class TopCustomer(TypedDict):
    """One of the highest customers."""

    customer: str
    total: Money
    count: int
    share: float | None


@closed
class Points(TypedDict):
    """One type's buckets."""

    total: list[Money]
    count: list[int]


@closed
class Series(TypedDict):
    """All buckets of a month."""

    bucket_seconds: int
    times: list[int]
    types: dict[str, Points]


@closed
class Events(TypedDict):
    """The flow of events."""

    accepted: int
    rejected: int
    duplicates: int
    voids: int
    replaces: int
    late: int
    per_second: float
    reasons: dict[str, int]


@closed
class Freshness(TypedDict):
    """How old what is shown is."""

    lag_records: int | None
    unmoved_records: int | None
    watermark: Time | None
    last_commit: Time | None
    commit_age_seconds: float | None
    delay_seconds: float | None


@closed
class HealthDocument(TypedDict):
    """Whether all is well."""

    ok: bool
    checks: list[HealthCheckDocument]


@closed
class DeploymentFacts(Facts):
    """What is true of every overview."""

    served_at: Time


@closed
class Waiting(DeploymentFacts):
    """What stands in the overview's place while the numbers are not known."""

    ready: bool
    message: str
    read_fraction: float | None
    health: HealthDocument
    links: dict[str, str]


@closed
class Numbers(TypedDict):
    """What a month adds up to."""

    totals: Compared
    types: list[ComparedType]
    top_customers: list[TopCustomer]
    series: Series


@closed
class Overview(DeploymentFacts, Numbers):
    """All that the page shows of a month."""

    ready: bool
    message: str | None
    as_of: Time | None
    month: MonthName | None
    month_start: Time | None
    month_end: Time | None
    status: MonthStatus | None
    months: list[Month]
    events: Events
    freshness: Freshness
    health: HealthDocument
    links: dict[str, str]
