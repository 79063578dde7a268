"""``metagrad tag serve``: answer over HTTP."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from metagrad.base.optional import need
from metagrad.tagger.commands.options import MODEL, Help
from metagrad.tagger.trained import Model


def add_to(commands: Any) -> None:
    """Add the command to a parser."""
    serve = commands.add_parser("serve", help="tag over HTTP, with a page to try it on", formatter_class=Help)
    serve.set_defaults(run=run)
    serve.add_argument("--model", type=Path, default=Path(MODEL))
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen on; 0.0.0.0 for all of the machine's")
    serve.add_argument("--port", type=int, default=8000, help="0 for any that is free")
    serve.add_argument("--max-bytes", type=int, default=100_000, help="of a request")
    serve.add_argument("--max-words", type=int, default=10_000, help="of a request")


def run(options: argparse.Namespace) -> int:
    """Serve until interrupted."""
    need("uvicorn", "serve")
    from metagrad.tagger.serve.app import Limits, make_app, warm
    from metagrad.tagger.serve.server import make_server

    for name in ("max_bytes", "max_words"):
        if getattr(options, name) < 1:
            raise ValueError(f"--{name.replace('_', '-')} must be at least 1, got {getattr(options, name)}")
    if not 0 <= options.port < 65536:
        raise ValueError(f"--port must be between 0 and 65535, got {options.port}")
    model = Model.load(options.model)
    threadpool_limits(1)  # products so small are no faster on several, and far slower where others want the cores
    warm(model)
    app = make_app(model, Limits(bytes=options.max_bytes, words=options.max_words), options.model.name)
    server = make_server(app, options.host, options.port)
    sys.setswitchinterval(0.0005)  # the thread that answers is not to wait 5 ms for the one that tags, at every turn
    listening = server.config.bind_socket()
    listening.listen(server.config.backlog)  # so that nobody who reads the next line comes too early
    host, port = listening.getsockname()[:2]
    print(f"Serving {options.model} at http://{host}:{port}/ ; Ctrl-C stops.", flush=True)
    server.run(sockets=[listening])
    return 0
