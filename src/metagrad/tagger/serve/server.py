"""The server itself: uvicorn, but patient with nobody who sends half a request, and gone soon after it is told to go."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from metagrad.base.optional import need

HEADERS_WITHIN = 20.0  # seconds a client has for the headers of a request
END_WITHIN = 3  # seconds that answers under way have when the service is told to end
_WRONG = json.dumps(
    {"error": "this is no HTTP request: its first line, a header, or the way its body is sent is wrong"}
)
BAD_REQUEST = (
    "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n"
    f"Content-Length: {len(_WRONG)}\r\n\r\n{_WRONG}"
).encode()


def protocol() -> Any:
    """uvicorn's HTTP protocol, with a limit to how long the headers of a request may take."""
    base: Any = need("uvicorn.protocols.http.h11_impl", "serve").H11Protocol

    class Impatient(base):  # type: ignore[misc]
        """Closes a connection on which no whole request has come for too long."""

        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._watch()

        def connection_lost(self, exc: Any) -> None:
            self._forget()
            super().connection_lost(exc)

        def send_400_response(self, msg: str) -> None:
            """What is no HTTP is answered as other faults are, by JSON that says so; then the connection ends."""
            if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
                self.transport.write(BAD_REQUEST)
            self.transport.close()

        def _watch(self) -> None:
            """Start to wait for headers if there is no request under way; else stop waiting."""
            if self.cycle is not None and not self.cycle.response_complete:
                self._forget()
            elif self._deadline is None:
                self._deadline = self.loop.call_later(HEADERS_WITHIN, self.transport.close)

        def _forget(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return Impatient


def make_server(app: Any, host: str, port: int) -> Any:
    """A uvicorn server; told to end, it answers what is being tagged, and refuses what waits."""
    uvicorn = need("uvicorn", "serve")

    class Server(uvicorn.Server):  # type: ignore[misc, name-defined]
        def handle_exit(self, sig: int, frame: Any) -> None:
            super().handle_exit(sig, frame)
            self.loop_of_app.call_soon_threadsafe(app.state.batcher.end)

        async def startup(self, sockets: Any = None) -> None:
            self.loop_of_app = asyncio.get_running_loop()
            await super().startup(sockets=sockets)

    config = uvicorn.Config(
        app, host=host, port=port, log_level="error", access_log=False, http=protocol(), timeout_graceful_shutdown=END_WITHIN,
    )  # fmt: skip
    return Server(config)
