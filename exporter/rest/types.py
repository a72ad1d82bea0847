"""One type's month, and all types of a month."""

from aiohttp import web

from billing.sums import of_slot
from exporter.rest.answer import answer, answering
from exporter.rest.documents import Documents, require_month
from exporter.rest.shapes import Type, Types
from exporter.web.parameters import MONTH, read_month
from exporter.web.problems import ProblemError
from exporter.web.routes import Parameter, Route


async def one_type(request: web.Request) -> web.Response:
    """Answer with one type's month."""
    name, asked = request.match_info["type"].upper(), read_month(request)

    def answered(documents: Documents) -> web.Response:
        view = documents.view
        slot = view.types.slot(name)
        if slot is None:
            known = ", ".join(view.types.names)
            raise ProblemError(404, "unknown_type", f"type {name[:40]!r} is not one of {known}")
        month = asked or view.newest_month(slot)
        total, count = of_slot(view.month_sums(month), slot) if month else (0, 0)
        if month is None or not count:
            when = f" in {month}" if month else ""
            raise ProblemError(404, "unknown_type", f"there are no events of type {name}{when}")
        return answer(documents, documents.type(name, month, total, count))

    return await answering(request, answered)


async def list_types(request: web.Request) -> web.Response:
    """Answer with all types of a month: every one that is configured, also without events."""
    asked = read_month(request)

    def answered(documents: Documents) -> web.Response:
        view = documents.view
        require_month(view, asked)
        month = asked or view.newest_month()
        rows = []
        if month is not None:
            sums = view.month_sums(month)
            names = view.types.names
            rows = [documents.type(name, month, *of_slot(sums, slot)) for slot, name in enumerate(names)]
        return answer(documents, Types(types=rows, month=month, as_of=documents.as_of))

    return await answering(request, answered)


ROUTES = (
    Route(
        "GET", "/types", list_types, "All event types of a month.", (MONTH,), Types, errors=(400, 404, 503)
    ),
    Route(
        "GET", "/types/{type}", one_type, "One event type's month.",
        (Parameter("type", "its name, in any case", in_path=True), MONTH), Type, errors=(400, 404, 503),
    ),
)  # fmt: skip
