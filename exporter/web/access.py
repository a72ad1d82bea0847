"""Who may see what: each request is let through or refused before anything else looks at it.

Whoever may not see a path is told the same whether what it names exists or not, whatever the parameters: the decision
takes the route, the customer named and who asks, and nothing of what is known.
"""

from collections.abc import Awaitable, Callable

from aiohttp import web

from billing.access.principal import Principal
from billing.runtime.access.answers import authorization_of, refusal_of, who_if_known
from billing.runtime.access.gate import NotAuthenticatedError, TooManyAttemptsError
from exporter.web.context import context_of
from exporter.web.negotiation import wants_page
from exporter.web.problems import ProblemError, problem_response
from exporter.web.routes import Need, Route, route_of

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# What the page sets, and no link can.
FROM_PAGE = "X-Requested-With"

PRINCIPAL = web.RequestKey("principal", Principal)

_NOT_ALLOWED = ProblemError(403, "forbidden", "what you have shown does not allow this")


def principal_of(request: web.Request) -> Principal:
    """Return who asks; there is nobody on a path that is open."""
    return request[PRINCIPAL]


async def may_read_all(request: web.Request) -> bool:
    """Say whether who asks may see what is of more than one customer, on a path that is open too."""
    who = request.get(PRINCIPAL) or await who_if_known(context_of(request).gate, request)
    return who is not None and who.may_read_all


@web.middleware
async def check_access(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request through if who asks may see what it asks for, else answer 401 or 403."""
    route = route_of(request)
    if _is_open(request, route):
        return await handler(request)
    try:
        who = await context_of(request).gate.principal(authorization_of(request), request.remote or "")
    except NotAuthenticatedError as error:
        return _not_known(request, route, error)
    except TooManyAttemptsError as error:
        refusal = refusal_of(error)
        raise ProblemError(refusal.status, refusal.code, refusal.message, headers=refusal.headers) from None
    if not _may_see(who, request, route):
        return problem_response(_NOT_ALLOWED)
    request[PRINCIPAL] = who
    return await handler(request)


async def may_still_see(request: web.Request) -> bool:
    """Say whether who asked may go on: an answer without an end outlives the credentials that it began with."""
    who = await who_if_known(context_of(request).gate, request)
    return who is not None and _may_see(who, request, route_of(request))


async def vary_by_who_asks(request: web.Request, response: web.StreamResponse) -> None:
    """Let no cache between here and who asks give an answer to somebody else."""
    context = context_of(request)
    if context.settings.cors_origin:
        _vary(response, "Origin")
    if context.gate.is_on and not _is_open(request, route_of(request)):
        _vary(response, "Authorization")
        kept = response.headers.get("Cache-Control", "no-store")
        response.headers["Cache-Control"] = kept if kept == "no-store" else f"private, {kept}"


def _is_open(request: web.Request, route: Route | None) -> bool:
    if route is None:
        return False
    return route.need is Need.OPEN or (route.need is Need.PAGE and wants_page(request.headers.get("Accept", "")))


def _may_see(who: Principal, request: web.Request, route: Route | None) -> bool:
    """Say whether a path that is not open is for them; one that does not exist is for those who may see all data."""
    match route.need if route else Need.ALL:
        case Need.KNOWN:
            return True
        case Need.METRICS:
            return who.may_read_metrics
        case Need.OWN_PATH:
            return who.may_read(request.match_info["customer"])
        case Need.OWN_QUERY:
            named = request.query.getall("customer", [])
            return who.may_read_all or (len(named) == 1 and who.may_read(named[0]))
    return who.may_read_all


def _not_known(request: web.Request, route: Route | None, error: NotAuthenticatedError) -> web.Response:
    if route is not None and not route.challenges:
        return problem_response(ProblemError(403, "forbidden", f"{error.message}; set the header Authorization"))
    response = problem_response(ProblemError(401, "unauthorized", error.message))
    for challenge in error.challenges:
        response.headers.add("WWW-Authenticate", _for_page(challenge) if FROM_PAGE in request.headers else challenge)
    return response


def _for_page(challenge: str) -> str:
    """Return a challenge as the page gets it: for `Basic` a browser would ask by itself, and the page asks."""
    return f"X-{challenge}" if challenge.lower().startswith("basic") else challenge


def _vary(response: web.StreamResponse, name: str) -> None:
    told = response.headers.get("Vary")
    response.headers["Vary"] = f"{told}, {name}" if told else name
