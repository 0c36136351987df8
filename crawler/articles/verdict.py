"""What a fetched page means for what is kept: the decision, as a Verdict. Pure: what is held is handed in, what follows is handed out.

In this order: is it an article at all; is it one we hold (by address, publisher's id, canonical link, same text); has it changed; did
another outlet run it before.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from crawler.articles.assembly import only_of_feed
from crawler.articles.bounded_diff import words_changed
from crawler.articles.near_duplicates import CONTAINED, containment, content_hash, fingerprints, shingles
from crawler.config.models import PublisherRules
from crawler.extraction.extraction import WALLS, Extraction
from crawler.text.tokens import normal
from crawler.urls import canonical_url, is_amp, is_root_or_section, site, url_key
from storage.records import COMPLETENESS, Address, AddressKind, Article, Entry, Twin, Verdict, moment

WALL_RETRIES = (1.0, 6.0, 24.0)  # hours after which a walled page is asked for again (DESIGN, Walls)
GONE_RETRIES = (1.0, 6.0, 24.0)  # some outlets list an article before its page answers
SAME_TEXT_WORDS = 60  # two addresses of one outlet with the same text merge only from here on,
SAME_TEXT_DAYS = timedelta(days=7)  # and within this time of one another
CONTAINED_AT_HOME = 0.8  # containment from which two articles of one source are one story
AGREES = 0.8  # containment from which the text that a canonical link leads to is the page's


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One answered article request: where it was asked, where it ended, and what the page says."""

    entry: Entry
    requested: str
    final: str
    hops: tuple[str, ...] = ()
    source: str | None = None
    extraction: Extraction
    article: Article | None
    grams: frozenset[int]  # of the article's text
    rechecks: tuple[float, ...] = ()
    recheck_at: datetime | None = None  # of the held article that was asked for, whatever the answer
    id_site: str = ""
    hour: float = 3600.0  # seconds that an hour of the waiting times lasts (settings.Pace)

    @cached_property
    def prints(self) -> tuple[int, ...]:
        """The fingerprints of the article's text."""
        return fingerprints(self.grams)

    @cached_property
    def addresses(self) -> tuple[Address, ...]:
        """Every address this page is known by, the feed's first."""
        found: list[Address] = []
        amp = self.extraction.is_amp
        listed: AddressKind = "requested" if self.entry.found_by == "user" else "feed"
        for kind, url in (
            (listed, self.entry.url),
            ("requested", self.requested),
            *(("requested", hop) for hop in self.hops),
            ("amp" if amp else "final", self.final),
        ):
            _add(found, kind, url)
        if self.extraction.canonical_url and not is_root_or_section(self.extraction.canonical_url):
            _add(found, "canonical", self.extraction.canonical_url)
        if self.extraction.publisher_id:
            found.append(
                Address(url_key=f"id:{self.id_site}/{self.extraction.publisher_id}", url=self.final, kind="id")
            )
        return tuple(found)


def _add(found: list[Address], kind: AddressKind, url: str) -> None:
    try:
        key = url_key(url)
    except ValueError:
        return
    if all(address.url_key != key for address in found):
        found.append(Address(url_key=key, url=url, kind=kind))
    elif kind in {"final", "amp"}:  # the address that was fetched says more than the one that was listed
        found[:] = [dataclasses.replace(a, kind=kind) if a.url_key == key else a for a in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the store holds that this page may be: looked up in the transaction that writes the verdict."""

    by_key: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    articles: Mapping[int, Article] = field(default_factory=dict)
    same_text: Sequence[Article] = ()
    twins: Sequence[Twin] = ()


def decide(visit: Visit, held: Held, *, now: datetime) -> Verdict:
    """Decide what one page is.

    Args:
        visit: the page, extracted and assembled.
        held: what it may be a version, an address or a copy of.
        now: the clock.
    """
    entry_ids = (visit.entry.id,) if visit.entry.id else ()
    if visit.article is None:
        return _no_article(visit, entry_ids, now)
    known = _find_held(visit, held)
    base = Verdict(outcome="same", at=now, entry_ids=entry_ids, addresses=visit.addresses, source=visit.source)
    if known is not None:
        known, held, absorbs = _one_of_two(visit, known, held)
        return _held_again(visit, known, held, dataclasses.replace(base, absorbs=absorbs), now)
    return _new_article(visit, held, base, now)


def _no_article(visit: Visit, entry_ids: tuple[int, ...], now: datetime) -> Verdict:
    """Not found, challenge, section page, or a wall without so much as a title in the feed: the entry stays an entry."""
    reason = visit.extraction.obstacle or "empty"
    tries = visit.entry.tries("retry")
    base = Verdict(
        outcome="rejected", at=now, entry_ids=entry_ids, reason=reason, source=visit.source, article_id=visit.entry.article_id, recheck_at=visit.recheck_at
    )  # fmt: skip
    if reason in {*WALLS, "bot challenge"} and tries < len(WALL_RETRIES):
        later = now + timedelta(hours=WALL_RETRIES[tries] * visit.hour / 3600)
        return dataclasses.replace(base, outcome="retry", retry_at=later, not_before=later)
    return base


def _find_held(visit: Visit, held: Held) -> Article | None:
    """The article that this page is another look at: by address, by the publisher's id, by a canonical link that the text confirms, by text."""
    assert visit.article is not None
    by_kind = {
        kind: [a for a in visit.addresses if a.kind == kind]
        for kind in ("id", "final", "amp", "canonical", "requested", "feed")
    }
    for kind in ("id", "final", "amp"):
        for address in by_kind[kind]:
            if (found := held.by_key.get(address.url_key)) and (
                kind == "id" or found[1] != "canonical" or _agrees(visit.article, held.articles[found[0]])
            ):
                return held.articles[found[0]]
    for kind in ("canonical", "requested", "feed"):
        for address in by_kind[kind]:
            if (found := held.by_key.get(address.url_key)) and _agrees(visit.article, held.articles[found[0]]):
                return held.articles[found[0]]
    if (
        visit.entry.article_id
        and (asked := held.articles.get(visit.entry.article_id))
        and _agrees(visit.article, asked)
    ):
        return asked
    return next((other for other in held.same_text if _same_text(visit.article, other)), None)


def _one_of_two(visit: Visit, known: Article, held: Held) -> tuple[Article, Held, int | None]:
    """Whether the held article that was asked for turned out to be another held one (its address leads there now, and the text agrees): the older of the
    two stays, the younger is absorbed; one that was edited is never, as its versions would be lost.
    """
    assert visit.article is not None
    asked = held.articles.get(visit.entry.article_id or 0)
    if asked is None or asked.id == known.id or asked.source != known.source or not _agrees(visit.article, asked):
        return known, held, None
    stays, leaves = (asked, known) if asked.id < known.id else (known, asked)
    if leaves.revision > 1:
        return known, held, None
    by_key = {key: (stays.id if found == leaves.id else found, kind) for key, (found, kind) in held.by_key.items()}
    return stays, dataclasses.replace(held, by_key=by_key), leaves.id


def _agrees(mine: Article, other: Article) -> bool:
    """Whether two texts are versions of one another; short ones by their title and text."""
    if content_hash(mine.title, None, mine.text) == content_hash(other.title, None, other.text):
        return bool(mine.title or mine.text)
    a, b = shingles(mine.text or ""), shingles(other.text or "")
    if a and b:
        return containment(a, b) >= AGREES
    return not (mine.text and other.text) and bool(mine.title) and normal(mine.title) == normal(other.title)


def _same_text(mine: Article, other: Article) -> bool:
    if mine.word_count < SAME_TEXT_WORDS or normal(mine.title) != normal(other.title) or mine.source is None:
        return False
    when, then = (mine.published_at or mine.fetched_at), (other.published_at or other.first_seen_at)
    return bool(when and then and abs(moment(when) - moment(then)) <= SAME_TEXT_DAYS)


def record_address(visit: Visit) -> str:
    """The address of record: the canonical link where it is the same address by its key, or the publisher's id confirms it; else where the request ended."""
    canonical = visit.extraction.canonical_url
    final = canonical_url(visit.final)
    if not canonical or is_root_or_section(canonical) or site(canonical) != site(final):
        return final
    if url_key(canonical) == url_key(final):
        return canonical
    rules = visit.extraction.publisher_id
    return canonical if rules and rules in canonical and rules in final else final


def _held_again(visit: Visit, known: Article, held: Held, base: Verdict, now: datetime) -> Verdict:
    """Another look at a held article: the same, an edit, a better or a worse view of it."""
    assert visit.article is not None
    new = visit.article
    base = dataclasses.replace(base, article_id=known.id, recheck_at=_next_recheck(visit, known, now))
    rank, held_rank = (COMPLETENESS.index(a.completeness) for a in (new, known))
    walled = bool(visit.extraction.obstacle) and rank == held_rank and known.completeness != "full"
    if rank < held_rank or (walled and (new.content_hash == known.content_hash or not visit.entry.id)):
        return _walled_again(visit, base, now)
    if walled:  # still walled, but the feed says something else of it
        again = _walled_again(visit, base, now)
        base = dataclasses.replace(
            base, retry_at=again.retry_at, not_before=again.not_before, reason=visit.extraction.obstacle
        )
    record = record_address(visit)
    if rank > held_rank:
        whole = dataclasses.replace(_with_story(visit, held), url=_free(record, known, held))
        return dataclasses.replace(
            base,
            outcome="new",
            replace=True,
            article=whole,
            fingerprints=visit.prints,
            reason="more of it than before",
        )
    if new.content_hash == known.content_hash:
        return _same(visit, known, base)
    if _other_view(visit, known):
        return dataclasses.replace(base, outcome="address", reason="another address of it")
    if _was_other_view(known, record):
        kept = dataclasses.replace(new, url=_free(record, known, held))
        return dataclasses.replace(
            base,
            outcome="address",
            replace=True,
            article=kept,
            fingerprints=visit.prints,
            reason="the address of record",
        )
    added, removed = words_changed(_version(known), _version(new))
    # Where a person asked for the page, no feed repeats what it said of it.
    said = only_of_feed(known, new) if visit.entry.found_by == "user" else {}
    kept = dataclasses.replace(new, url=_free(record, known, held), **said)
    silent = new.modified_at == known.modified_at
    # Another extractor reads the same page otherwise: no edit by a publisher, unless the page says so itself or has another headline.
    other = known.extractor is not None and known.extractor != new.extractor
    same_bytes = known.raw_sha256 is not None and known.raw_sha256 == new.raw_sha256
    reread = other and (same_bytes or (silent and normal(known.title) == normal(new.title)))
    return dataclasses.replace(
        base,
        outcome="revised",
        article=kept,
        fingerprints=visit.prints,
        silent=silent and not reread,
        cause="reprocess" if reread else "publisher",
        words_added=added,
        words_removed=removed,
    )


def _walled_again(visit: Visit, base: Verdict, now: datetime) -> Verdict:
    """A page that shows less than what is held, or the same wall again: nothing is learned of the article, and a wall is asked again."""
    obstacle = visit.extraction.obstacle
    base = dataclasses.replace(base, worse=True, reason=obstacle and f"{obstacle}; what is held is kept")
    tries = visit.entry.tries("headline")
    if not obstacle or not visit.entry.id or tries >= len(WALL_RETRIES):
        return base
    later = now + timedelta(hours=WALL_RETRIES[tries] * visit.hour / 3600)
    return dataclasses.replace(base, outcome="headline", retry_at=later, not_before=later)


def _was_other_view(known: Article, record: str) -> bool:
    """Whether the kept text was taken from an AMP page or another address than the one of record, which is the one seen now."""
    if not known.page_url:
        return False
    if url_key(known.page_url) == url_key(known.url):
        return is_amp(known.page_url) and not is_amp(record)
    return url_key(record) == url_key(known.url)


def _same(visit: Visit, known: Article, base: Verdict) -> Verdict:
    """Nothing changed; but the page at the address of record is preferred to another view of it, for its other fields."""
    assert visit.article is not None
    first_at_record = (
        known.page_url and url_key(known.page_url) != url_key(known.url) and url_key(visit.final) == url_key(known.url)
    )
    promoted = (
        known.url != record_address(visit)
        and visit.extraction.canonical_url
        and url_key(visit.extraction.canonical_url) == url_key(visit.final)
        and url_key(visit.final) != url_key(known.url)
    )
    if (first_at_record or promoted) and not visit.extraction.is_amp:
        return dataclasses.replace(
            base,
            outcome="address",
            replace=True,
            article=dataclasses.replace(visit.article, url=record_address(visit)),
            reason="the address of record",
        )
    if any(url_key(visit.final) == a.url_key for a in base.addresses) and url_key(visit.final) != url_key(known.url):
        return dataclasses.replace(base, outcome="address", reason="another address of it")
    return base


def _other_view(visit: Visit, known: Article) -> bool:
    """An AMP, print or redirected view of the held page: it says so by its canonical link, or by its address."""
    amp = visit.extraction.is_amp or is_amp(visit.final)
    if url_key(visit.final) == url_key(known.url):
        return amp and not is_amp(known.page_url or known.url)
    canonical = visit.extraction.canonical_url
    return amp or bool(canonical and url_key(canonical) == url_key(known.url))


def _free(record: str, known: Article, held: Held) -> str:
    """The address of record moves with the publisher (a new slug), but not for a mere variant of it, nor to another article's."""
    owner = held.by_key.get(url_key(record))
    if url_key(record) == url_key(known.url) or (owner is not None and owner[0] != known.id):
        return known.url
    return record


def _version(article: Article) -> dict[str, str | None]:
    return {"title": article.title, "subtitle": article.subtitle, "text": article.text}


def prints_of(article: Article) -> tuple[int, ...]:
    """The fingerprints of an article's text."""
    return fingerprints(shingles(article.text or ""))


def _new_article(visit: Visit, held: Held, base: Verdict, now: datetime) -> Verdict:
    """Not held: a new article, with its story and the original it copies, if another outlet ran it before."""
    taken = held.by_key.get(url_key(record := record_address(visit)))
    url = canonical_url(visit.final) if taken and taken[1] != "canonical" else record
    article = dataclasses.replace(_with_story(visit, held), url=url)
    verdict = dataclasses.replace(
        base,
        outcome="new",
        article=article,
        fingerprints=visit.prints,
        recheck_at=_next_recheck(visit, None, now),
    )
    if article.completeness == "full":
        return verdict
    tries = visit.entry.tries("headline")
    later = (
        now + timedelta(hours=WALL_RETRIES[tries] * visit.hour / 3600)
        if tries < len(WALL_RETRIES) and visit.extraction.obstacle
        else None
    )
    return dataclasses.replace(
        verdict,
        outcome="headline",
        reason=visit.extraction.obstacle or f"only a {article.completeness}",
        retry_at=later,
        not_before=later,
    )


def _with_story(visit: Visit, held: Held) -> Article:
    """The page's article, with the story that its text belongs to and the other outlet's article that it copies."""
    assert visit.article is not None
    original = _original(visit, held.twins)
    if original is None:
        return visit.article
    elsewhere = original.source != visit.source and site(original.url) != site(visit.final)
    return dataclasses.replace(
        visit.article, story_id=original.story_id, duplicate_of=original.id if elsewhere else None
    )


def _original(visit: Visit, twins: Sequence[Twin]) -> Twin | None:
    """The held text that contains this one, or is contained in it; the fullest match, the oldest of equals.

    Of the article's own source nearly all must agree: its articles share a footer, and a desk repeats its background paragraphs.
    """
    measured = [(containment(visit.grams, shingles(twin.text)), -twin.id, twin) for twin in twins]
    alike = [
        found
        for found in measured
        if found[0] >= (CONTAINED_AT_HOME if visit.source and found[2].source == visit.source else CONTAINED)
    ]
    return max(alike, key=lambda found: found[:2])[2] if alike else None


def _next_recheck(visit: Visit, known: Article | None, now: datetime) -> datetime | None:
    seen = moment(known.first_seen_at) if known and known.first_seen_at else now
    return next_recheck(visit.rechecks, seen, now)


def next_recheck(ages: Sequence[float], seen: datetime, now: datetime) -> datetime | None:
    """The next age, in seconds, at which an article is asked for again, counted from when it was first seen; None after the last."""
    return next((due for age in ages if (due := seen + timedelta(seconds=age)) > now), None)


def rules_site(source_id: str | None, url: str, rules: PublisherRules) -> str:
    """What a publisher's ids are counted by: the source, else the site."""
    return (source_id or site(url)) if rules.id else ""
