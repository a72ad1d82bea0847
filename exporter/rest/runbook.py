"""The runbook as a page: alerts link to its sections, and whoever is on call has no checkout."""

import re
from functools import cache
from itertools import pairwise

from aiohttp import web
from markdown_it import MarkdownIt

from exporter.rest.page import PAGE_HEADERS, page_folder
from exporter.web.routes import Need, Route

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>Runbook - Queryable Billing</title>
  <link rel="icon" href="static/icon.svg" type="image/svg+xml">
  <script src="static/js/theme.js"></script>
  <link rel="stylesheet" href="static/css/base.css">
  <link rel="stylesheet" href="static/css/runbook.css">
</head>
<body>
<main class="runbook">
{body}
</main>
</body>
</html>
"""


# A link to another page of docs: those are not served.
_PAGE_LINK = re.compile(r"\[([^\]]+)\]\((?!#|https?:)[^)]+\)")


async def runbook(_: web.Request) -> web.Response:
    """Answer with the runbook."""
    headers = {"Cache-Control": "no-cache", **PAGE_HEADERS}
    return web.Response(text=page(), content_type="text/html", headers=headers)


@cache
def page() -> str:
    """Return docs/runbook.md as a page: each heading has the anchor that its title gives it, no link leads nowhere."""
    text = _PAGE_LINK.sub(r"docs/\1", (page_folder() / "runbook.md").read_text("utf-8"))
    # It is our own text: its anchors are HTML in it.
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = parser.parse(text)
    for token, inline in pairwise(tokens):
        if token.type == "heading_open":
            token.attrSet("id", anchor(inline.content))
    return _PAGE.replace("{body}", parser.renderer.render(tokens, parser.options, {}))


def anchor(title: str) -> str:
    """Return the anchor of a heading, as the usual forges make it."""
    return re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-")


ROUTES = (
    Route("GET", "/runbook", runbook, "What to do when an alert fires or a part has stopped, as a page.",
          media_type="text/html", strict=False, errors=(), need=Need.OPEN),
)  # fmt: skip
