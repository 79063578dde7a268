"""The addresses of the service, what they take and answer, and its limits.

============  ===================================================================================================
``POST /tag``  ``{"text": "raw text"}``, or ``{"sentences": [["split", "words"], …]}``; answers ``{"sentences": [[{"word",
               "tag", "probability", "alternatives": [{"tag", "probability"}, …]}, …], …]}``
``GET /health`` ``{"status": "ok", …}``
``GET /``      a page to try it on
============  ===================================================================================================

Whatever is wrong with a request is answered by a status of 400 to 499 and ``{"error": "…"}``, which says what was expected.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np

from metagrad.base.optional import need
from metagrad.tagger.serve.batching import Batcher, Overloaded
from metagrad.tagger.trained import Model

SHORT = 4000  # bytes
EXPECTED = 'expected {"text": "..."} or {"sentences": [["...", "..."], ...]}'


@dataclass(frozen=True)
class Limits:
    """What a request may cost: bytes of its body, words, letters of a word, and seconds until the body is there."""

    bytes: int = 100_000
    words: int = 10_000
    letters: int = 1000
    seconds: float = 20.0
    alternatives: int = 5


class BadRequest(Exception):
    """What is wrong with a request, and the status that says so."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def make_app(model: Model, limits: Limits | None = None) -> Any:
    """The service, as a Starlette application."""
    need("starlette", "serve")
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import HTMLResponse, JSONResponse, Response
    from starlette.routing import Route

    limit = limits or Limits()
    page = files("metagrad.tagger.serve").joinpath("page.html").read_text(encoding="utf-8")
    batcher = Batcher(lambda sentences: answers(model, sentences, limit.alternatives))
    # The page may load nothing from elsewhere, and nobody may put it into a frame.
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'"

    def failed(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
        return JSONResponse({"error": message}, status, headers)

    async def tag(request: Request) -> Response:
        try:
            body = await read_body(request, limit)
            if len(body) <= SHORT:  # to hand it to another thread would take longer than to read it
                sentences = sentences_of(body, model, limit)
            else:
                sentences = await asyncio.to_thread(sentences_of, body, model, limit)
            return JSONResponse({"sentences": await batcher.answer(sentences)})
        except BadRequest as error:
            return failed(error.status, str(error))
        except Overloaded as error:
            return failed(503, str(error), {"Retry-After": "1"})
        except ClientDisconnect:
            return failed(400, "the connection ended before the request did")

    async def health(request: Request) -> Response:
        about = {k: model.about[k] for k in ("preset", "corpus") if k in model.about}
        return JSONResponse({
            "status": "ok", "tags": len(model.tags), "requests": batcher.requests, "batches": batcher.batches,
            "waiting": batcher.words, **about,
        })  # fmt: skip

    async def front(request: Request) -> Response:
        return HTMLResponse(page, headers={"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"})

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        messages = {
            404: "there is nothing here: use POST /tag, GET /health or GET /",
            405: "use POST for /tag, GET elsewhere",
        }
        return failed(error.status_code, messages.get(error.status_code, error.detail), dict(error.headers or {}))

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        answers(model, [["Hello", "."]], 1)  # what is made when first used is made now
        yield
        batcher.close()

    routes = [Route("/tag", tag, methods=["POST"]), Route("/health", health), Route("/", front)]
    return Starlette(routes=routes, exception_handlers={HTTPException: refused}, lifespan=lifespan)


async def read_body(request: Any, limit: Limits) -> bytes:
    """The whole body, unless it is too long or too slow."""
    too_long = BadRequest(413, f"expected at most {limit.bytes:,} bytes: send the text in several requests")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit.bytes:
        raise too_long
    body = bytearray()
    try:
        async with asyncio.timeout(limit.seconds):
            async for part in request.stream():
                body += part
                if len(body) > limit.bytes:
                    raise too_long
    except TimeoutError:
        raise BadRequest(408, f"expected the whole request within {limit.seconds:g} seconds") from None
    return bytes(body)


def sentences_of(body: bytes, model: Model, limit: Limits) -> list[list[str]]:
    """The sentences a request's body asks to tag; BadRequest if it does not ask for that."""
    if not body.strip():
        raise BadRequest(400, f"the request is empty: {EXPECTED}")
    try:
        content = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadRequest(400, f"expected UTF-8, got the byte 0x{body[error.start]:02x} at {error.start}") from None
    except (ValueError, RecursionError) as error:
        raise BadRequest(400, f"this is not JSON ({error}): {EXPECTED}") from None
    if not isinstance(content, dict) or len(content.keys() & {"text", "sentences"}) != 1:
        raise BadRequest(400, EXPECTED)
    if "text" in content:
        text = content["text"]
        if not isinstance(text, str):
            raise BadRequest(400, f'"text" is to be a string, got {type(text).__name__}')
        check_unicode(text)
        sentences = [[word.form for word in words] for words in model.sentences(text)]
    else:
        sentences = content["sentences"]
        is_list = isinstance(sentences, list) and all(isinstance(words, list) for words in sentences)
        if not is_list or not all(isinstance(word, str) for words in sentences for word in words):
            raise BadRequest(400, f'"sentences" is to be a list of lists of strings: {EXPECTED}')
        if not all(word.strip() for words in sentences for word in words):
            raise BadRequest(400, "a word is empty or blank: leave it out")
        for words in sentences:
            check_unicode("".join(words))
    if not any(sentences):
        raise BadRequest(400, "there is nothing to tag: the text has no words")
    if sum(map(len, sentences)) > limit.words:
        raise BadRequest(413, f"expected at most {limit.words:,} words, got {sum(map(len, sentences)):,}")
    longest = max(len(word) for words in sentences for word in words)
    if longest > limit.letters:
        raise BadRequest(413, f"expected words of at most {limit.letters:,} letters, got one of {longest:,}")
    return sentences


def check_unicode(text: str) -> None:
    r"""BadRequest for half a pair of surrogates, which JSON can say ("\ud800") but no text contains."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadRequest(400, f"expected Unicode text, got a lone surrogate at {error.start}") from None


def answers(model: Model, sentences: list[Any], alternatives: int) -> list[list[dict[str, Any]]]:
    """For each sentence its words, with tags, probabilities and the next most probable tags."""
    found = []
    for words, (tags, p) in zip(sentences, model.scored(sentences), strict=True):
        ranked = np.argsort(-p, axis=1, kind="stable")[:, : alternatives + 1]
        sentence = []
        for t, (word, k) in enumerate(zip(words, tags.tolist(), strict=True)):
            others = [i for i in ranked[t].tolist() if i != k][:alternatives]
            sentence.append({
                "word": word, "tag": model.tags[k], "probability": round(float(p[t, k]), 6),
                "alternatives": [{"tag": model.tags[i], "probability": round(float(p[t, i]), 6)} for i in others],
            })  # fmt: skip
        found.append(sentence)
    return found
