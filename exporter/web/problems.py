"""Errors: one shape for all of them, which people, programs and both Grafana plugins can show."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from exporter.model.state import NotKnownError
from exporter.web.json_body import json_response

# What is told of numbers that are not known to those who may not know why.
NOT_KNOWN = "the numbers are not known now; ask again later"


@dataclass(eq=False)
class ProblemError(Exception):
    """A request that cannot be answered, and why.

    Args:
        status: the HTTP status.
        code: what kind of problem it is, for programs; docs/api.md lists them.
        message: one sentence, for people.
        field: the parameter that is wrong, if one is.
        headers: further headers of the answer.
    """

    status: int
    code: str
    message: str
    field: str | None = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        return self.message


def bad_parameter(name: str, message: str) -> ProblemError:
    """Return the problem of a parameter that cannot be read."""
    return ProblemError(400, "bad_parameter", f"{name} {message}", field=name)


def unprocessable(code: str, message: str, name: str | None = None) -> ProblemError:
    """Return the problem of a query that can be read and makes no sense."""
    return ProblemError(422, code, message, field=name)


def not_known(error: NotKnownError, says_why: bool = True) -> ProblemError:
    """Return the problem of numbers that are not known.

    Args:
        error: what is raised.
        says_why: to those who may see all data; to others its reason could tell of somebody else.
    """
    headers = {"Retry-After": str(error.retry_after_seconds)}
    return ProblemError(503, error.state.value, error.message if says_why else NOT_KNOWN, headers=headers)


def problem_response(problem: ProblemError) -> web.Response:
    """Return the answer that tells a problem. No other place makes an error's body."""
    error = {"code": problem.code, "message": problem.message}
    if problem.field is not None:
        error["field"] = problem.field
    body = {"message": problem.message, "error": error}
    return json_response(body, status=problem.status, headers={"Cache-Control": "no-store", **problem.headers})
