from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.articles.bounded_diff import count_changed_words
from crawler.articles.near_duplicates import (
    MAX_FINGERPRINTS,
    containment,
    content_hash,
    fingerprints,
    group_stories,
    shingles,
)
from tests.site import story

LONG = "\n\n".join(story(1, 12))


def test_a_briefs_sample_stands_in_its_long_versions_text() -> None:
    brief = "\n\n".join(story(1, 12)[:2])
    assert containment(shingles(brief), shingles(LONG)) > 0.9
    assert len(set(fingerprints(shingles(brief))) & set(shingles(LONG))) >= 2


def test_group_stories_groups_a_cut_and_edited_copy_and_nothing_else() -> None:
    copy = "A lead that was written anew by the other desk.\n\n" + "\n\n".join(story(1, 12)[1:6])
    found = group_stories([("a", LONG), ("b", "\n\n".join(story(2, 12))), ("c", copy), ("d", "Too short.")])
    assert found == {"a": "a", "b": "b", "c": "a", "d": "d"}


def test_unspaced_scripts_are_grouped_by_characters() -> None:
    text = "历时六年建设的跨海大桥将于本周五正式通车，大桥管理局周三宣布了这一消息。大桥全长二十二公里，连接港口与南岸工业区。"
    assert group_stories([(1, text), (2, text[:40])]) == {1: 1, 2: 1}


def test_words_changed_counts_both_ways() -> None:
    assert count_changed_words(
        {"title": "a b c", "text": "one two three"}, {"title": "a b c", "text": "one four three five"}
    ) == (2, 1)


def test_spaces_do_not_make_a_version() -> None:
    assert content_hash("a", None, "b  c\n\nd") == content_hash("a ", None, "b c d")
    assert content_hash("a", None, "b") != content_hash("a", None, "c")


@given(st.text(max_size=300))
def test_fingerprints_are_few_and_from_the_text(text: str) -> None:
    grams = shingles(text)
    prints = fingerprints(grams)
    assert len(prints) <= MAX_FINGERPRINTS
    assert set(prints) <= grams


def test_the_given_stories(corpus: Path) -> None:
    rows = [
        json.loads(line)
        for line in (corpus / "corpus" / "duplicates" / "stories.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    found = group_stories((str(r["id"]), r["text"]) for r in rows)
    base = [r for r in rows if r["role"] == "base"]
    pairs = [(a, b) for i, a in enumerate(base) for b in base[i + 1 :] if a["cluster"] == b["cluster"]]
    hit = sum(found[str(a["id"])] == found[str(b["id"])] for a, b in pairs)
    wrong = sum(
        found[str(a["id"])] == found[str(b["id"])]
        for i, a in enumerate(rows)
        for b in rows[i + 1 :]
        if a["cluster"] != b["cluster"]
    )
    assert hit / len(pairs) >= 0.95
    assert hit / max(1, hit + wrong) >= 0.95


STORIES = {
    "zh": (
        "港务委员会星期二决定在冬季风暴到来之前疏浚西港池，并表示工程费用将由市政府承担，而不是由每天乘坐渡轮的居民支付。市长说，第一批挖泥船将在下月初抵达，全部工程预计在春节前完成。渔民代表对此表示欢迎，但担心施工会影响捕捞。",
        "气象局星期三发布暴雨预警，预计未来三天南部山区将出现持续强降雨，部分地区累计雨量可能超过三百毫米。当地学校已经停课，铁路部门宣布停运十二趟列车，并要求沿河居民提前转移到地势较高的安置点，救援队伍已经待命。",
    ),
    "ja": (
        "港湾委員会は火曜日、冬の嵐が来る前に西側の船だまりを浚渫することを決め、費用は毎日フェリーを使う住民ではなく市が負担すると述べた。市長によると、最初の浚渫船は来月初めに到着し、工事は年度末までに終わる見通しだ。漁業者は歓迎する一方、漁への影響を心配している。",
        "気象庁は水曜日、南部の山間部で今後三日間にわたり激しい雨が続くとして警報を発表した。場所によっては雨量が三百ミリを超える恐れがあり、学校は休校となり、鉄道は十二本の列車の運休を決めた。川沿いの住民には早めの避難が呼びかけられている。",
    ),
    "ru": (
        "Совет порта во вторник решил углубить западный бассейн до начала зимних штормов и сообщил, что работы оплатит город, а не жители, которые каждый день ездят на паромах. По словам мэра, первые землечерпалки придут в начале следующего месяца, а закончить работы должны к весне. Рыбаки решение поддержали, но опасаются за улов.",
        "Метеорологи в среду предупредили о сильных дождях, которые будут идти в южных горах ближайшие три дня. Местами выпадет более трёхсот миллиметров осадков, школы закрыты, железная дорога отменила двенадцать поездов. Жителей прибрежных улиц просят заранее перебраться в безопасные места, спасатели находятся в готовности.",
    ),
    "ar": (
        "قرر مجلس الميناء يوم الثلاثاء تعميق الحوض الغربي قبل وصول عواصف الشتاء وقال إن المدينة ستدفع تكاليف العمل وليس السكان الذين يستخدمون العبارات كل يوم. وقال رئيس البلدية إن أولى الجرافات ستصل في بداية الشهر المقبل وإن العمل سينتهي قبل الربيع. ورحب الصيادون بالقرار لكنهم يخشون على موسم الصيد.",
        "حذرت هيئة الأرصاد يوم الأربعاء من أمطار غزيرة تستمر ثلاثة أيام في الجبال الجنوبية وقد تتجاوز في بعض المناطق ثلاثمئة مليمتر. وأغلقت المدارس أبوابها وألغت السكك الحديدية اثني عشر قطارا وطلبت السلطات من سكان ضفاف النهر الانتقال مبكرا إلى أماكن مرتفعة بينما تقف فرق الإنقاذ على أهبة الاستعداد.",
    ),
    "th": (
        "คณะกรรมการท่าเรือลงมติเมื่อวันอังคารให้ขุดลอกแอ่งตะวันตกก่อนพายุฤดูหนาวจะมาถึง และกล่าวว่าเมืองจะเป็นผู้จ่ายค่าใช้จ่าย ไม่ใช่ประชาชนที่ใช้เรือข้ามฟากทุกวัน นายกเทศมนตรีกล่าวว่าเรือขุดลำแรกจะมาถึงต้นเดือนหน้าและงานจะเสร็จก่อนฤดูใบไม้ผลิ ชาวประมงยินดีแต่กังวลเรื่องการจับปลา",
        "กรมอุตุนิยมวิทยาเตือนเมื่อวันพุธว่าจะมีฝนตกหนักต่อเนื่องสามวันในเทือกเขาทางใต้ บางพื้นที่อาจมีฝนเกินสามร้อยมิลลิเมตร โรงเรียนปิดการเรียนการสอน การรถไฟยกเลิกขบวนรถสิบสองขบวน และขอให้ผู้ที่อาศัยริมแม่น้ำย้ายไปที่สูงล่วงหน้า ทีมกู้ภัยเตรียมพร้อมแล้ว",
    ),
}


@pytest.mark.parametrize("language", STORIES)
def test_a_copy_is_found_and_another_story_is_not_in_every_script(language: str) -> None:
    wire, other = STORIES[language]
    cut = wire[: int(len(wire) * 0.7)]  # as a brief
    anew = f"{other[:20]} {wire[15:]}"  # under another first sentence
    found = group_stories([("wire", wire), ("other", other), ("cut", cut), ("anew", anew)])
    assert found == {"wire": "wire", "other": "other", "cut": "wire", "anew": "wire"}


@pytest.mark.parametrize("language", STORIES)
def test_an_edit_is_counted_in_every_script(language: str) -> None:
    wire, _ = STORIES[language]
    edited = wire.replace(wire[40:44], "2026", 1)
    assert content_hash("t", None, wire) != content_hash("t", None, edited)
    added, removed = count_changed_words({"title": "t", "text": wire}, {"title": "t", "text": edited})
    assert added >= 1
    assert removed >= 1
    assert added + removed < 40
