"""Query parameters, read strictly: what cannot be read is told by its name, not guessed."""

from aiohttp import web

from billing.event import MAX_CUSTOMER_CHARACTERS
from billing.period import parse_month
from billing.sums import TypeTable
from exporter.model.view import Sort
from exporter.web.problems import bad_parameter
from exporter.web.routes import TEXT, Parameter

MAX_LIMIT = 10_000

MONTH = Parameter(
    "month",
    "a month of the deployment's time zone; default: the newest with data for what is asked",
    {"type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$", "example": "2017-02"},
)
TYPE = Parameter("type", "an event type, in any case")
PREFIX = Parameter("prefix", "customers whose name begins with it, letter for letter")
CURSOR = Parameter("cursor", "`next` of the page before")
FORMAT = Parameter("format", "default: by the header Accept", {"type": "string", "enum": ["json", "csv"]})
SORT = Parameter(
    "sort",
    "`total` and `count` have the highest first; default: `customer` with `prefix`, else `total`",
    {"type": "string", "enum": [sort.value for sort in Sort]},
)
CUSTOMER_IN_PATH = Parameter("customer", "its name, percent-encoded", TEXT, in_path=True)
MONTH_IN_PATH = Parameter("month", "a month", MONTH.schema, in_path=True)


def limit(default: int) -> Parameter:
    """Return the parameter that bounds a list."""
    schema = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": default}
    return Parameter("limit", "how many at most", schema)


def read_text(request: web.Request, name: str) -> str | None:
    """Return a parameter; None if it is not there.

    Raises:
        ProblemError: it is there twice.
    """
    values = request.query.getall(name, [])
    if len(values) > 1:
        raise bad_parameter(name, "is given more than once")
    return values[0] if values else None


def read_month(request: web.Request) -> str | None:
    """Return the month asked for; None if none is."""
    text = read_text(request, "month")
    return None if text is None else checked_month(text)


def checked_month(text: str) -> str:
    """Return `text` if it is a month.

    Raises:
        ProblemError: it is not.
    """
    try:
        return parse_month(text)
    except ValueError as error:
        raise bad_parameter("month", str(error)) from None


def read_limit(request: web.Request, default: int) -> int:
    """Return how many are asked for at most."""
    text = read_text(request, "limit")
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_LIMIT):
        raise bad_parameter("limit", f"{text[:40]!r} is not a number from 1 to {MAX_LIMIT}")
    return int(text)


def read_slot(request: web.Request, types: TypeTable) -> int | None:
    """Return the slot of the type asked for; None if none is."""
    text = read_text(request, "type")
    if text is None:
        return None
    slot = types.slot(text.upper())
    if slot is None:
        raise bad_parameter("type", f"{text[:40]!r} is not one of {', '.join(types.names)}")
    return slot


def read_sort(request: web.Request, default: Sort) -> Sort:
    """Return the order asked for."""
    text = read_text(request, "sort")
    if text is None:
        return default
    try:
        return Sort(text)
    except ValueError:
        raise bad_parameter("sort", f"{text[:40]!r} is not one of {', '.join(sort.value for sort in Sort)}") from None


def read_prefix(request: web.Request) -> str:
    """Return the first letters asked for; empty if none are."""
    text = read_text(request, "prefix") or ""
    if len(text) > MAX_CUSTOMER_CHARACTERS:
        raise bad_parameter("prefix", f"has more than {MAX_CUSTOMER_CHARACTERS} characters")
    return text
