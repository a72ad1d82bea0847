"""Answers of the state that is shown, for those who ask the same again before it changes."""

from dataclasses import dataclass, field

from aiohttp import web
from multidict import CIMultiDict

# Of some hundred bytes each.
MOST_ANSWERS = 4_096


@dataclass
class Answers:
    """Remembers bodies and headers by what was asked, for one version of the state at a time.

    It is used by the event loop alone.
    """

    version: int = -1
    known: dict[str, tuple[bytes, CIMultiDict[str]]] = field(default_factory=dict)

    def find(self, asked: str, version: int) -> web.Response | None:
        """Return the answer that was given of this version, None if none is remembered."""
        found = self.known.get(asked) if version == self.version else None
        return None if found is None else web.Response(body=found[0], headers=found[1].copy())

    def remember(self, asked: str, version: int, response: web.Response) -> None:
        """Keep an answer of a version; those of others are forgotten, and so are all when they are too many."""
        if version != self.version or len(self.known) >= MOST_ANSWERS:
            self.version, self.known = version, {}
        if isinstance(response.body, bytes):
            self.known[asked] = response.body, CIMultiDict(response.headers)


ANSWERS = web.AppKey("answers", Answers)
