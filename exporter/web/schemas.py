"""JSON schemas of the answers, for the OpenAPI document. The tests hold every answer against them."""

from typing import Any

Json = dict[str, Any]

MONEY: Json = {"type": "string", "pattern": r"^-?[0-9]+\.[0-9]{6}$", "description": "exact to the micro"}
CENTS: Json = {"type": "string", "pattern": r"^-?[0-9]+\.[0-9]{2}$", "description": "rounded half-up to the cent"}
MONTH: Json = {"type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$"}
TIME: Json = {"type": "string", "format": "date-time"}
COUNT: Json = {"type": "integer"}
TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "number"}
STATUS: Json = {"type": "string", "enum": ["open", "final"]}
SLOT: Json = {"type": "object", "required": ["total", "count"], "properties": {"total": MONEY, "count": COUNT}}


def optional(schema: Json) -> Json:
    """Return the schema of what may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def array(schema: Json) -> Json:
    """Return the schema of a list."""
    return {"type": "array", "items": schema}


def reference(name: str) -> Json:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def record(properties: Json, *more: str, closed: bool = True) -> Json:
    """Return the schema of an object whose properties are all required, besides those that `more` names."""
    required = [name for name in properties if name not in more]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": not closed}


_AMOUNT: Json = {"total": MONEY, "totalEur": CENTS, "currency": TEXT, "count": COUNT}
_COMPARED: Json = {
    "total": MONEY,
    "count": COUNT,
    "average": optional(MONEY),
    "customers": COUNT,
    "previous_total": optional(MONEY),
    "previous_to_date": optional(MONEY),
    "change": optional(NUMBER),
}
_AS_OF: Json = {"as_of": optional(TIME)}
_CHECKS: Json = array(record({"name": TEXT, "ok": {"type": "boolean"}, "message": TEXT}))
_LINKS: Json = {"type": "object", "additionalProperties": TEXT}
_LINE: Json = record({"month": MONTH, "type": TEXT, "count": COUNT, "exact": MONEY, "carried": MONEY, "amount": CENTS})
_POINTS: Json = record({"total": array(MONEY), "count": array(COUNT)})
_FLAG: Json = {"type": "boolean"}
_ROW_MONEY: Json = {"total": MONEY, "amount": NUMBER, "count": COUNT}

SCHEMAS: dict[str, Json] = {
    "Any": {},
    "Problem": record({
        "message": TEXT,
        "error": record({"code": TEXT, "message": TEXT, "field": TEXT}, "field"),
    }),
    "Front": record({
        "name": TEXT, "version": TEXT, "ready": _FLAG, "standalone": _FLAG, "simulated": _FLAG, "currency": TEXT,
        "time_zone": TEXT, "links": _LINKS,
    }),
    "Health": record({"status": TEXT}),
    "Readiness": record({"status": {"enum": ["ready", "degraded"]}, "checks": _CHECKS}),
    "Customer": record(
        {"customer": TEXT, "month": MONTH, **_AMOUNT, "types": {"type": "object", "additionalProperties": SLOT},
         "status": STATUS, **_AS_OF},
        "totalEur",
    ),
    "Customers": record(
        {"customers": array(reference("Customer")), "next": optional(TEXT), "month": optional(MONTH), **_AS_OF}
    ),
    "Type": record({"type": TEXT, "month": MONTH, **_AMOUNT, "status": STATUS, **_AS_OF}, "totalEur"),
    "Types": record({"types": array(reference("Type")), "month": optional(MONTH), **_AS_OF}),
    "Month": record({"month": MONTH, **_AMOUNT, "status": STATUS}, "totalEur"),
    "Months": record({"months": array(reference("Month")), **_AS_OF}),
    "Invoice": record({
        "number": optional(TEXT), "status": {"enum": ["draft", "final"]},
        "document": {"enum": ["invoice", "credit_note"]}, "customer": TEXT, "month": MONTH, "currency": TEXT,
        "issued_at": optional(TIME), "total": CENTS, "exact": MONEY, "count": COUNT,
        "lines": array(_LINE), "adjustments": array(_LINE), **_AS_OF,
    }),
    "Invoices": record(
        {"invoices": array(reference("Invoice")), "next": optional(TEXT), "month": optional(MONTH), **_AS_OF}
    ),
    "Overview": record({
        "ready": _FLAG, "message": optional(TEXT), "standalone": _FLAG, "simulated": _FLAG, "currency": TEXT,
        "time_zone": TEXT, "served_at": TIME, **_AS_OF, "month": optional(MONTH), "month_start": optional(TIME),
        "month_end": optional(TIME), "status": optional(STATUS), "months": array(reference("Month")),
        "totals": record(_COMPARED),
        "types": array(record({"type": TEXT, **_COMPARED, "share": optional(NUMBER)})),
        "top_customers": array(record({"customer": TEXT, "total": MONEY, "count": COUNT, "share": optional(NUMBER)})),
        "series": record({
            "bucket_seconds": COUNT, "times": array(COUNT),
            "types": {"type": "object", "additionalProperties": _POINTS},
        }),
        "events": record({
            "accepted": COUNT, "rejected": COUNT, "late": COUNT, "per_second": NUMBER,
            "reasons": {"type": "object", "additionalProperties": COUNT},
        }),
        "freshness": record({
            "lag_records": optional(COUNT), "watermark": optional(TIME), "last_commit": optional(TIME),
            "commit_age_seconds": optional(NUMBER), "delay_seconds": optional(NUMBER),
        }),
        "health": record({"ok": _FLAG, "checks": _CHECKS}),
        "links": _LINKS,
    }),
    "SubtotalRows": array(record(
        {"customer": TEXT, "month": MONTH, "type": TEXT, **_ROW_MONEY, "status": STATUS}, "customer"
    )),
    "HourRows": array(record({"time": TIME, "hour_start_ms": COUNT, "type": TEXT, **_ROW_MONEY})),
    "MonthRows": array(record({
        "month": MONTH, "month_start": TIME, "month_end": TIME, **_ROW_MONEY, "customers": COUNT, "status": STATUS,
    })),
    "CustomerRows": array(record({"customer": TEXT, "month": MONTH, **_ROW_MONEY, "status": STATUS})),
    "AnnotationRows": array(record({
        "time": TIME, "time_end": TIME, "title": TEXT, "text": TEXT, "tags": array(TEXT),
    })),
    "Names": array(TEXT),
    "Frames": array({"type": "object"}),
    "Targets": array(record({"label": TEXT, "value": TEXT, "payloads": array({"type": "object"})})),
    "Choices": array(record({"label": TEXT, "value": TEXT})),
    "Variables": array(record({"__text": TEXT, "__value": TEXT})),
    "TagKeys": array(record({"type": TEXT, "text": TEXT})),
    "TagValues": array(record({"text": TEXT})),
    "Annotations": array({"type": "object"}),
}  # fmt: skip
