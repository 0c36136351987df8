"""From an edit to its receiver: the command, a crawl, a real webhook."""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from crawler.watches.receivers import DeliveryError, deliver, receiver_hash, redact, signature
from storage.outbox import Outbox
from storage.utc import format_utc
from storage.writer import open_writer
from tests.conftest import NOW, Desk, Done, source
from tests.outputs.test_exports import article, put, verdict
from tests.running import SCHEDULE, Running, until
from tests.site import Answer, Site, story
from tests.test_examples import blocks
from tests.watches.receiver import Receiver, delivery


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


class CrawlsApart(Desk):
    """Two crawls are never in the same second, as entries of a feed's first second are no news."""

    def run(self, *arguments: str, stdin: str = "", timeout: float = 100) -> Done:
        done = super().run(*arguments, stdin=stdin, timeout=timeout)
        ended = int(time.time())
        until(lambda: arguments[0] != "crawl" or int(time.time()) > ended)
        return done


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return CrawlsApart(tmp_path)


def watch(receiver: Receiver, *, more: str = "", query: str = "", on: str = '"new"') -> str:
    return f'[[watch]]\nname = "w"\nquery = "{query}"\non = [{on}]\nmax_age = "9999d"\nmin_words = 1\nnotify = ["{receiver.url}"]\n{more}\n'


def test_a_silent_edit_is_told_within_one_recheck(
    desk: Desk, site: Site, receiver: Receiver, start: Callable[..., Running]
) -> None:
    site.news(3)
    often = f'{SCHEDULE}recheck = ["3s"]\n'
    desk.configure(source(site), watch(receiver, on='"edited", "silent"'), extra=often, hour=6)
    running = start()
    assert until(lambda: len(running.rows("SELECT id FROM articles")) == 3), running.text()
    changed = [*story(1)[:-1], "The minister now says something quite different about the harbour and its bridge."]
    site.page("/2026/11/20/story-number-1", "Story number 1 of the week", changed)
    assert until(lambda: receiver.hits, 20), running.text()
    hit = receiver.hits[0]
    assert (hit["event"], hit["silent"], hit["title"]) == ("silent", True, "Story number 1 of the week")
    assert receiver.headers[0]["idempotency-key"] == receiver.got[0]["id"]
    assert "s3cret" not in running.text()
    assert "s3cret" not in str(desk.rows("SELECT * FROM notifications"))


def test_a_crawl_of_one_pass_tells_at_its_end_and_a_first_one_is_quiet(
    desk: Desk, site: Site, receiver: Receiver
) -> None:
    site.news(5)
    desk.configure(source(site), watch(receiver))
    assert desk.run("crawl").code == 0
    assert receiver.got == []
    quiet = desk.run("watch", "test", "w")
    assert "0 things would have been notified" in quiet.err
    assert "5 of a first crawl" in quiet.err
    with open_writer(desk.database) as store:  # a storm
        for n in range(500):
            put(
                store,
                verdict(
                    n,
                    article(
                        n, f"Storm {n}", f"The harbour, for the {n}th time.", published_at=format_utc(datetime.now(UTC))
                    ),
                ),
            )
    assert desk.run("crawl").code == 0
    assert [(body["count"], body["more"]) for body in receiver.got] == [(500, 0)]
    assert desk.run("crawl").code == 0
    assert len(receiver.got) == 1
    told = desk.run("watch", "test", "w", "--since", "2026-11-01", "--json")
    assert len(json.loads(told.out)) == 500
    assert "500 things" in told.err
    listed = desk.run("watch", "list", "--json")
    assert json.loads(listed.out)[0]["sent"] == 1
    assert "s3cret" not in listed.out


def test_a_receiver_that_was_down_gets_all_of_it_once(
    desk: Desk, site: Site, receiver: Receiver, start: Callable[..., Running]
) -> None:
    site.news(2)
    desk.configure(source(site), watch(receiver), extra=SCHEDULE, hour=6)
    receiver.status = 503
    running = start()
    assert until(lambda: len(running.rows("SELECT id FROM articles")) == 2), running.text()
    for n in range(3, 5):
        site.news(n)
        assert until(lambda n=n: len(running.rows("SELECT id FROM articles")) == n), running.text()  # type: ignore[misc]
    assert until(lambda: receiver.tries >= 3), running.text()
    assert receiver.got == []
    receiver.status = 200
    assert until(lambda: len(receiver.hits) == 2, 30), running.text()
    assert len({body["id"] for body in receiver.got}) == len(receiver.got)
    assert running.stop() == 0
    assert len(receiver.hits) == len({hit["id"] for hit in receiver.hits}) == 2
    assert "503; it is tried again" in running.text()


def test_a_receiver_that_hangs_holds_up_no_crawl(desk: Desk, site: Site, receiver: Receiver) -> None:
    site.news(1)
    desk.configure(source(site), watch(receiver))
    desk.run("crawl")
    receiver.delay = 60
    site.news(2)
    done = desk.run("crawl", timeout=30)
    assert done.code == 0
    assert "does not answer" in done.err
    assert desk.rows("SELECT attempts, sent_at FROM notifications") == [{"attempts": 1, "sent_at": None}]


def test_a_command_gets_the_document_on_its_stdin(desk: Desk, site: Site, receiver: Receiver) -> None:
    taker = desk.folder / "take.py"
    taker.write_text(
        "import json, os, sys, pathlib\npathlib.Path(sys.argv[1]).write_text(json.load(sys.stdin)['title'] + os.environ['NEWSDESK_TEXT'])\n"
    )
    command = f'notify = ["exec:{sys.executable} {taker} {desk.folder / "taken.txt"}", "exec:false"]'
    site.news(1)
    desk.configure(source(site), watch(receiver).replace(f'notify = ["{receiver.url}"]', command))
    desk.run("crawl")
    site.news(2)
    done = desk.run("crawl")
    assert (desk.folder / "taken.txt").exists(), done.err
    assert (desk.folder / "taken.txt").read_text().startswith("w: 1 neww: 1 new\n- new: Story number 1")
    assert "exec:false ended with 1; it is tried again" in done.err
    sent = desk.rows(
        "SELECT sent_at IS NOT NULL AS sent, next_attempt_at IS NOT NULL AS waiting FROM notifications ORDER BY id"
    )
    assert sorted((row["sent"], row["waiting"]) for row in sent) == [(0, 1), (1, 0)]


def test_health_tells_of_a_gap_once(desk: Desk, site: Site, receiver: Receiver) -> None:
    site.news(1)
    desk.configure(source(site), extra=f'[health]\nnotify = ["{receiver.url}"]\n')
    desk.run("crawl")
    assert receiver.got == []
    with open_writer(desk.database) as store:
        store.db.conn.execute(
            "INSERT INTO gaps (feed_url, source, from_at, to_at, found_at) VALUES ('https://f', 'post', '2026-11-20T00:00:00Z', '2026-11-21T00:00:00Z', ?)",
            (format_utc(NOW),),
        )
        store.db.conn.commit()
    desk.run("crawl")
    desk.run("crawl")
    assert [body["newsdesk"] for body in receiver.got] == ["health"]
    assert "post: a gap between 2026-11-20T00:00:00Z" in receiver.got[0]["text"]


def test_what_goes_wrong_is_said_in_one_line_and_without_secrets(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def why(where: str) -> str:
        with pytest.raises(DeliveryError) as caught:
            deliver(where, delivery('{"title": "t", "text": "x"}'))
        assert "s3cret" not in str(caught.value)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    receiver.status = 302
    assert "name where it leads to" in why(receiver.url)
    assert receiver.tries == 1
    receiver.status = 500
    assert "answered 500" in why(receiver.url)
    assert "refused" in why("http://127.0.0.1:9/s3cret")
    assert "NEWS_HOOK is not set" in why("env:NEWS_HOOK")
    monkeypatch.setenv("NEWS_HOOK", receiver.url)
    assert "answered 500" in why("env:NEWS_HOOK")
    assert "No such file" in why("exec:/no/such/program s3cret")
    assert "ended with 3: told" in why('exec:sh -c "echo told >&2; exit 3"')
    assert "knows no such receiver" in why("nosuch://s3cret")
    assert redact("https://user:s3cret@hooks.example.org/s3cret") == "https://hooks.example.org/…"
    assert redact("tgram://s3cret/1") == "tgram://…"
    assert receiver_hash("a") != receiver_hash("b")
    monkeypatch.setitem(sys.modules, "apprise", None)
    assert "pip install apprise" in why("tgram://s3cret/1")


def test_a_user_and_a_password_go_into_a_header_and_nowhere_else(receiver: Receiver) -> None:
    url = receiver.url.replace("http://", "http://us%40er:s3cret@")
    deliver(url, delivery("{}"))
    assert receiver.headers[0]["authorization"] == f"Basic {base64.b64encode(b'us@er:s3cret').decode()}"
    assert receiver.headers[0]["host"] == urlsplit(receiver.url).netloc
    for wrong in (
        "http://user:s3cret@127.0.0.1:port/x",
        "http://[::zz/s3cret",
        "http://127.0.0.1/a\x01s3cret",
        "http://s3cret@:80/",
    ):
        with pytest.raises(DeliveryError) as caught:
            deliver(wrong, delivery("{}"))
        assert "s3cret" not in str(caught.value)


def test_a_receiver_can_be_tried(desk: Desk, site: Site, receiver: Receiver) -> None:
    site.news(1)
    desk.configure(source(site), watch(receiver))
    desk.run("crawl")
    done = desk.run("watch", "test", "w", "--send")
    assert (done.code, "sent to http://127.0.0.1" in done.err) == (0, True)
    assert receiver.got[0]["title"] == "w: nothing was found; this is a try"
    receiver.status = 500
    done = desk.run("watch", "test", "w", "--send")
    assert (done.code, "not sent" in done.err, "s3cret" in done.err) == (1, True, False)
    assert desk.rows("SELECT 1 FROM notifications") == []


def test_what_fetch_finds_is_told_by_the_next_crawl(desk: Desk, site: Site, receiver: Receiver) -> None:
    site.news(1)
    desk.configure(source(site), watch(receiver))
    desk.run("crawl")
    url = site.page("/2026/11/21/by-hand", "By hand", story(9))
    assert desk.run("fetch", url).code == 0
    assert receiver.got == []
    desk.run("crawl")
    assert [hit["title"] for hit in receiver.hits] == ["By hand"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('sources = ["pots"]', "did you mean 'post'"),
        ('tags = ["nope"]', "has the tag 'nope'"),
        ('query = "---"', "holds no word"),
    ],
)
def test_a_watch_that_can_never_speak_is_told(desk: Desk, site: Site, more: str, words: str) -> None:
    site.news(1)
    desk.configure(source(site), f'[[watch]]\nname = "w"\n{more}\n')
    for arguments in (["config", "check"], ["crawl"], ["watch", "test", "w"], ["doctor"]):
        done = desk.run(*arguments)
        assert words in done.err + done.out, arguments


def test_the_settings_show_receivers_without_what_is_secret(desk: Desk) -> None:
    desk.configure(extra='[health]\nnotify = ["https://hooks.example.org/s3cret", "exec:tell s3cret", "env:HOOK"]\n')
    done = desk.run("config", "show", "--origin")
    assert 'notify = ["https://hooks.example.org/…", "exec:tell", "env:HOOK"]' in done.out
    assert "s3cret" not in done.out


def test_apprise_delivers(receiver: Receiver) -> None:
    pytest.importorskip("apprise")
    deliver(receiver.url.replace("http://", "json://").split("?")[0], delivery('{"title": "t", "text": "x"}'))
    assert receiver.got[0]["title"] == "t"


def test_messages_of_a_watch_that_is_no_more_are_not_sent_and_old_ones_are_forgotten(
    desk: Desk, site: Site, receiver: Receiver
) -> None:
    site.news(1)
    desk.configure(source(site), watch(receiver))
    desk.run("crawl")
    receiver.status = 500
    site.news(2)
    desk.run("crawl")
    receiver.status = 200
    desk.configure(source(site), watch(receiver).replace(receiver.url, "exec:true"))
    with open_writer(desk.database) as store:
        store.db.conn.execute("UPDATE notifications SET next_attempt_at = created_at")
        store.db.conn.commit()
    desk.run("crawl")
    assert receiver.got == []
    row = desk.rows("SELECT error, next_attempt_at FROM notifications")[0]
    assert row == {"error": "its receiver is in the configuration no more", "next_attempt_at": None}
    with open_writer(desk.database) as store:
        Outbox(store).forget(NOW.replace(year=2100))
    assert desk.rows("SELECT id FROM notifications") == []


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('name = "w"\nnotify = ["just words"]', "is no receiver"),
        ('name = "w"\non = ["changed"]', "is no event"),
        ('name = "w"\non = []', "names no event"),
        ('name = "w"\ndigest = "weekly"', "instant"),
        ('name = "w"\n[[watch]]\nname = "w"', "two watches have the name"),
    ],
)
def test_a_watch_that_cannot_be_is_refused_with_its_line(desk: Desk, table: str, words: str) -> None:
    desk.configure(f"[[watch]]\n{table}\n")
    done = desk.run("config", "check")
    assert done.code == 3
    assert words in done.err
    assert len(done.err.splitlines()) == 1


def test_a_watch_that_nobody_named_is_told(desk: Desk, site: Site) -> None:
    desk.configure(source(site))
    assert "no watches configured" in desk.run("watch", "list").err
    done = desk.run("watch", "test", "nope")
    assert (done.code, "no watch is called 'nope'" in done.err) == (2, True)


def test_several_watches_of_one_receiver_are_all_told_at_the_end_of_a_crawl(
    desk: Desk, site: Site, receiver: Receiver
) -> None:
    site.news(1)
    three = "".join(watch(receiver).replace('"w"', f'"w{n}"') for n in range(3))
    desk.configure(source(site), three)
    desk.run("crawl")
    site.news(2)
    desk.run("crawl")
    assert sorted(body["watch"] for body in receiver.got) == ["w0", "w1", "w2"]


def test_the_first_item_of_a_feed_that_was_empty_is_news(desk: Desk, site: Site, receiver: Receiver) -> None:
    site.answers["/feed.xml"] = Answer(
        b'<rss version="2.0"><channel><title>P</title><item><title>No address</title></item></channel></rss>',
        kind="application/rss+xml",
    )
    desk.configure(source(site), watch(receiver))
    desk.run("crawl")
    assert desk.rows("SELECT first_success_at IS NOT NULL AS ok FROM feeds") == [{"ok": 1}]
    time.sleep(1)
    site.news(1)
    desk.run("crawl")
    assert [hit["title"] for hit in receiver.hits] == ["Story number 0 of the week"]


def test_what_a_command_leaves_behind_or_says_holds_nothing_up() -> None:
    body = json.dumps({"title": "t", "text": "Ж" * 70_000})
    began = time.monotonic()
    deliver("exec:sh -c 'sleep 20 & exit 0'", delivery(body))
    assert time.monotonic() - began < 18
    deliver("exec:sh -c 'head -c 50000000 /dev/zero'", delivery(body))


@pytest.mark.parametrize(
    "address",
    [
        "https://h.example/hook/user@s3cret",
        "https://h.example?token=s3cret",
        "HTTPS://u:s3cret@h.example/x",
        "hooks.example.org/services/s3cret",
        "https://h.example:s3cret/x",
        "tgram://s3cret/x",
    ],
)
def test_no_form_of_an_address_shows_what_is_secret(address: str) -> None:
    assert "s3cret" not in redact(address)


def test_a_look_that_fails_is_told_and_the_crawl_ends_well(desk: Desk, site: Site, receiver: Receiver) -> None:
    site.news(1)
    desk.configure(source(site), watch(receiver))
    desk.run("crawl")
    with open_writer(desk.database) as store:
        store.db.conn.execute("UPDATE meta SET value = 'x' WHERE key = 'watch_cursor'")
        store.db.conn.commit()
    assert desk.run("crawl").code == 0
    site.news(2)
    assert desk.run("crawl").code == 0
    assert [hit["title"] for hit in receiver.hits] == ["Story number 1 of the week"]


def test_a_webhook_is_signed_and_has_its_headers(
    receiver: Receiver, desk: Desk, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receiver of docs/watches.md, in ten lines, accepts what newsdesk signed and nothing else."""
    site.news(2)
    secret = 'secret = "env:HOOK_SECRET"\nheaders = { Authorization = "env:HOOK_TOKEN", X-Desk = "world" }'
    desk.configure(source(site), watch(receiver, more=secret))
    desk.run("crawl")
    unset = desk.run("config", "check")
    assert unset.code == 3
    assert "watch 'w' cannot send: the environment variable HOOK_SECRET is not set" in unset.err
    desk.env |= {"HOOK_SECRET": "kept", "HOOK_TOKEN": "Bearer t0ken"}
    assert desk.run("config", "check").code == 0
    assert desk.run("watch", "test", "w", "--send").code == 0
    headers, body = receiver.headers[0], receiver.bodies[0]
    assert (headers["authorization"], headers["x-desk"]) == ("Bearer t0ken", "world")
    documented = next(block for block in blocks("watches.md", "python") if "compare_digest" in block[1])[1]
    names: dict[str, Any] = {}
    exec(compile(documented, "watches.md", "exec"), names)  # noqa: S102 - our own document
    genuine = names["is_genuine"]
    monkeypatch.setenv("HOOK_SECRET", "kept")
    at = headers["newsdesk-timestamp"]
    assert genuine(headers, body)
    assert not genuine(headers, body + b" ")
    assert not genuine({**headers, "newsdesk-timestamp": str(int(at) + 1)}, body)
    old = str(int(at) - 3600)
    assert not genuine({"newsdesk-timestamp": old, "newsdesk-signature": signature("kept", old, body)}, body)
    assert not genuine({}, body)


@pytest.mark.parametrize(
    ("notify", "why"),
    [
        ("exec:no-such-command-here --now", "there is no such command"),
        ("exec:'unclosed", "No closing quotation"),
        ("env:NOT_SET", "NOT_SET is not set"),
        ("http://x:99999/hook", "its URL cannot be requested"),
        ("nosuchservice://x", "Apprise"),
    ],
)
def test_a_watch_that_cannot_send_fails_config_check(desk: Desk, site: Site, notify: str, why: str) -> None:
    desk.configure(source(site), f'[[watch]]\nname = "w"\nquery = "x"\nnotify = ["{notify}"]\n')
    done = desk.run("config", "check")
    assert done.code == 3
    assert "watch 'w' cannot send" in done.err
    assert why in done.err


def test_watch_test_shows_some_of_what_is_not_sent(desk: Desk, site: Site, receiver: Receiver) -> None:
    site.news(5)
    desk.configure(source(site), watch(receiver))
    desk.run("crawl")
    done = desk.run("watch", "test", "w")
    assert "matched but not sent: 5 of a first crawl" in done.err
    assert done.err.count("not sent, of a first crawl: ") == 3
    assert "Story number 1 of the week" in done.err
