"""Sentences in scripts of their own, and how sites write and label them."""

from __future__ import annotations

TEXT = {
    "ru": "Совет порта решил углубить западный бассейн до начала зимних штормов, сообщила мэрия города.",
    "de": "Für die Überholung der Fähre zahlt die Stadt, so der Bürgermeister größtenteils überraschend.",
    "ja": "港湾委員会は冬の嵐が来る前に西側の船だまりを浚渫することを決めた。市が費用を負担する。",
    "zh": "港务委员会决定在冬季风暴到来之前疏浚西港池，费用由市政府承担，居民不必支付。",
    "zh-Hant": "港務委員會決定在冬季風暴到來之前疏浚西港池，費用由市政府承擔，居民不必支付。",
    "ko": "항만위원회는 겨울 폭풍이 오기 전에 서쪽 부두를 준설하기로 결정했다고 시가 밝혔다.",
    "el": "Το συμβούλιο του λιμανιού αποφάσισε να βαθύνει τη δυτική λεκάνη πριν από τις χειμερινές καταιγίδες.",
    "ar": "قرر مجلس الميناء تعميق الحوض الغربي قبل وصول عواصف الشتاء وقالت المدينة إنها ستدفع التكاليف.",
}

# (language, encoding of the bytes, what the document says of itself)
LABELS = [
    ("ru", "windows-1251", None), ("ru", "windows-1251", "utf-8"), ("ru", "koi8-r", "koi8-r"), ("ru", "utf-8", "windows-1251"), ("ru", "utf-8", "iso-8859-1"),
    ("de", "iso-8859-1", None), ("de", "windows-1252", "utf-8"), ("de", "utf-8", "iso-8859-1"), ("de", "utf-8", "us-ascii"),
    ("ja", "shift_jis", None), ("ja", "euc-jp", "euc-jp"), ("ja", "utf-8", "shift_jis"), ("ja", "shift_jis", "utf-8"),
    ("zh", "gb18030", None), ("zh", "gb18030", "gb2312"), ("zh", "big5", "big5"), ("zh", "utf-8", "gb2312"),
    ("ko", "euc-kr", "euc-kr"), ("el", "iso-8859-7", "iso-8859-7"), ("ar", "windows-1256", "windows-1256"), ("ar", "utf-8", "iso-8859-1"), ("ru", "utf-16", None),
]  # fmt: skip
