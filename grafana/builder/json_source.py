"""Queries of the JSON data source (docs/json-datasource.md), as simpod-json-datasource stores them.

Payloads are objects in the editor mode `builder`: the plugin puts variables into each value by itself, so a customer's
name may hold quotes or commas. Variables are written ``${name:csv}``; any other form arrives escaped or empties the
whole payload.
"""

import json

from grafana.builder import Json

JSON_SOURCE: Json = {"type": "simpod-json-datasource", "uid": "billing-json"}


def json_target(target: str, **payload: str) -> Json:
    """Return a query for one of the data source's targets."""
    return {"datasource": JSON_SOURCE, "editorMode": "builder", "target": target, "payload": payload}


def json_variable_query(name: str, **payload: str) -> Json:
    """Return a variable's query. The plugin reads nothing but this object form."""
    if not payload:
        return {"query": name, "format": "string", "refId": name}
    return {"query": json.dumps({"target": name, **payload}), "format": "json", "refId": name}
