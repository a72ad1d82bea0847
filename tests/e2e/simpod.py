"""Sends a panel's query as simpod-json-datasource 0.6.7 does inside Grafana 12."""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]
Values = Mapping[str, str]


def to_iso(at_ms: int) -> str:
    """Return a time as the browser writes it."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def interpolate(text: str, values: Values) -> str:
    """Put variables into a text: ``${name:csv}`` as they are, ``$name`` escaped for a regular expression."""
    text = re.sub(r"\$\{(\w+):csv\}", lambda match: values[match[1]], text)
    return re.sub(r"\$(\w+)", lambda match: re.escape(values[match[1]]) if match[1] in values else match[0], text)


def query_body(target: Json, values: Values, from_ms: int, to_ms: int) -> Json:
    """Return the body of the plugin's POST /query for one target in the editor mode `builder`."""
    sent = {key: value for key, value in target.items() if key != "hide"}
    sent["payload"] = {key: interpolate(value, values) for key, value in target["payload"].items()}
    time_range = {"from": to_iso(from_ms), "to": to_iso(to_ms), "raw": {"from": "now-24h", "to": "now"}}
    return {
        "app": "dashboard",
        "requestId": "SQR101",
        "timezone": "utc",
        "range": time_range,
        "rangeRaw": time_range["raw"],
        "interval": "1m",
        "intervalMs": 60_000,
        "targets": [sent],
        "maxDataPoints": 1_200,
        "scopedVars": {
            "__interval": {"text": "1m", "value": "1m"},
            "__interval_ms": {"text": "60000", "value": 60_000},
        },
        "startTime": to_ms,
        "filters": [],
        "panelId": 1,
        "dashboardUID": "qb-management",
    }


def variable_body(query: Json, from_ms: int, to_ms: int) -> Json:
    """Return the body of the plugin's POST /variable before anything was typed into the variable's search."""
    payload = json.loads(query["query"]) if query["format"] == "json" else {"target": query["query"]}
    return {"payload": payload, "range": {"from": to_iso(from_ms), "to": to_iso(to_ms), "raw": {}}}


def post(url: str, body: Json) -> Any:
    """Return the answer to a POST; an error answer fails with what it says."""
    data = json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{url} {body}: {error.code} {error.read().decode()}") from None


def rows_of(frame: Json) -> list[Json]:
    """Return a frame's rows, each by the names of its columns."""
    names = [field["name"] for field in frame["fields"]]
    return [
        dict(zip(names, row, strict=True)) for row in zip(*(field["values"] for field in frame["fields"]), strict=True)
    ]
