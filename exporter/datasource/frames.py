"""Data frames, and the three forms in which Grafana takes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Literal

FieldType = Literal["time", "number", "string"]
Cell = str | int | float | None
Json = dict[str, Any]


@dataclass(frozen=True)
class Field:
    """A column.

    Args:
        name: its name.
        type: of its values; a time is in milliseconds.
        values: one for each row.
        unit: Grafana's name of the unit, if there is one.
        decimals: how many to show.
        display: the name shown, if another.
        labels: what a series is of.
    """

    name: str
    type: FieldType
    values: Sequence[Cell]
    unit: str | None = None
    decimals: int | None = None
    display: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Json:
        """What Grafana calls the field's config."""
        named = {"unit": self.unit, "decimals": self.decimals, "displayNameFromDS": self.display}
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True)
class Frame:
    """A table, or a series if its first field is a time and its second one a number.

    Args:
        name: what it is of.
        fields: its columns.
        notices: (severity, text) to show beside it.
        series: whether it is a series.
    """

    name: str
    fields: Sequence[Field]
    notices: Sequence[tuple[str, str]] = ()
    series: bool = False

    @property
    def rows(self) -> list[list[Cell]]:
        """The values row by row."""
        return [list(row) for row in zip(*(one.values for one in self.fields), strict=True)]


def as_fields(frame: Frame, ref_id: str) -> Json:
    """Return a frame with `fields`: the form that tells most."""
    fields = []
    for one in frame.fields:
        form: Json = {"name": one.name, "type": one.type, "values": list(one.values)}
        if one.config:
            form["config"] = one.config
        if one.labels:
            form["labels"] = dict(one.labels)
        fields.append(form)
    return {"refId": ref_id, "name": frame.name, "fields": fields, **_meta(frame)}


def as_table(frames: Sequence[Frame], ref_id: str) -> list[Json]:
    """Return frames as simple-json's tables: series side by side in one, tables one by one."""
    if not frames or not frames[0].series:
        return [_table(frame, ref_id) for frame in frames]
    return [_table(_side_by_side(frames), ref_id)]


def as_datapoints(frame: Frame, ref_id: str, at_ms: int) -> list[Json]:
    """Return a frame as simple-json's series; a table's rows are series of one point, at `at_ms`."""
    if not frame.series:
        return _row_points(frame, ref_id, at_ms)
    times, values = frame.fields[0], frame.fields[1]
    return [_points(frame, ref_id, frame.name, values, zip(values.values, times.values, strict=True))]


def _table(frame: Frame, ref_id: str) -> Json:
    columns = [{"text": one.display or one.name, "type": one.type, **one.config} for one in frame.fields]
    return {"type": "table", "refId": ref_id, "columns": columns, "rows": frame.rows, **_meta(frame)}


def _side_by_side(frames: Sequence[Frame]) -> Frame:
    times = sorted({time for frame in frames for time in frame.fields[0].values if isinstance(time, int)})
    fields = [Field("time", "time", times)]
    for frame in frames:
        value = frame.fields[1]
        by_time = dict(zip_longest(frame.fields[0].values, value.values))
        cells = [by_time.get(time) for time in times]
        fields.append(Field(frame.name, "number", cells, value.unit, value.decimals))
    return Frame(frames[0].name, fields, [notice for frame in frames for notice in frame.notices])


def _row_points(frame: Frame, ref_id: str, at_ms: int) -> list[Json]:
    texts = [one for one in frame.fields if one.type == "string" and not one.name.endswith(("_exact", "status"))]
    numbers = [one for one in frame.fields if one.type == "number"]
    if not numbers:
        return []
    value = numbers[0]
    names = [" ".join(str(one.values[i]) for one in texts) for i in range(len(value.values))]
    return [
        _points(frame, ref_id, name or frame.name, value, [(value.values[i], at_ms)]) for i, name in enumerate(names)
    ]


def _points(frame: Frame, ref_id: str, name: str, value: Field, points: Any) -> Json:
    form: Json = {"target": name, "refId": ref_id, "datapoints": [list(point) for point in points], **_meta(frame)}
    if value.unit:
        form["unit"] = value.unit
    if value.labels:
        form["tags"] = dict(value.labels)
    return form


def _meta(frame: Frame) -> Json:
    notices = [{"severity": severity, "text": text} for severity, text in frame.notices]
    return {"meta": {"notices": notices}} if notices else {}
