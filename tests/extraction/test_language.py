"""The language of a text, where it is plain, corrects what the page declares."""

from __future__ import annotations

import pytest

from crawler.extraction.language import contradicts, text_language
from tests.extraction.pages import PROSE, TITLES, cases, grid, news, p, read, same, whole

TEXTS = {
    "en": "The harbour board voted on Tuesday to dredge the western basin before the winter storms arrive, and it said that the work would be paid for by the city and not by the people who use the ferries every day, as they had feared.",
    "de": "Der Hafenrat hat am Dienstag beschlossen, das westliche Becken noch vor den Winterstürmen auszubaggern, und er sagte, dass die Stadt und nicht die Leute, die jeden Tag mit den Fähren fahren, für die Arbeiten bezahlen wird, wie sie es befürchtet hatten.",
    "fr": "Le conseil du port a décidé mardi de draguer le bassin ouest avant les tempêtes de l'hiver, et il a dit que les travaux seraient payés par la ville et non par les gens qui prennent le bac tous les jours, comme ils l'avaient craint.",
    "es": "El consejo del puerto decidió el martes dragar la dársena del oeste antes de las tormentas del invierno, y dijo que las obras las pagará la ciudad y no la gente que toma el barco todos los días, como se había temido.",
    "ru": "Совет порта во вторник решил углубить западный бассейн до начала зимних штормов и сообщил, что работы оплатит город, а не люди, которые каждый день ездят на паромах, как они этого опасались, и что всё будет готово уже к концу года.",
    "zh": "港务委员会星期二决定在冬季风暴到来之前疏浚西港池，并表示工程费用将由市政府承担，而不是由每天乘坐渡轮的居民支付。",
    "ja": "港湾委員会は火曜日、冬の嵐が来る前に西側の船だまりを浚渫することを決め、費用は毎日フェリーを使う住民ではなく市が負担すると述べた。",
    "th": "คณะกรรมการท่าเรือลงมติเมื่อวันอังคารให้ขุดลอกแอ่งตะวันตกก่อนพายุฤดูหนาวจะมาถึง และกล่าวว่าเมืองจะเป็นผู้จ่าย",
}


@pytest.mark.parametrize("language", TEXTS)
def test_a_plain_text_is_told(language: str) -> None:
    assert text_language(TEXTS[language]) == language


def test_the_text_corrects_the_page_and_nothing_else() -> None:
    assert contradicts(TEXTS["de"], "en-US") == "de"
    assert contradicts(TEXTS["zh"], "en") == "zh"
    for language, text in TEXTS.items():
        assert contradicts(text, f"{language}-XX") is None
    assert contradicts("Foto: dpa", "en") is None
    assert text_language("") is None


SAID = {
    "lang": ("{0}", ""),
    "lang with a country": ("{0}-US", ""),
    "og:locale": ("", '<meta property="og:locale" content="{0}_US">'),
    "json-ld": ("", '<script type="application/ld+json">{{"@type": "NewsArticle", "headline": "{1}", "inLanguage": "{0}"}}</script>'),
    "meta": ("", '<meta http-equiv="content-language" content="{0}"><meta name="language" content="{0}">'),
    "nothing": ("", ""),
}  # fmt: skip
SCRIPTS = ("ru", "el", "ar", "ja")


@pytest.mark.parametrize(("language", "said", "declared"), grid(same(*SCRIPTS), SAID, same("en", "de")))
def test_a_template_in_another_language_does_not_decide(language: str, said: tuple[str, str], declared: str) -> None:
    lang, head = (part.format(declared, TITLES[language]) for part in said)
    body = f"<article><h1>{TITLES[language]}</h1>{p(*PROSE[language])}</article>"
    assert read(whole(body, title=TITLES[language], lang=lang, head=head)).language == language


BRIEFS = {
    "ru": "Снег на шесть часов закрыл аэропорт. Отложены девять рейсов.",
    "uk": "Сніг на шість годин закрив аеропорт. Відкладено дев'ять рейсів, повідомили її працівники.",
    "el": "Το χιόνι έκλεισε το αεροδρόμιο για έξι ώρες. Εννέα πτήσεις αναβλήθηκαν.",
    "ar": "أغلقت الثلوج المطار ست ساعات. وتأجلت تسع رحلات.",
    "ja": "雪のため空港は六時間閉鎖された。九便が遅れた。",
    "he": "השלג סגר את שדה התעופה לשש שעות. תשע טיסות נדחו.",
}


@pytest.mark.parametrize("language", cases(same(*BRIEFS)))
def test_the_script_of_a_brief_is_evidence(language: str) -> None:
    """Fewer words than the word lists need: what is in Cyrillic or Arabic is not English."""
    head = news("2026", datePublished="2026-11-20")
    found = read(whole(f"<article><h1>2026</h1><p>{BRIEFS[language]}</p></article>", title="2026", head=head))
    assert found.language != "en"


@pytest.mark.parametrize("language", ["en", "de", "ru", "el", "ja"])
def test_a_right_label_stays(language: str) -> None:
    quoted = p(*PROSE[language], PROSE["fr"][0])
    body = f"<article><h1>{TITLES[language]}</h1>{quoted}</article>"
    assert read(whole(body, title=TITLES[language], lang=f"{language}-XX")).language == f"{language}-XX"
