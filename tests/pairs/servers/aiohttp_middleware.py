"""aiohttp with one middleware and no route: every request ends in 404."""

import sys

from aiohttp import web
from aiohttp.typedefs import Handler


@web.middleware  # type: ignore[untyped-decorator]  # in environments without it
async def unchanged(request: web.Request, handler: Handler) -> web.StreamResponse:
    return await handler(request)


if __name__ == "__main__":
    application = web.Application(middlewares=[unchanged])
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), access_log=None)
