"""The service: answers, limits, batches, and the page in a browser where there is one."""

import asyncio
import contextlib
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from metagrad.tagger.serve.batching import Batcher, Overloaded
from metagrad.tagger.tagging import Tagger

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

SENTENCES = [[("the", "DT"), ("dog", "NN"), ("barks", "VBZ")], [("a", "DT"), ("cat", "NN"), ("sleeps", "VBZ")]] * 8


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    tagger = Tagger.train(SENTENCES, epochs=20, hidden=8, embedding=8, dropout=0.0)
    file = tmp_path_factory.mktemp("serve") / "m.st"
    tagger.save(file)
    return file


@pytest.fixture(scope="module")
def address(path):
    command = [sys.executable, "-m", "metagrad", "tag", "serve", "--model", str(path), "--port", "0", "--max-bytes", "5000",
               "--max-words", "100"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        yield server.stdout.readline().split(" at ")[1].split()[0]
        server.terminate()
        server.wait(20)


def ask(address, body, path="tag", method=None):
    """(status, answer)."""
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(address + path, data, method=method), timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_text_and_split_sentences(address):
    status, answer = ask(address, {"text": "The dog barks. A cat sleeps."})
    sentences = json.loads(answer)["sentences"]
    assert status == 200 and [[w["word"] for w in s] for s in sentences] == [
        ["The", "dog", "barks", "."], ["A", "cat", "sleeps", "."]
    ]  # fmt: skip
    status, answer = ask(address, {"sentences": [["the", "cat"], [], ["dog"]]})
    first, empty, last = json.loads(answer)["sentences"]
    assert [w["tag"] for w in first] == ["DT", "NN"] and empty == [] and len(last) == 1
    for word in first:
        everything = [word["probability"], *(a["probability"] for a in word["alternatives"])]
        assert sum(everything) == pytest.approx(1, abs=1e-4) and everything == sorted(everything, reverse=True)


def test_the_answer_is_that_of_the_python_class(address, path):
    words = ["a", "dog", "purrs"]
    found = json.loads(ask(address, {"sentences": [words]})[1])["sentences"][0]
    assert [(w["word"], w["tag"]) for w in found] == Tagger.load(path).tag(words)


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "empty"), (b"{", 400, "JSON"), (b"[]", 400, "expected"), (b"{}", 400, "expected"), (b"3", 400, "expected"),
        (b"[" * 4000, 400, "JSON"), (b'{"text": "\xff"}', 400, "UTF-8"), (b"\x80\x81", 400, "UTF-8"),
        ({"text": 3}, 400, "string"), ({"text": ""}, 400, "nothing to tag"), ({"text": " \n "}, 400, "nothing to tag"),
        ({"sentences": []}, 400, "nothing to tag"), ({"sentences": [[]]}, 400, "nothing to tag"),
        ({"sentences": ["a"]}, 400, "list of lists"), ({"sentences": [[1]]}, 400, "list of lists"),
        ({"sentences": [["a", " "]]}, 400, "blank"), ({"text": "a", "sentences": [["a"]]}, 400, "expected"),
        (b'{"text": "\\ud800"}', 400, "surrogate"), ({"text": "a " * 2400}, 413, "words"),
        ({"text": "x" * 6000}, 413, "bytes"), ({"sentences": [["x" * 2000]]}, 413, "letters"),
    ],
)  # fmt: skip
def test_what_cannot_be_tagged_gets_a_clear_answer(address, body, status, message):
    found, answer = ask(address, body)
    assert found == status and message in json.loads(answer)["error"]


def test_other_addresses_and_methods(address):
    assert ask(address, None, "tag")[0] == 405 and ask(address, None, "nothing")[0] == 404
    status, answer = ask(address, None, "health")
    assert status == 200 and json.loads(answer)["status"] == "ok"
    status, page = ask(address, None, "")
    assert status == 200 and b"<textarea" in page and b"http" not in page.replace(b"http-equiv", b"")


def test_concurrent_requests_get_their_own_answers_in_common_batches():
    sizes = []

    def tag(sentences):
        sizes.append(len(sentences))
        time.sleep(0.01)
        return [" ".join(words) for words in sentences]

    async def client(batcher, number):
        for turn in range(5):
            asked = [[f"{number}-{turn}-{i}", "x"] for i in range(number % 3 + 1)]
            assert await batcher.answer(asked) == [" ".join(words) for words in asked]

    async def everybody():
        batcher = Batcher(tag, together=100)
        await asyncio.gather(*[client(batcher, number) for number in range(200)])
        batcher.close()
        assert batcher.requests == 1000 and batcher.words == 0 and not batcher.waiting

    asyncio.run(everybody())
    assert sum(sizes) == sum(5 * (n % 3 + 1) for n in range(200)) and len(sizes) < 100 and max(sizes) <= 50


def test_an_error_and_an_overload_concern_those_who_asked_only():
    def tag(sentences):
        if ["bad"] in sentences:
            raise RuntimeError("no")
        return sentences

    async def story():
        batcher = Batcher(tag, together=1, most=3)
        answers = await asyncio.gather(
            batcher.answer([["bad"]]), batcher.answer([["good"]]), batcher.answer([["a", "b", "c", "d"]]),
            return_exceptions=True,
        )  # fmt: skip
        batcher.close()
        return answers

    bad, good, much = asyncio.run(story())
    assert str(bad) == "no" and good == [["good"]] and isinstance(much, Overloaded)


class Browser:
    """A headless Chromium, driven through its DevTools protocol."""

    def __init__(self, command, folder):
        client = pytest.importorskip("websockets.sync.client")
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--remote-debugging-port=0",
            f"--user-data-dir={folder}",
        ]
        self.process = subprocess.Popen([command, *options], stderr=subprocess.PIPE, text=True)
        line = next(line for line in self.process.stderr if "DevTools listening on" in line)
        port = line.split("127.0.0.1:")[1].split("/")[0]
        request = urllib.request.Request(f"http://127.0.0.1:{port}/json/new", method="PUT")
        with urllib.request.urlopen(request, timeout=30) as answer:
            self.opened = client.connect(json.load(answer)["webSocketDebuggerUrl"])
        self.socket = self.opened.__enter__()
        self.number = 0

    def send(self, method, **params):
        """One command, and its result."""
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": params}))
        while True:
            answer = json.loads(self.socket.recv(timeout=30))
            if answer.get("id") == self.number:
                return answer["result"]

    def value(self, expression):
        """What JavaScript makes of an expression in the page."""
        return self.send("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def wait(self, expression, expected):
        """Wait until an expression has this value."""
        for _ in range(100):
            found = self.value(expression)
            if found == expected:
                return
            time.sleep(0.1)
        raise AssertionError(f"{expression}: {found!r}, not {expected!r}")

    def close(self):
        """End it."""
        self.opened.__exit__(None, None, None)
        self.process.terminate()
        self.process.communicate(timeout=20)


@pytest.fixture
def browser(tmp_path):
    command = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if command is None:
        pytest.skip("there is no chromium on this machine")
    browser = Browser(command, tmp_path)
    yield browser
    browser.close()


WORDS = "[...document.querySelectorAll('.word b')].map(b => b.textContent).join(' ')"


# ------------------------------------------------ clients that leave, and the end


def connect(address):
    host, port = address.removeprefix("http://").strip("/").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def post(body, length=None):
    return b"POST /tag HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (length or len(body)) + body


@contextlib.contextmanager
def served(path, *options):
    """(the address, the process) of a service of its own."""
    command = [sys.executable, "-m", "metagrad", "tag", "serve", "--model", str(path), "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            yield server.stdout.readline().split(" at ")[1].split()[0], server
        finally:
            server.kill()
            server.communicate()


LONG = json.dumps({"sentences": [["the", "dog", "barks"] * 10] * 300}).encode()  # 9,000 words


def test_requests_whose_clients_have_left_are_not_worked_on(path):
    with served(path) as (address, _):
        for _ in range(200):
            with connect(address) as connection:
                connection.sendall(post(LONG))
        started = time.monotonic()
        status, _ = ask(address, {"text": "The dog barks."})
        assert status == 200
        waited = time.monotonic() - started
        status, answer = ask(address, None, "health")
        assert json.loads(answer)["batches"] < 100, waited


def test_half_sent_requests_do_not_keep_others_from_an_answer(path, monkeypatch):
    with served(path) as (address, _), contextlib.ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(connect(address)).sendall(b"POST /tag HTTP/1.1\r\nHost: x\r\nContent-")
        assert ask(address, {"text": "The dog barks."})[0] == 200


def test_half_sent_headers_time_out(monkeypatch):
    from metagrad.tagger.serve import server

    monkeypatch.setattr(server, "HEADERS_WITHIN", 0.2)

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def story():
        import uvicorn

        uvicorn_server = uvicorn.Server(
            uvicorn.Config(app, port=0, lifespan="off", log_level="error", http=server.protocol())
        )
        task = asyncio.create_task(uvicorn_server.serve())
        while not uvicorn_server.started:
            await asyncio.sleep(0.01)
        port = uvicorn_server.servers[0].sockets[0].getsockname()[1]
        for before in (b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(before + b"GET / HTTP/1.1\r\nHos")
            found = await asyncio.wait_for(reader.read(), 300)  # until it is closed from there
            assert (b" 200 " in found) == bool(before)
            writer.close()
        uvicorn_server.should_exit = True
        await task

    asyncio.run(story())


def test_told_to_end_it_delivers_what_is_finished_and_ends(path):
    with served(path) as (address, server), contextlib.ExitStack() as stack:
        connections = [stack.enter_context(connect(address)) for _ in range(30)]
        for connection in connections:
            connection.sendall(post(LONG))
        first = connections[0].recv(100)
        started = time.monotonic()
        server.terminate()
        answers = [first, *(connection.recv(100) for connection in connections[1:])]
        server.wait(20)
        assert all(b" 200 " in answer or b" 503 " in answer for answer in answers) and b" 200 " in first
        assert server.returncode in (0, -signal.SIGTERM), time.monotonic() - started


def whole_answer(address, data):
    """(status, body) of what is answered to these bytes until the connection is closed."""
    with connect(address) as connection:
        connection.sendall(data)
        head, _, body = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\r\n\r\n",
        b"POST /tag HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n{}",
        b"POST /tag HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"POST /tag HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nno HTTP\r\n\r\n",
    ],
)
def test_what_is_no_http_is_answered_by_json(address, request_):
    status, body = whole_answer(address, request_)
    if request_.endswith(b"no HTTP\r\n\r\n"):  # after a good request on the same connection
        assert status == 200
        status, body = 400, body.partition(b"\r\n\r\n")[2]
    assert status == 400 and "no HTTP request" in json.loads(body)["error"]


def test_a_body_in_chunks(address):
    body = b'{"text": "The dog barks."}'
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    head = b"POST /tag HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    status, answer = whole_answer(address, head + chunks)
    assert status == 200 and len(json.loads(answer)["sentences"][0]) == 4


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE"])
@pytest.mark.parametrize(("place", "status"), [("/", 200), ("/health", 200), ("/tag", 405), ("/nowhere", 404)])
def test_other_methods(address, method, place, status):
    expected = status if method == "HEAD" or status == 404 else 405
    found, body = whole_answer(address, f"{method} {place} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert found == expected and (body == b"" if method == "HEAD" else "error" in json.loads(body))


def test_places_in_the_text(address):
    text = "The \u201cdog\u201d barks.  A cat\u2026"
    sentences = json.loads(ask(address, {"text": text})[1])["sentences"]
    assert len(sentences) == 2 and all(text[w["start"] : w["end"]] == w["word"] for s in sentences for w in s)


def test_it_is_warm_before_it_says_that_it_serves(path, monkeypatch, capsys):
    from metagrad import cli
    from metagrad.tagger.serve import app, server

    told = []
    monkeypatch.setattr("metagrad.tagger.commands.serve.threadpool_limits", lambda count: None)
    monkeypatch.setattr(app, "warm", lambda model: told.append("warm"))
    monkeypatch.setattr("builtins.print", lambda *a, **k: told.append(a[0]))
    make = server.make_server

    def never_run(*arguments):
        made = make(*arguments)
        monkeypatch.setattr(made, "run", lambda sockets: [s.close() for s in sockets])
        return made

    monkeypatch.setattr(server, "make_server", never_run)
    assert cli.main(["tag", "serve", "--model", str(path), "--port", "0"]) == 0
    assert told[0] == "warm" and told[1].startswith("Serving ")


def press(browser, key):
    """A key, down and up, where the focus is."""
    text = {"text": "\r"} if key == "Enter" else {}
    codes = {"Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowRight": 39}
    for kind in ("keyDown", "keyUp"):
        browser.send("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=codes[key], **text)


def test_colours_are_of_families_of_tags(address, browser):
    browser.send("Page.navigate", url=address)
    browser.wait(WORDS, "Time flies like an arrow .")

    def same(*tags):
        return browser.value(f"new Set({json.dumps(tags)}.map(tag => colour(family(tag)))).size === 1")

    assert (
        same("NN", "NNS", "NOUN", {"UPOS": "NOUN", "FEATS": "Number=Sing"}, ["NOUN", "_"])
        and same("VB", "VBZ", "VERB", "AUX")
        and same(",", "PUNCT", "O")
    )
    assert same("B-PER", "I-PER", "E-PER", "S-PER")
    for one, other in (("ADJ", "ADV"), ("NOUN", "PROPN"), ("B-PER", "B-LOC"), ("DET", "PRON"), ("Nc", "Np")):
        assert not same(one, other)


def test_tags_of_several_columns_are_shown_column_by_column(browser, tmp_path):
    sentences = [[("the", ("DET", "_")), ("dog", ("NOUN", "Number=Sing")), ("barks", ("VERB", "Number=Sing"))]] * 8
    Tagger.train(sentences, epochs=20, hidden=8, embedding=8, dropout=0.0, lr=0.02).save(tmp_path / "m")
    with served(tmp_path / "m") as (address, _):
        browser.send("Page.navigate", url=address)
        browser.wait("document.readyState", "complete")
        browser.value("text.focus(); text.select()")
        browser.send("Input.insertText", text="the dog")
        browser.wait(
            "[...document.querySelectorAll('.word small')].map(e => e.textContent).join(' ')", "DET NOUN Number=Sing"
        )
        browser.value("document.querySelectorAll('.word')[1].click()")
        shown = "[...document.querySelectorAll('.details h2, .details h3, .details div span:first-child')].map(e => e.textContent)"
        found = browser.value(shown)
        assert found[:3] == ["dog", "1", "NOUN"] and found[found.index("2") + 1] == "Number=Sing" and "_" in found
        assert browser.value("document.querySelector('.word:nth-child(2)').title").startswith("NOUN Number=Sing: ")


def test_right_to_left_and_small_pages_do_not_overflow(address, browser):
    browser.send("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=True)
    browser.send("Page.navigate", url=address)
    browser.wait(WORDS, "Time flies like an arrow .")
    browser.value("text.focus(); text.select()")
    browser.send("Input.insertText", text="שלום " + "ארוך" * 60)
    browser.wait("document.querySelectorAll('.word').length", 2)
    browser.value("document.querySelectorAll('.word')[0].click()")
    assert browser.value("document.documentElement.scrollWidth") == 390
    first, second = browser.value("[...document.querySelectorAll('.word')].map(w => w.getBoundingClientRect().right)")
    assert first > 370 and browser.value("getComputedStyle(details).direction") == "rtl" and second <= 390


def test_the_page_in_a_browser(address, browser):
    browser.send("Page.navigate", url=address)
    browser.wait(WORDS, "Time flies like an arrow .")  # its example, tagged at once
    assert browser.value("document.getElementById('model').textContent") == "m.st"
    browser.value("text.focus(); text.select()")
    browser.send("Input.insertText", text="the cat barks")  # as if typed
    browser.wait(WORDS, "the cat barks")
    tags = browser.value("[...document.querySelectorAll('.word small')].map(s => s.textContent).join(' ')")
    assert tags == "DT NN VBZ"
    colours = browser.value(
        "[...document.querySelectorAll('.word')].map(w => getComputedStyle(w).backgroundColor).join('|')"
    )
    assert len(set(colours.split("|"))) == 3  # a kind of tag, a colour
    browser.value("document.querySelectorAll('.word')[1].click()")
    assert browser.value("details.querySelector('h2').textContent") == "cat"
    rows = browser.value("[...details.querySelectorAll('div')].map(d => d.textContent)")
    assert rows[0].startswith("NN") and len(rows) >= 2
    shares = [float(row.split("%")[0].strip().lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ.$")) for row in rows]
    assert shares == sorted(shares, reverse=True)
    assert 50 < sum(shares) <= 100.2
    assert "doubtful" in browser.value("legend.textContent") and "noun: NN" in browser.value("legend.textContent")
    browser.value("document.querySelectorAll('.word')[1].focus()")
    press(browser, "Escape")
    assert browser.value("document.querySelector('.details')") is None
    browser.value("document.querySelectorAll('.word')[0].focus()")
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "Enter"):
        press(browser, key)
    assert browser.value("details.querySelector('h2').textContent") == "cat"
    browser.value("text.focus(); text.select()")
    browser.send("Input.insertText", text="x" * 6000)
    browser.wait(
        "status.textContent.length > 0 && document.querySelectorAll('.word').length === 0", True
    )  # the limit, in words, and no old answer under it
    assert "5,000" in browser.value("document.getElementById('status').textContent")
