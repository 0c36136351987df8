"""The language of a text, where it is plain, corrects what the page declares."""

from __future__ import annotations

import pytest

from crawler.extraction.language import contradicts, text_language

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
