"""The addresses of the service, what they take and answer, and its limits.

============  ===================================================================================================
``POST /tag``  ``{"text": "raw text"}``, or ``{"sentences": [["split", "words"], …]}``; answers ``{"sentences": [[{"word",
               "tag", "probability", "start", "end", "alternatives": [{"tag", "probability"}, …]}, …], …]}``
``GET /health`` ``{"status": "ok", …}``
``GET /``      a page to try it on
============  ===================================================================================================

Whatever is wrong with a request is answered by a status of 400 to 499 and ``{"error": "…"}``, which says what was expected.
"""

from __future__ import annotations

import asyncio
import html
import json
import math
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, TypeVar

import numpy as np

from metagrad.base.optional import need
from metagrad.tagger.serve.batching import Batcher, Overloaded
from metagrad.tagger.tagset import for_json
from metagrad.tagger.text.tokenizer import Word
from metagrad.tagger.trained import Model

Answer = TypeVar("Answer")

EXAMPLE = "Time flies like an arrow."
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


class ClientLeft(Exception):
    """Nobody waits for the answer any more."""


class BadRequest(Exception):
    """What is wrong with a request, and the status that says so."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def make_app(model: Model, limits: Limits | None = None, name: str = "") -> Any:
    """The service, as a Starlette application; ``name`` is what the page calls the model."""
    need("starlette", "serve")
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import HTMLResponse, JSONResponse, Response
    from starlette.routing import Route

    limit = limits or Limits()
    page = files("metagrad.tagger.serve").joinpath("page.html").read_text(encoding="utf-8")
    page = page.replace("MODEL_NAME", html.escape(name)).replace(
        "MODEL_EXAMPLE", html.escape(model.about.get("example", EXAMPLE))
    )
    batcher = Batcher(lambda sentences: answers(model, sentences, limit.alternatives))
    reading = asyncio.Semaphore(2)  # long requests that are cut into words at a time
    # The page may load nothing from elsewhere, and nobody may put it into a frame.
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'"

    def failed(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
        return JSONResponse({"error": message}, status, headers)

    async def tag(request: Request) -> Response:
        try:
            body = await read_body(request, limit)
            return Response(await while_there(request, answered(body)), media_type="application/json")
        except BadRequest as error:
            return failed(error.status, str(error))
        except Overloaded as error:
            return failed(503, str(error), {"Retry-After": "1"})
        except (ClientDisconnect, ClientLeft):
            return failed(400, "the connection ended before the request did")

    async def answered(body: bytes) -> bytes:
        if len(body) <= SHORT:  # to hand it to another thread would take longer than to read it
            sentences = sentences_of(body, model, limit)
            return as_json(await batcher.answer(sentences))
        async with reading:
            sentences = await asyncio.to_thread(sentences_of, body, model, limit)
        return await asyncio.to_thread(as_json, await batcher.answer(sentences))

    async def health(request: Request) -> Response:
        about = {k: model.about[k] for k in ("preset", "corpus") if k in model.about}
        return JSONResponse({
            "status": "ok", "tags": len(model.tags), "requests": batcher.requests, "batches": batcher.batches,
            "waiting": batcher.words, "name": name, **about,
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
        yield
        batcher.close()

    routes = [Route("/tag", tag, methods=["POST"]), Route("/health", health), Route("/", front)]
    app = Starlette(routes=routes, exception_handlers={HTTPException: refused}, lifespan=lifespan)
    app.state.batcher = batcher
    return app


def warm(model: Model) -> None:
    """Tag a little, so that what is made when first used is made before the first request."""
    for count in (1, 40):
        body = json.dumps({"text": "Hello there. " * count}).encode()
        as_json(answers(model, sentences_of(body, model, Limits()), 5))


def as_json(sentences: Sequence[Any]) -> bytes:
    """The body of an answer."""
    return json.dumps({"sentences": sentences}, ensure_ascii=False, separators=(",", ":")).encode()


async def while_there(request: Any, work: Coroutine[Any, Any, Answer]) -> Answer:
    """What the work comes to; it is given up, with ClientLeft, when the client leaves."""
    task = asyncio.ensure_future(work)
    left = asyncio.ensure_future(gone(request))
    try:
        await asyncio.wait({task, left}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientLeft
        return task.result()
    finally:
        task.cancel()
        left.cancel()


async def gone(request: Any) -> None:
    """Wait until the client has left."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


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


def sentences_of(body: bytes, model: Model, limit: Limits) -> list[list[Any]]:
    """The sentences a request's body asks to tag, of words, and of words with their places if it is raw text; or BadRequest."""
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
        sentences: list[list[Any]] = list(model.sentences(text))
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
    longest = max(len(form_of(word)) for words in sentences for word in words)
    if longest > limit.letters:
        raise BadRequest(413, f"expected words of at most {limit.letters:,} letters, got one of {longest:,}")
    return sentences


def check_unicode(text: str) -> None:
    r"""BadRequest for half a pair of surrogates, which JSON can say ("\ud800") but no text contains."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadRequest(400, f"expected Unicode text, got a lone surrogate at {error.start}") from None


def form_of(word: str | Word) -> str:
    """The word itself, of a word with or without a place."""
    return word if isinstance(word, str) else word.form


def answers(model: Model, sentences: Sequence[Sequence[Any]], alternatives: int) -> list[list[dict[str, Any]]]:
    """For each sentence its words, with tags, probabilities, places, and the next most probable tags."""
    scored = model.scored([[form_of(word) for word in words] for words in sentences])
    if not model.tags.is_one:
        return [
            columns_answer(model, words, tags, p, alternatives)
            for words, (tags, p) in zip(sentences, scored, strict=True)
        ]
    return [
        sentence_answer(model.tags, words, tags, p, alternatives)
        for words, (tags, p) in zip(sentences, scored, strict=True)
    ]


def columns_answer(model: Model, words: Sequence[Any], tags: Any, p: Any, alternatives: int) -> list[dict[str, Any]]:
    """One sentence of an answer, with tags of several columns: what ``sentence_answer`` says of each, and all together."""
    each = [
        sentence_answer(names, words, tags[:, c] - own.start, p[:, own], alternatives)
        for c, (names, own) in enumerate(zip(model.tags.columns, model.tags.slices, strict=True))
    ]
    sentence = []
    for answers in zip(*each, strict=True):
        place = {name: answers[0][name] for name in ("start", "end") if name in answers[0]}
        parts = [{name: a[name] for name in ("tag", "probability", "alternatives")} for a in answers]
        whole = {
            "tag": dict(zip(model.columns, (a["tag"] for a in answers), strict=True)),
            "probability": math.prod(a["probability"] for a in answers),
        }
        columns = dict(zip(model.columns, parts, strict=True))
        sentence.append({"word": answers[0]["word"], **whole, **place, "alternatives": [], "columns": columns})
    return sentence


def sentence_answer(
    names: Sequence[str], words: Sequence[Any], tags: Any, p: Any, alternatives: int
) -> list[dict[str, Any]]:
    """One sentence of an answer."""
    most = min(alternatives + 1, p.shape[1])
    ranked = np.argsort(-p, axis=1, kind="stable")[:, :most]
    shares = np.round(np.take_along_axis(p, ranked, 1).astype(np.float64), 6).tolist()
    own = np.round(p[np.arange(len(tags)), tags].astype(np.float64), 6).tolist()
    sentence = []
    for word, k, probability, order, values in zip(words, tags.tolist(), own, ranked.tolist(), shares, strict=True):
        others = [{"tag": for_json(names[i]), "probability": q} for i, q in zip(order, values, strict=True) if i != k]
        place = {} if isinstance(word, str) else {"start": word.start, "end": word.end}
        answer = {"word": form_of(word), "tag": for_json(names[k]), "probability": probability, **place}
        sentence.append({**answer, "alternatives": others[:alternatives]})
    return sentence
