"""The documents of the data source, as types; frames are of the plugins' own forms."""

from typing import Any

from typing_extensions import TypedDict

from exporter.web.shapes import closed


@closed
class TargetDocument(TypedDict):
    """A target, and what its payload may hold."""

    label: str
    value: str
    payloads: list[dict[str, Any]]


@closed
class ChoiceDocument(TypedDict):
    """A value to choose."""

    label: str
    value: str


# Names that begin with two underscores cannot be written in a class.
VariableDocument = TypedDict("VariableDocument", {"__text": str, "__value": str})
closed(VariableDocument)


@closed
class TagKey(TypedDict):
    """A key of ad hoc filters."""

    type: str
    text: str


@closed
class TagValue(TypedDict):
    """A value of such a key."""

    text: str
