"""The overview: all that the page for people shows of a month, in one document."""

from itertools import islice

from aiohttp import web

from billing.clock import SystemClock
from billing.local_time import MS_PER_HOUR
from billing.money import average_micros, format_micros
from billing.period import format_timestamp
from billing.sums import event_count, of_slot, total_micros
from exporter.model.comparison import NOTHING_BEFORE, Comparison, compare
from exporter.model.figures import share_of
from exporter.model.grid import Grid, choose_step
from exporter.model.series import bucket_sums
from exporter.model.state import NotKnownError
from exporter.model.view import Sort, View
from exporter.rest.answer import answering, state_headers
from exporter.rest.documents import Documents, require_month, timestamp
from exporter.rest.facts import facts
from exporter.rest.overview_shapes import (
    Compared,
    ComparedType,
    DeploymentFacts,
    Events,
    Freshness,
    HealthDocument,
    Numbers,
    Overview,
    Points,
    Series,
    TopCustomer,
    Waiting,
)
from exporter.web.context import Context
from exporter.web.health import checks, document
from exporter.web.json_body import json_response
from exporter.web.parameters import MONTH, read_month
from exporter.web.routes import Route

TOP_CUSTOMERS = 10
MAX_BUCKETS = 200


def overview(documents: Documents, month: str | None) -> Overview:
    """Return the overview of a month; None is the newest with events."""
    context, view = documents.context, documents.view
    month = month or view.newest_month()
    start_ms, end_ms = context.calendar.bounds_ms(month) if month else (None, None)
    return {
        "ready": True,
        "message": None,
        **deployment_facts(context),
        "as_of": documents.as_of,
        "month": month,
        "month_start": timestamp(start_ms),
        "month_end": timestamp(end_ms),
        "status": view.status(month) if month else None,
        "months": [documents.month(name) for name in view.months()],
        **(_numbers(context, view, month) if month else _no_numbers(view)),
        "events": _events(context, view),
        "freshness": _freshness(context, view),
        "health": health(context),
        "links": context.links,
    }


def waiting(context: Context, error: NotKnownError) -> Waiting:
    """Return what stands in the overview's place while the numbers are not known."""
    return {
        "ready": False,
        "message": error.message,
        "read_fraction": context.model.read_fraction,
        **deployment_facts(context),
        "health": health(context),
        "links": context.links,
    }


def deployment_facts(context: Context) -> DeploymentFacts:
    """Return what is true of every overview."""
    return {**facts(context), "served_at": format_timestamp(SystemClock().now_ms())}


def health(context: Context) -> HealthDocument:
    """Return whether all is well, and the checks one by one."""
    found = checks(context)
    return {"ok": all(check.ok for check in found), "checks": [document(check) for check in found]}


def _numbers(context: Context, view: View, month: str) -> Numbers:
    sums = view.month_sums(month)
    comparison = compare(view, context.calendar, month)
    whole = total_micros(sums)
    types: list[ComparedType] = []
    for slot, name in enumerate(view.types.names):
        total, count = of_slot(sums, slot)
        row = _row(total, count, view.active_customers(month, slot), comparison.of_slot(slot))
        types.append({"type": name, **row, "share": share_of(total, whole)})
    totals = _row(whole, event_count(sums), view.active_customers(month), comparison)
    return {
        "totals": totals,
        "types": types,
        "top_customers": _top(view, month, whole),
        "series": _series(context, view, month),
    }


def _no_numbers(view: View) -> Numbers:
    nothing = _row(0, 0, 0, NOTHING_BEFORE)
    types: list[ComparedType] = [{"type": name, **nothing, "share": None} for name in view.types.names]
    series: Series = {"bucket_seconds": MS_PER_HOUR // 1_000, "times": [], "types": {}}
    return {"totals": nothing, "types": types, "top_customers": [], "series": series}


def _row(total: int, count: int, customers: int, comparison: Comparison) -> Compared:
    before, to_date = comparison.previous_micros, comparison.to_date_micros
    return {
        "total": format_micros(total),
        "count": count,
        "average": optional_micros(average_micros(total, count)),
        "customers": customers,
        "previous_total": optional_micros(before),
        "previous_to_date": optional_micros(to_date),
        "change": comparison.change(total),
    }


def optional_micros(micros: int | None) -> str | None:
    """Return an amount as text, None if there is none."""
    return None if micros is None else format_micros(micros)


def _top(view: View, month: str, whole: int) -> list[TopCustomer]:
    customers = view.customers(month)
    rows: list[TopCustomer] = []
    for name in islice(view.ranked(month, Sort.TOTAL), TOP_CUSTOMERS):
        total = total_micros(customers[name])
        rows.append({
            "customer": name,
            "total": format_micros(total),
            "count": event_count(customers[name]),
            "share": share_of(total, whole),
        })  # fmt: skip
    return rows


def _series(context: Context, view: View, month: str) -> Series:
    hours = view.hours(*context.calendar.bounds_ms(month))
    step = choose_step(hours[-1][0] - hours[0][0] + MS_PER_HOUR if hours else 0, MAX_BUCKETS)
    buckets = bucket_sums(hours, Grid(step, context.calendar))
    types: dict[str, Points] = {}
    for slot, name in enumerate(view.types.names):
        pairs = [of_slot(sums, slot) for sums in buckets.sums]
        types[name] = {"total": [format_micros(total) for total, _ in pairs], "count": [count for _, count in pairs]}
    return {"bucket_seconds": step.length_ms // 1_000, "times": buckets.starts_ms, "types": types}


def _events(context: Context, view: View) -> Events:
    progress = view.progress().values()
    reasons = {reason: count for reason, count in view.rejected().items() if count}
    return {
        "accepted": sum(one.accepted for one in progress),
        "rejected": sum(reasons.values()),
        "duplicates": sum(one.duplicates for one in progress),
        "voids": sum(one.voids for one in progress),
        "replaces": sum(one.replaces for one in progress),
        "late": sum(one.late for one in progress),
        "per_second": round(context.model.consumed_per_second(), 1),
        "reasons": reasons,
    }


def _freshness(context: Context, view: View) -> Freshness:
    progress, ends = view.progress(), context.input_ends()
    committed_ms = max((one.committed_ms for one in progress.values() if one.committed_ms >= 0), default=None)
    delay = context.delay.newest_seconds
    return {
        "lag_records": ends.lag_records(view.next_offsets()),
        "unmoved_records": ends.unmoved_records(),
        "watermark": timestamp(view.as_of_ms),
        "last_commit": timestamp(committed_ms),
        "commit_age_seconds": None if committed_ms is None else (SystemClock().now_ms() - committed_ms) / 1_000,
        "delay_seconds": None if delay is None else round(delay, 3),
    }


async def get_overview(request: web.Request) -> web.Response:
    """Answer with the overview of a month."""
    month = read_month(request)

    def answered(documents: Documents) -> web.Response:
        require_month(documents.view, month)
        headers = {**state_headers(documents), "Cache-Control": "no-store"}
        del headers["ETag"]
        return json_response(overview(documents, month), headers=headers)

    return await answering(request, answered, at_once=False)


ROUTES = (
    Route("GET", "/api/v1/overview", get_overview, "All that the page shows of a month.", (MONTH,), Overview,
          errors=(400, 404, 503)),
)  # fmt: skip
