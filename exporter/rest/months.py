"""All months."""

from aiohttp import web

from exporter.rest.answer import answer, answering
from exporter.rest.documents import Documents
from exporter.rest.shapes import Months
from exporter.web.routes import Route


async def list_months(request: web.Request) -> web.Response:
    """Answer with all months that have events, oldest first."""

    def answered(documents: Documents) -> web.Response:
        months = [documents.month(month) for month in documents.view.months()]
        return answer(documents, Months(months=months, as_of=documents.as_of))

    return await answering(request, answered)


ROUTES = (Route("GET", "/months", list_months, "All months with events, oldest first.", (), Months),)
