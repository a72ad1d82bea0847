"""Answers as typed documents: what all of them are made of, and the JSON schemas that follow from them."""

from collections.abc import Iterable
from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from pydantic.json_schema import GenerateJsonSchema
from typing_extensions import TypedDict

REFERENCE = "#/components/schemas/{model}"

Money = Annotated[str, Field(pattern=r"^-?[0-9]+\.[0-9]{6}$", description="exact to the micro")]
Cents = Annotated[str, Field(pattern=r"^-?[0-9]+\.[0-9]{2}$", description="rounded half-up to the cent")]
Rounded = Annotated[
    str, Field(pattern=r"^-?[0-9]+(\.[0-9]{2,4})?$", description="rounded half-up to the currency's minor unit")
]
MonthName = Annotated[str, Field(pattern="^[0-9]{4}-(0[1-9]|1[0-2])$")]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]

# A document has the fields that its type names, and no other.
closed = with_config(ConfigDict(extra="forbid"))


@closed
class ProblemDetail(TypedDict):
    """What went wrong, for programs."""

    code: str
    message: str
    field: NotRequired[str]


@closed
class Problem(TypedDict):
    """The shape of every error."""

    message: str
    error: ProblemDetail


@closed
class HealthCheckDocument(TypedDict):
    """One line of readiness."""

    name: str
    ok: bool
    message: str


class _Untitled(GenerateJsonSchema):
    """Leaves out titles that only repeat a field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def json_schemas(types: Iterable[Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the JSON schema of each type, in their order, and by name the definitions that they refer to."""
    adapters = [(number, "serialization", TypeAdapter(one)) for number, one in enumerate(types)]
    found, definitions = TypeAdapter.json_schemas(
        adapters,  # type: ignore[arg-type]
        ref_template=REFERENCE,
        schema_generator=_Untitled,
    )
    return [found[number, "serialization"] for number, _, _ in adapters], definitions.get("$defs", {})
