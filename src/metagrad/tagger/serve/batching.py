"""Requests that come at the same time, tagged together.

While one batch is tagged, in a thread, others wait; then all that wait, up to a number of words, are the next batch. So nobody
waits for a batch to fill, and under load the batches grow by themselves.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

Words = Sequence[str]
Tag = Callable[[list[Words]], list[Any]]  # sentences in, one answer for each out


class Overloaded(RuntimeError):
    """More is waiting than can be answered in good time."""


class _Waiting(NamedTuple):
    sentences: Sequence[Words]
    words: int
    answer: asyncio.Future[list[Any]]


class Batcher:
    """``await answer(sentences)`` gives what ``tag`` makes of them, together with whatever else is waiting.

    together: words of a batch, at most, unless a single request has more. most: words that may wait.
    """

    def __init__(self, tag: Tag, together: int = 4096, most: int = 1_000_000) -> None:
        self.tag, self.together, self.most = tag, together, most
        self.waiting: deque[_Waiting] = deque()
        self.words = 0
        self.batches = self.requests = 0
        self.ending = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tagger")
        self._task: asyncio.Task[None] | None = None

    async def answer(self, sentences: Sequence[Words]) -> list[Any]:
        """One answer for each sentence; Overloaded if too much is waiting."""
        words = sum(map(len, sentences))
        if self.ending:
            raise Overloaded("the service is ending: try again later")
        if self.words + words > self.most:
            raise Overloaded(f"{self.words} words are waiting to be tagged: try again later")
        request = _Waiting(sentences, words, asyncio.get_running_loop().create_future())
        self.waiting.append(request)
        self.words += words
        self.requests += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        return await request.answer

    def end(self) -> None:
        """Refuse what waits and what may still come; what is being tagged is answered."""
        self.ending = True
        while self.waiting:
            request = self.waiting.popleft()
            self.words -= request.words
            if not request.answer.done():
                request.answer.set_exception(Overloaded("the service is ending: try again later"))

    def _next(self) -> list[_Waiting]:
        """The requests of the next batch; one whose client has gone is left out."""
        batch: list[_Waiting] = []
        words = 0
        while self.waiting and (not batch or words + self.waiting[0].words <= self.together):
            request = self.waiting.popleft()
            self.words -= request.words
            if not request.answer.done():
                batch.append(request)
                words += request.words
        return batch

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self.waiting:
            batch = self._next()
            if not batch:
                break
            sentences = [words for request in batch for words in request.sentences]
            try:
                answers = await loop.run_in_executor(self._thread, self.tag, sentences)
            except Exception as error:
                for request in batch:
                    if not request.answer.done():
                        request.answer.set_exception(error)
                continue
            self.batches += 1
            start = 0
            for request in batch:
                end = start + len(request.sentences)
                if not request.answer.done():
                    request.answer.set_result(answers[start:end])
                start = end

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False, cancel_futures=True)
