"""Liveness and readiness: what is asked of an orchestrator, each dependency by its name."""

from dataclasses import replace
from typing import Literal

from aiohttp import web
from typing_extensions import TypedDict

from billing.runtime.part_server import HealthCheck, told_to_anybody
from exporter.model.state import State
from exporter.web.access import may_read_all
from exporter.web.context import Context, context_of
from exporter.web.json_body import json_response
from exporter.web.problems import not_known, problem_response
from exporter.web.routes import Need, Route
from exporter.web.shapes import HealthCheckDocument, closed


@closed
class Alive(TypedDict):
    """The process works."""

    status: str


@closed
class Readiness(TypedDict):
    """Whether it can answer, and the checks one by one."""

    status: Literal["ready", "degraded"]
    checks: list[HealthCheckDocument]


def document(check: HealthCheck) -> HealthCheckDocument:
    """Return a check as answers tell it."""
    return {"name": check.name, "ok": check.ok, "message": check.message}


def checks(context: Context) -> list[HealthCheck]:
    """Return the state of everything that this depends on."""
    reading = [_reading(context, topic) for topic in ("subtotals", "invoices")]
    return [_kafka(context), *reading, _conservation(context), *(check() for check in context.more_checks)]


def _kafka(context: Context) -> HealthCheck:
    ends = context.input_ends()
    return HealthCheck("kafka", ends.up, ends.message)


def _reading(context: Context, topic: str) -> HealthCheck:
    model = context.model
    if model.state is not State.READY:
        return HealthCheck(topic, False, model.why)
    return HealthCheck(topic, True, f"{model.records_read[topic]} records read")


def _conservation(context: Context) -> HealthCheck:
    off = context.model.imbalance()
    if not off:
        return HealthCheck("conservation", True, "customers, hours and accepted events add up to the same")
    micros = max(off.customers_micros, off.hours_micros)
    records = max(off.customers_records, off.hours_records)
    return HealthCheck("conservation", False, f"the books are off by {micros} micros and {records} events")


async def live(request: web.Request) -> web.Response:
    """Answer that the process works."""
    body: Alive = {"status": "ok"}
    return json_response(body, headers={"Cache-Control": "no-store"})


async def ready(request: web.Request) -> web.Response:
    """Answer whether the numbers are known, and what is missing if not.

    A broker that has gone away does not make this unready: what was counted is still true as of its time.
    """
    context = context_of(request)
    found = checks(context)
    if not await may_read_all(request):
        found = told_to_anybody(found)
    if context.model.state is not State.READY:
        problem = not_known(context.model.not_known())
        failing = "; ".join(f"{check.name}: {check.message}" for check in found if not check.ok)
        return problem_response(replace(problem, message=f"not ready: {failing}"))
    body: Readiness = {
        "status": "ready" if all(check.ok for check in found) else "degraded",
        "checks": [document(check) for check in found],
    }
    return json_response(body, headers={"Cache-Control": "no-store"})


ROUTES = (
    Route("GET", "/healthz", live, "Whether the process works.", (), Alive, strict=False, errors=(),
          need=Need.OPEN),
    Route("GET", "/readyz", ready, "Whether it can answer, and what is missing.", (), Readiness,
          strict=False, errors=(503,), need=Need.OPEN),
)  # fmt: skip
