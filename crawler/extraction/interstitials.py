"""Detect interstitials by vocabulary: consent, bot checks, login, paywalls, error pages, script shells. Pure.

The vocabulary covers a dozen languages. One phrase is not enough: articles are also written about cookies, robots and
subscriptions, but an interstitial contains little else. So each kind has groups of words (what is requested, by whom,
what to click); several groups must match, and the matches must be a good share of the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

MOST = 4000  # characters of a page that are read
MOST_WORDS = 250  # words up to which a text may be a dialog
_MOST_DESCRIBED = 160  # the same, on a page whose metadata says it is an article


def _groups(*groups: str) -> tuple[re.Pattern[str], ...]:
    """Compile patterns for folded text: with IGNORECASE a search takes four times as long."""
    return tuple(re.compile(_folded_letters(group)) for group in groups)


def _folded_letters(text: str) -> str:
    """Replace the letters that IGNORECASE takes for others, and str.lower does not: the Turkish i's, long s, Kelvin."""
    for letter, usual in () if text.isascii() else (("İ", "i"), ("ı", "i"), ("ſ", "s"), ("\u212a", "k")):
        text = text.replace(letter, usual)
    return text


def _folded(text: str) -> str:
    return _folded_letters(text).lower()


_CONSENT = _groups(
    r"\bcookies?\b|\bkolačić|\bcookie-|куки|クッキー|ملفات تعريف|çerez|ciasteczk",
    r"\bconsent|einwillig|\bzustimm|consentement|consentimiento|consenso|соглас|разреш|同意|موافق|onay|允许|"
    "toestemming|akkoord|samtyck|samtykk|zgod|consentiment|suostum",
    r"\w{0,20}partners?\b|\bpartner(?:n|s|i|ów|y|e)?\b|parceiros|derden\b|partenaires|\bsocios\b|партн[её]р|合作伙伴|"
    r"第三方|vendors?\b|anbieter|terceros|\btiers\b|шериф|third part",
    "privacy|privats|datenschutz|vie privée|privacidad|riservatezza|конфиденциальн|隐私|プライバシー|gizlilik|خصوصية|"
    "données personnelles|datos personales|dati personali|personenbezogen|персональн|ваши(?:м|х)? данны|"
    "个人(?:数据|信息)|personal data|your data|integritet|privacidade|dados pessoais|persoonsgegevens|"
    "danych osobowych|prywatno",
    r"\baccept|akzeptier|aceptar|aceptando|accetta|приня(?:ть|в)|\bagree\b|接受|すべて許可|قبول|kabul|alles? klar|"
    r"einverstanden|tout autoriser|\ballow all|подтверд|aceit(?:ar|o|e)|accepteer|akceptuj|przejdź do serwisu|"
    "godkänn|godta|hyväksy|klik(?:k?en|ając|k) ",
    r"\brejec|\bablehn|weiger|instellen|doeleinden|odmów|ustawienia|cele przetwarzania|recusar|rejeitar|preferênci|"
    r"\brefus|rechaz|rifiut|отклон|отказ|拒绝|拒否|رفض|reddet|manage (?:options|choices|settings)|einstellungen|"
    "paramétr|personnaliser|configurar|preferencias|gestisci|настро|偏好|设置|purposes|zwecke|finalit|finalidad|"
    "цел[ии] обработки|your choices|選択",
    r"\w{0,20}advert|reklam|anúncio|publicidade|personalis|personaliz|werbung|anzeigen\b|publicit|publicidad|"
    "pubblicit|реклам|广告|広告|reklam|إعلان|tracking|trac(?:ke|eu)r|rastreo|отслеж|"
    r"store (?:and|or)(?:/or)? (?:read|access)|store and access|speicher\w* .{0,30}gerät|"
    r"stocker .{0,60}(?:appareil|terminal)|almacen\w+ .{0,60}dispositivo|您的设备|legitimate interest|"
    r"berechtigt\w* interesse|intérêt légitime|interés legítimo|законн\w+ интерес|uzasadnion\w+ interes|"
    "legítimo interesse|gerechtvaardigd",
)
_LOGIN = _groups(
    r"\blog ?in\b|\bsign ?in\b|signed in|anmelden|einloggen|se connecter|connectez|identifi[ec]|"
    r"inici(?:ar|a|e) sesión|acceder\b|войти|войдите|вход\b|авториз|登录|登入|電郵|密碼|ログイン|accedi\b|giriş|تسجيل الدخول|"
    "inloggen|logga in|zaloguj",
    r"\bregist(?:er|rier|r[ao]|rat)|regístr|inscri|créer un compte|crear? (?:una )?cuenta|"
    "create (?:a |an |your )(?:free )?account|зарегистр|регистрац|注册|新規登録|会員登録|registrati|kayıt|üye ol|تسجيل|"
    r"konto|\baccount\b|\bcompte\b|\bcuenta\b|аккаунт|账号|アカウント|hesab|حساب",
    "password|passwort|mot de passe|contraseña|пароль|密码|パスワード|parola|şifre|كلمة (?:المرور|السر)|e-?mail|"
    r"adresse électronique|correo electrónico|электронн\w+ почт|邮箱|手机号|メール|e-posta|البريد",
    r"\bmembers?\b|mitglied|membres?\b|miembros|участник|会员|会員|會員|registered (?:readers|users)|registrierte|"
    r"usuarios registrados|зарегистрированн|iscritti|utenti registrati|\bnutzer|для (?:зарегистр|участ)",
    "keep reading|continue reading|to (?:read|view|continue)|weiterlesen|"
    "pour (?:lire|continuer|poursuivre|accéder)|seguir (?:leyendo|disfrutando)|para (?:leer|continuar|seguir)|"
    "читать (?:далее|полностью)|чтобы (?:читать|продолжить)|继续阅读|全文|続きを|per (?:leggere|continuare)|devam|لمتابعة|"
    r"kostenlos|gratuit|gratis\b|бесплатн|免费|無料|for free|free account|forgot|vergessen|oublié|olvidad|忘记|забыли",
    r"(?:with|mit|avec|con|через|via) (?:google|apple|facebook|microsoft|вконтакте)|single sign-on|\bsso\b|微信|"
    r"\bqq\b|institution",
)
_PAYWALL = _groups(
    r"subscri|\bassin(?:e|ar|ante|atura)|prenumer|abonn|\babo\b|suscri|suscrí|подпис|订阅|購読|abbonat|abbonament|"
    r"abone|اشترا?ك|premium|\+-artikel|plus-artikel",
    "unlock|continue lendo|textos gratuitos|artigos gratuitos|verder lezen|czytaj dalej|freischalt|entsperr|"
    "débloqu|desbloque|разблок|解锁|sblocca|keep reading|continue reading|weiterlesen|lire la suite|il vous reste|"
    "seguir leyendo|sigue leyendo|читать (?:далее|дальше|полностью|весь)|阅读全文|剩余|继续阅读|"
    "full (?:access|story|article)|vollen zugang|ganzen artikel|reste de l.article|этот материал|"
    r"continua a leggere|devamını oku|limit\b|metered|free articles|articles gratuits|artículos gratis",
    r"(?:€|£|\$|₽|¥|￥|元|r\$|zł|kr\b|euros?|eur|руб|tl\b|₺)\s?\d|\d[\d.,]*\s?(?:€|£|\$|₽|元|円|euros?|eur|руб|tl\b|₺)",
    r"\bmonth|\bweeks?\b|\bmês\b|\bmeses\b|maand|miesi[ąę]c|monat|\bmois\b|semaine|\bmes(?:es)?\b|месяц|недел|每月|"
    r"个月|月額|\bmese\b|\bay\b|شهر|\byear\b|\bjahr|\ban\b|año|год\b|年",
    "cancel any|cancele quando|já é assinante|opzegbaar|jederzeit|kündbar|sans engagement|résili|cancela|отмен|"
    r"随时取消|解約|disdici|offer\b|angebot|\boffre|oferta|предложен|优惠|trial|probe|essai|prueba|пробн|试用|"
    "choose your plan|already a subscriber|bereits (?:abonnent|kunde)|déjà abonné|ya (?:eres|soy) suscriptor|"
    "уже подписаны|已订阅|already a member",
)
_CHALLENGE = _groups(
    r"\brobots?\b|\bbots?\b|roboter|робот|机器人|ロボット|روبوت|automat(?:ed|isiert|ique|izad|ическ|ik)|自动",
    r"\bhuman|mensch|humain|humano|\bumano|человек|真人|人机|人間|insan\b|بشر",
    "verif|überprüf|vérif|comproba|провер|验证|検証|確認|doğrula|تحقق|captcha|check(?:ing)? (?:your|if|the)|"
    "security (?:check|service)|sicherheits|sécurité|seguridad|безопасност|安全|güvenlik|أمن|un momento|"
    "just a moment|einen moment|un instant|секунд|稍候|お待ち",
    "unusual|过于频繁|频繁访问|ungewöhnlich|inhabituel|inusual|подозрительн|необычн|异常|通常と異なる|olağandışı|"
    "غير (?:معتاد|عادي)|traffic|anfragen|requêtes|solicitudes|запрос|请求|too many|suspicious",
    r"access denied|\bblocked\b|gesperrt|blockiert|accès (?:refusé|bloqué)|acceso denegado|заблокир|访问被拒绝|拒绝访问|被拦截|"
    "erişim (?:engel|redd)|denied|rejected|refused|permission|firewall",
    "ray id|reference (?:#|id|number)|incident (?:id|number)|support id|request id|event id|vorgangsnummer|"
    r"référence\s*:|ip[ -]?(?:address|adresse)|adresse ip|ip-адрес|your ip|browser|navigateur|navegador|браузер|"
    r"浏览器|ブラウザ|tarayıcı|متصفح|javascript|\bjs\b|cookies|请求编号|客户端|滑块|ad.?block|bloqueur|werbeblocker|bloqueador",
)
_MISSING = _groups(
    r"\b404\b|not found|nicht gefunden|introuvable|no encontrad|non trovat|не найден|не существу|找不到|不存在|未找到|"
    "見つかりません|찾을 수 없|niet gevonden|nie znalezion|bulunamadı|غير موجود|can(?:no|')?t (?:be found|find)|"
    r"couldn.t find|could not find|can.t seem to find|page perdue|\bdead link|lien mort|enlace roto|битая ссылк|"
    "doesn.t exist|does not exist|existiert nicht|n.existe (?:pas|plus)|no existe",
    r"removed|deleted|moved\b|expired|no longer (?:available|exists?|here)|gelöscht|entfernt|verschoben|abgelaufen|"
    "veraltet|nicht mehr (?:zur verfügung|verfügbar|vorhanden|online)|supprim|déplac|périm|expiré|"
    "plus (?:disponible|en ligne)|eliminad|movid|caducad|ya no (?:está|existe)|удал[её]н|перемещ|устарел|"
    "больше не (?:доступ|существ)|删除|移除|下线|移动|过期|削除|移動|rimoss|spostat|kaldırıl|taşın|silin|حذف|نقل",
    r"\boops|whoops|\boh no\b|\bsorry\b|\bleider\b|désolé|\bhoppla|\bups\b|\boups|lo sentimos|vaya\b|¡?ups|"
    "mi dispiace|ci dispiace|к сожалению|извините|упс|ой!|抱歉|对不起|很遗憾|申し訳|üzgünüz|عذر[اً]",
    r"home ?page|startseite|page d.accueil|l.accueil|portada|página (?:principal|de inicio)|inicio\b|на главную|"
    r"главн\w+ страниц|首页|返回|トップページ|ana ?sayfa|الرئيسية|search|suche\b|recherch|busca|поиск|搜索|検索|ara\b|url|"
    r"address|adresse|dirección|адрес|网址|链接|\blink\b|\blien\b|enlace|ссылк",
)
_SCRIPTS = re.compile(
    r"(?:enable|turn on|activate|aktivier\w*|activ(?:er|ez|ar|a|e)|включит\w*|attiva\w*|启用|开启|有効|etkinleştir\w*)"
    r"\W{0,12}(?:\w+\W+){0,3}(?:java ?script|js\b)|java ?script(?:\W+\w+){0,4}\W+(?:required|enabled|disabled|"
    "turned off|deaktiviert|aktiviert|ausgeschaltet|désactivé|activé|desactivado|activado|habilitado|"
    "deshabilitado|отключ[её]н|включ[её]н|выключен|disabilitato|kapalı)|"
    r"(?:needs|requires|benötigt|nécessite|requiere|требует\w*|需要)\W+(?:\w+\W+){0,2}java ?script|"
    "without java ?script|ohne java ?script|sans java ?script|sin java ?script|без java ?script|"
    r"javascript\S{0,4} (?:açık|etkin|kapalı)|javascript.{0,12}(?:禁用|关闭|未启用|无效|無効)|تفعيل javascript|"
    "javascript.{0,10}(?:معطل|تفعيل)",
    re.IGNORECASE,
)
_SHELL = re.compile(
    r"""<(?:div|main)[^<>]{1,200}\bid=["']?(?:root|app|__next|__nuxt|___gatsby|app-root|react-root|main-app)["'\s>]|"""
    r"<app-root|ng-app|ng-version|data-reactroot|__NEXT_DATA__|window\.__INITIAL_STATE__|data-server-rendered",
    re.IGNORECASE,
)
_LOADING = re.compile(
    r"load(?:ing)?\b|lädt|geladen|laden\b|chargement|cargando|загру|加载|読み込|caricamento|yükleniyor|جار|"
    "please wait|bitte warten",
    re.IGNORECASE,
)
# Strings of services in front of a site. Article markup does not contain them, but an article may load their script.
_SERVICE = (
    "cf-browser-verification",
    "cf_chl_",
    "challenge-platform/h/",
    "cf-challenge",
    "cf-turnstile",
    "jschl_answer",
    "jschl-answer",
    "ddos-guard",
    "px-captcha",
    "perimeterx",
    "captcha-delivery.com",
    "incapsula incident",
    "_incapsula_resource",
    "distil_r_captcha",
    "sucuri website firewall",
    "sucuri/cloudproxy",
    "aws-waf-token",
    "awswafintegration",
    "hcaptcha-challenge",
    "vercel security checkpoint",
    "errors.edgesuite",
    "the requested url was rejected",
)
_CONSENT_HOST = re.compile(
    "^https?://(?:consent|guce|cmp|privacy|cookie)[.-]|/(?:cookie-?wall|consent|privacygate|privacy-gate|"
    "zustimmung)(?:[/?]|$)|collectConsent",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Found:
    groups: int  # how many groups of words match
    share: float  # share of the text's characters that match


def _look(text: str, groups: tuple[re.Pattern[str], ...]) -> _Found:
    text = _folded(text[:MOST])
    hits = [list(pattern.finditer(text)) for pattern in groups]
    length = sum(match.end() - match.start() for found in hits for match in found)
    return _Found(sum(bool(found) for found in hits), length / max(1, len(text)))


@dataclass(frozen=True, slots=True, kw_only=True)
class PageEvidence:
    """The evidence about a page: extracted text and word count, visible text, title and headings, markup."""

    url: str
    text: str
    count: int
    visible: str
    heading: str
    markup: str
    noscript: str  # what is shown without scripts
    described: bool  # its metadata says that it is an article
    running: int  # paragraphs of running text; a dialog has few
    password: bool  # it has an input for a password or an email address


def may_be_interstitial(count: int, *, described: bool) -> bool:
    """Return whether a text of so many words is short enough to be a dialog."""
    return count <= (_MOST_DESCRIBED if described else MOST_WORDS)


def classify_interstitial(seen: PageEvidence) -> str | None:
    """Return which interstitial or error page a page with a short text is; None for any other page.

    In a longer text, the vocabulary must be a good share. A page whose metadata says that it is an article needs a
    larger share.
    """
    judged = f"{seen.heading}\n{seen.text or seen.visible}"[:MOST]
    shown = seen.visible[:MOST]
    strict = 1.4 if seen.described and seen.count >= 40 else 1.0
    if seen.count >= _PROSE and not _ADDRESS.search(judged):  # an interstitial addresses its reader
        if not seen.described and _missing(seen, judged):
            return "soft 404"
        return "needs JavaScript" if _scripted(seen, shown) else None
    kinds: Mapping[str, bool] = {
        "bot challenge": _challenged(seen, judged, shown, strict),
        "soft 404": not seen.described and _missing(seen, judged),
        "needs JavaScript": _scripted(seen, shown),
        "consent wall": bool(_CONSENT_HOST.search(seen.url))
        or any(_clear(_look(part, _CONSENT), 3, 0.07 * strict) for part in (seen.text, judged))
        or (not seen.text and _clear(_look(shown, _CONSENT), 4, 0.05)),
        "login wall": seen.count < 120
        and _has_question(seen, judged, shown, _LOGIN, 2 if seen.password else 3, 0.05 * strict),
        "paywall": not (seen.described and seen.count > 120)
        and _has_question(seen, judged, shown, _PAYWALL, 3, 0.04 * strict),
    }
    return next((name for name, found in kinds.items() if found), None)


_PROSE = 25  # words from which a text is checked for addressing its reader
_ADDRESS = re.compile(
    r"\b(?:you|your|yours|please|click|du|dein\w*|deine\w*|bitte|jetzt|vous|votre|vos|veuillez|tu|tus|te|ti|puedes|"
    r"puede|quieres|eres|tienes|usted|elige|acepta\w*|suscr[ií]be\w*|reg[ií]strate|você|cancele|assine|tuo|tua|"
    "tuoi|puoi|accetta|accedi|abbonati|"
    "subscribe (?:to|now)|unlock (?:this|the|full)|try (?:it|unlimited)|(?:log|sign) in to|start your|je|jouw|jij|"
    r"uw|klik|twoj\w*|możesz|masz|klikając|udzielasz|siz\w*|lütfen|dig|din|ditt|deg|din)\b|\b(?:[Ww]e|"
    r"[Ww]ir) (?:and|use|und|verwenden|nutzen|value)\b|(?-i:\b(?:Sie|Ihr|Ihre|Ihrem|Ihren|Ihnen|Ihres)\b)|"
    r"\bвы\b|\bвас\b|\bвам\b|\bваш|пожалуйста|войдите|оформите|подтвердите|нажмите|您|你|请|立即|登录后|订阅后|本文为|ください|いただけ|"
    r"お読み|会員の方|即可閱讀|會員專享|할 수 있|하세요|يرجى|حسابك|بياناتك|موافقتك|أنت|لديك|يمكنك|στε\b",
    re.IGNORECASE,
)
# Two groups are enough if their matches are this share of the text.
_MUCH = 0.13


def _clear(found: _Found, groups: int, share: float) -> bool:
    return (found.groups >= groups and found.share >= share) or (found.groups >= 2 and found.share >= _MUCH)


def _has_question(
    seen: PageEvidence, judged: str, shown: str, groups: tuple[re.Pattern[str], ...], least: int, share: float
) -> bool:
    """Return whether a page requests an account or payment and contains little else.

    For a page with almost no text, all its visible text is checked.
    """
    if seen.running > 1:
        return False
    return _clear(_look(judged, groups), least, share) or (
        seen.count < 40 and not seen.described and _clear(_look(shown, groups), least, share)
    )


def _challenged(seen: PageEvidence, judged: str, shown: str, strict: float) -> bool:
    words = _look(judged, _CHALLENGE)
    if _clear(words, 3, 0.06 * strict) or (
        not seen.described and seen.count < 60 and _clear(_look(shown, _CHALLENGE), 3, 0.05)
    ):
        return True
    if seen.count >= 120 or (words.groups < 2 and seen.count >= 20) or (seen.described and seen.count >= 8):
        return False
    if seen.text and words.groups == 0 and _has_headline(seen):  # any article may load such a service's script
        return False
    markup = seen.markup[:200_000].lower()
    return any(mark in markup for mark in _SERVICE)


def _missing(seen: PageEvidence, judged: str) -> bool:
    judged = _folded(judged)
    words = _look(judged, _MISSING)
    gone, why = _MISSING[:2]
    if any(_mostly(part, (gone, why, _PAGE)) for part in re.split(r"\s[|–—-]\s|\n", seen.heading)):
        return seen.count < 150 and seen.running < 2
    if seen.count >= 120:
        return False
    opens = gone.search(_folded(seen.text[:120])) is not None and words.groups >= 2 and words.share >= 0.08
    several = _clear(words, 3, 0.04) and any(pattern.search(judged) for pattern in (gone, why))
    return (opens or several) and _PAGE.search(judged) is not None


# What is missing; not enough evidence by itself.
_PAGE = re.compile(
    r"\b(?:page|article|story|content|seite|artikel|beitrag|página|artículo|noticia|contenido|nota|pagina|articolo|"
    r"contenu|страниц\w*|материал\w*|статья|sayfa)\b|页面|文章|内容|ページ|記事|페이지|الصفحة|\b(?:error|erreur|fehler|ошибка)\b",
    re.IGNORECASE,
)


def _mostly(heading: str, patterns: tuple[re.Pattern[str], ...]) -> bool:
    """Return whether a heading only says that a page is missing, unlike "Missing hiker still not found"."""
    heading = _folded(heading)
    if not any(pattern.search(heading) for pattern in patterns[:2]):
        return False
    said = sum(match.end() - match.start() for pattern in patterns for match in pattern.finditer(heading))
    return said >= 0.4 * len(heading.strip())


_HEADLINE_WORDS = 3


def _has_headline(seen: PageEvidence) -> bool:
    """Return whether the first heading is a headline: some words, none of an interstitial's, not to the reader."""
    heading = next((line.strip() for line in seen.heading.split("\n")[1:] if line.strip()), "")
    if _size_of(heading) < _HEADLINE_WORDS or any(p.search(heading) for p in (_SCRIPTS, _LOADING, _ADDRESS)):
        return False
    folded = _folded(heading)
    return not any(p.search(folded) for p in (*_CHALLENGE, *_CONSENT, *_LOGIN, *_PAYWALL, *_MISSING))


_OWN_WORDS = 12  # words of a text that a page without scripts would not have


def _scripted(seen: PageEvidence, shown: str) -> bool:
    """Return whether a page needs scripts: it says so in its text, or says so without scripts and has little text.

    Script sources say nothing: `"text/javascript">x.enabled` stands on ordinary pages. Many articles have a notice in
    `noscript` too.
    """
    if seen.count >= 40:
        return False
    own = seen.text if not _SCRIPTS.search(seen.text) else ""
    if _LOADING.search(own) is None and (_size_of(own) >= _OWN_WORDS and not _ADDRESS.search(own)):
        return False
    if any(not _SCRIPTS.search(line) for line in seen.text.split("\n\n") if line) and _has_headline(seen):
        return False
    return bool(_SCRIPTS.search(f"{seen.text}\n{shown}\n{seen.noscript}")) or bool(
        _SHELL.search(seen.markup[:100_000]) and (seen.count < 8 or _LOADING.search(seen.text))
    )


def _size_of(paragraph: str) -> int:
    return len(paragraph.split())


def strip_offer_lines(text: str) -> str:
    """Return the text without the paragraphs of a paywall's offer or a login request."""
    kept = []
    for paragraph in text.split("\n\n"):
        found = (_look(paragraph, _PAYWALL), _look(paragraph, _LOGIN))
        offers = any(one.groups >= 2 and one.share >= 0.12 for one in found) or (
            len(paragraph) < 120 and found[0].share > 0.2
        )
        if not offers or (_size_of(paragraph) >= 8 and not _ADDRESS.search(paragraph)):
            kept.append(paragraph)
    return "\n\n".join(kept)
