"""The endpoints of both plugins."""

from typing import Any

import orjson
from aiohttp import web

from exporter.datasource.choices import DEFAULT_LIMIT, KIND_OF_KEY, KINDS, tag_values, values, variable
from exporter.datasource.frames import Json, as_datapoints, as_fields, as_table
from exporter.datasource.request import Query, Target, read_payload, read_query
from exporter.datasource.shapes import ChoiceDocument, TagKey, TagValue, TargetDocument, VariableDocument
from exporter.datasource.targets import TARGETS, answer
from exporter.model.view import View
from exporter.query.filters import KEYS, read_filters
from exporter.query.marks import marks
from exporter.query.time_range import read_range
from exporter.web.context import Context, context_of
from exporter.web.json_body import json_response
from exporter.web.problems import ProblemError
from exporter.web.request_body import read_json
from exporter.web.routes import Route
from exporter.web.workers import ask, work

# A panel seldom has more queries.
_MOST_TARGETS_AT_ONCE = 5
_NO_STORE = {"Cache-Control": "no-store"}


async def query(request: web.Request) -> web.Response:
    """Answer the queries of a panel, all from one state."""
    body, context = await _body(request), context_of(request)
    # Regular expressions are compiled here.
    asked = await work(request, lambda: read_query(body))

    def answered(view: View) -> web.Response:
        if len(asked.targets) > _MOST_TARGETS_AT_ONCE:
            view.take_time()
        return _list([form for target in asked.targets for form in _answer(context, view, asked, target)])

    return await ask(request, answered, at_once=False)


async def search(request: web.Request) -> web.Response:
    """Answer simple-json with values of a variable, or with the names of targets."""
    text = (await _body(request)).get("target")
    payload = _search_payload(text)
    if payload is None:
        wanted = str(text or "").lower()
        return _list([name for name in TARGETS if wanted in name])
    return await ask(request, lambda view: _list(variable(view, payload)), at_once=False)


async def annotations(request: web.Request) -> web.Response:
    """Answer simple-json with annotations."""
    body, context = await _body(request), context_of(request)
    shown, asked = read_range(body.get("range")), body.get("annotation")
    found = await ask(request, lambda view: marks(view, context.calendar, context.settings.currency))
    return _list([
        {"annotation": asked, "time": mark.time_ms, "title": mark.title, "text": mark.text, "tags": list(mark.tags)}
        for mark in found
        if shown is None or shown.from_ms <= mark.time_ms <= shown.to_ms
    ])  # fmt: skip


async def tag_key_list(request: web.Request) -> web.Response:
    """Answer with the keys of ad hoc filters."""
    await _body(request)
    return _list([{"type": "string", "text": key} for key in KEYS])


async def tag_value_list(request: web.Request) -> web.Response:
    """Answer with the values of a key."""
    body = await _body(request)
    key, filters = body.get("key"), await work(request, lambda: read_filters(body))
    found = await ask(request, lambda view: tag_values(view, key, filters), at_once=False)
    return _list([{"text": value} for value in found])


async def target_list(request: web.Request) -> web.Response:
    """Answer simpod with the targets and what their payloads may hold."""
    await _body(request)
    context = context_of(request)
    return _list([_description(context, name) for name in TARGETS])


async def payload_options(request: web.Request) -> web.Response:
    """Answer simpod with the values that a key of a payload may have."""
    body = await _body(request)
    key = str(body.get("name", ""))
    words = [{"label": word, "value": word} for word in ("newest", "previous", "range")] if key == "month" else []
    kind = KIND_OF_KEY.get(key)
    if kind is None:
        return _list([])
    found = await ask(request, lambda view: values(view, kind, [], DEFAULT_LIMIT), at_once=False)
    return _list([*words, *({"label": value, "value": value} for value in found)])


async def variable_values(request: web.Request) -> web.Response:
    """Answer simpod with the values of a variable."""
    payload = read_payload((await _body(request)).get("payload"))
    found = await ask(request, lambda view: variable(view, payload), at_once=False)
    return _list([{"__text": value, "__value": value} for value in found])


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        return await read_json(request)
    except ValueError as error:
        raise ProblemError(400, "bad_json", f"the body is not a JSON object: {error}") from None


def _answer(context: Context, view: View, asked: Query, target: Target) -> list[Json]:
    frames = answer(context, view, asked, target)
    if target.form == "fields":
        return [as_fields(frame, target.ref_id) for frame in frames]
    if target.form == "table":
        return as_table(frames, target.ref_id)
    at_ms = view.as_of_ms or 0
    return [form for frame in frames for form in as_datapoints(frame, target.ref_id, at_ms)]


def _list(items: list[Any]) -> web.Response:
    # Both plugins map over the answer: it is a list at the top, always.
    return json_response(items, headers=_NO_STORE)


def _search_payload(text: object) -> dict[str, Any] | None:
    """Return what simple-json's search asks of a variable, None if it looks for targets."""
    if isinstance(text, dict):
        return text
    if not isinstance(text, str):
        return None
    if text in KINDS:
        return {"target": text}
    if text.startswith("{"):
        try:
            payload = orjson.loads(text)
        except orjson.JSONDecodeError:
            return None
        return payload if isinstance(payload, dict) else None
    return None


def _description(context: Context, name: str) -> Json:
    spec = TARGETS[name]
    return {"label": spec.label, "value": spec.name, "payloads": [_payload(context, key) for key in spec.keys]}


def _payload(context: Context, key: str) -> Json:
    match key:
        case "type":
            options = [{"label": name, "value": name} for name in context.settings.types]
            return {"name": key, "label": "Type", "type": "multi-select", "options": options}
        case "month" | "customer":
            return {"name": key, "label": key.capitalize(), "type": "multi-select"}
        case "bucket" | "sort" | "at" | "combined":
            options = [{"label": value, "value": value} for value in _FIXED[key]]
            return {"name": key, "label": key.capitalize(), "type": "select", "options": options}
        case _:
            return {"name": key, "label": key.capitalize(), "type": "input"}


_FIXED = {
    "bucket": ("auto", "hour", "day"),
    "sort": ("total", "count", "customer"),
    "at": ("month_end", "closed"),
    "combined": ("false", "true"),
}

_BODY_ERRORS = (400, 408, 413, 415)
_ERRORS = (*_BODY_ERRORS, 422, 503)

# Grafana's proxy passes a 401 on to the browser, which would then ask the viewer for a password.
ROUTES = (
    Route("POST", "/search", search, "Grafana, simple-json: values of a variable, or targets.", (), list[str],
          strict=False, errors=_ERRORS, challenges=False),
    Route("POST", "/query", query, "Grafana: series and tables.", (), list[Json],
          strict=False, errors=_ERRORS, challenges=False),
    Route("POST", "/annotations", annotations, "Grafana, simple-json: annotations.", (), list[Json],
          strict=False, errors=_ERRORS, challenges=False),
    Route("POST", "/tag-keys", tag_key_list, "Grafana: keys of ad hoc filters.", (), list[TagKey],
          strict=False, errors=_BODY_ERRORS, challenges=False),
    Route("POST", "/tag-values", tag_value_list, "Grafana: values of ad hoc filters.", (), list[TagValue],
          strict=False, errors=_ERRORS, challenges=False),
    Route("POST", "/metrics", target_list, "Grafana, simpod: targets.", (), list[TargetDocument],
          strict=False, errors=_BODY_ERRORS, challenges=False),
    Route("POST", "/metric-payload-options", payload_options, "Grafana, simpod: choices of a payload's key.", (),
          list[ChoiceDocument], strict=False, errors=_ERRORS, challenges=False),
    Route("POST", "/variable", variable_values, "Grafana, simpod: values of a variable.", (), list[VariableDocument],
          strict=False, errors=_ERRORS, challenges=False),
)  # fmt: skip
