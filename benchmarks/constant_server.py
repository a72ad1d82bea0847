"""Answers each request with the same bytes, in the server that the exporter uses: ``... constant_server PORT``."""

import sys

from aiohttp import web

BODY = b'{"customer":"Charlie","month":"2024-01","total":"199.990000","count":1,"types":{}}'


async def answer(_: web.Request) -> web.Response:
    """Answer with the constant."""
    return web.Response(body=BODY, content_type="application/json")


def main(port: int) -> None:
    """Serve until told to stop."""
    app = web.Application()
    app.router.add_get("/customers/{customer}", answer)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
