"""Names of months and zones in dates, and of the halves of a day. Data."""

from __future__ import annotations

_MONTH_NAMES = (
    (
        "jan january januar janvier janv enero gennaio janeiro января янв ene gen styczeń stycznia ocak leden ledna "
        "januari ιανουαρίου ιαν ιανουάριος січня tammikuu tammikuuta ianuarie január"
    ),
    (
        "feb february februar février févr fevrier febrero febbraio fevereiro февраля фев февр fév fev luty lutego şubat "
        "únor února februari φεβρουαρίου φεβ лютого helmikuu helmikuuta februarie február"
    ),
    (
        "mar march märz maerz mars marzo março marco марта мар mär mrz marzec marca mart březen března maart μαρτίου μαρ "
        "μάρ березня maaliskuu maaliskuuta martie március"
    ),
    (
        "apr april avril avr abril aprile апреля апр abr kwiecień kwietnia nisan duben dubna απριλίου απρ квітня "
        "huhtikuu huhtikuuta aprilie április"
    ),
    (
        "may mai mayo maggio maio мая май mag maj maja mayıs květen května mei μαΐου μαι μάι травня toukokuu toukokuuta "
        "május"
    ),
    (
        "jun june juni juin junio giugno junho июня июн giu czerwiec czerwca haziran červen června ιουνίου ιουν ιούν "
        "червня kesäkuu kesäkuuta iunie június"
    ),
    (
        "jul july juli juillet juil julio luglio julho июля июл lug lipiec lipca temmuz červenec července ιουλίου ιουλ "
        "ιούλ липня heinäkuu heinäkuuta iulie július"
    ),
    (
        "aug august août aout agosto августа авг ago sierpień sierpnia ağustos srpen srpna augustus augusti αυγούστου "
        "αυγ αύγ серпня elokuu elokuuta augusztus"
    ),
    (
        "sep sept september septembre septiembre settembre setembro сентября сен сент set wrzesień września eylül září "
        "σεπτεμβρίου σεπ σεπτ вересня syyskuu syyskuuta septembrie szeptember"
    ),
    (
        "oct october oktober octobre octubre ottobre outubro октября окт okt ott out październik października ekim "
        "říjen října οκτωβρίου οκτ жовтня lokakuu lokakuuta octombrie október"
    ),
    (
        "nov november novembre noviembre novembro ноября ноя нояб listopad listopada kasım listopadu νοεμβρίου νοε νοέ "
        "marraskuu marraskuuta noiembrie"
    ),
    (
        "dec december dezember décembre déc decembre diciembre dicembre dezembro декабря дек dez dic grudzień grudnia "
        "aralık prosinec prosince δεκεμβρίου δεκ грудня joulukuu joulukuuta decembrie"
    ),
)
MONTHS = {name: number for number, names in enumerate(_MONTH_NAMES, 1) for name in names.split()}

AFTERNOON = {"pm", "下午", "午後", "午后", "오후", "晚上", "傍晚"}
MORNING = {"am", "上午", "午前", "오전", "早上", "凌晨", "清晨"}

# Minutes from UTC. A name with several meanings has the one of RFC 5322 (EST to PST), else the one that news uses:
# BST is British, IST Indian, CST American, AST Atlantic, GST of the Gulf. Names without a usual meaning are left out
# (AMT is Armenian and Amazonian): of such a date only the day is known.
_HOURS_OF = {
    -10: "hst",
    -9: "akst hadt",
    -8: "pst akdt pt",
    -7: "mst pdt mt",
    -6: "cst mdt ct galt",
    -5: "est cdt et cot pet ect act",
    -4: "edt ast clt bot vet gyt",
    -3: "adt brt art clst uyt srt gft pmst",
    -2: "brst fnt pmdt uyst",
    -1: "azot cvt",
    0: "z ut utc gmt wet egst azost",
    1: "bst west cet mez met wat",
    2: "cest mesz mest eet sast cat wast",
    3: "eest msk eat trt fet idt arst",
    4: "gst msd azt get mut sct ret samt",
    5: "pkt uzt tmt tjt mvt yekt almt qyzt aqtt",
    6: "bdt btt kgt omst iot",
    7: "ict wib hovt krat novt",
    8: "sgt hkt myt pht awst wita ulat irkt bnt cit hkst",
    9: "jst kst wit yakt tlt pwt eit",
    10: "aest chst pgt vlat",
    11: "aedt sbt magt nct vut",
    12: "nzst fjt pett anat wft",
    13: "nzdt phot",
}
ZONES: dict[str, int] = {name: 60 * hours for hours, names in _HOURS_OF.items() for name in names.split()} | {
    "nst": -210, "ndt": -150, "irst": 210, "irdt": 270, "aft": 270, "ist": 330, "slst": 330, "npt": 345, "mmt": 390,
    "cct": 390, "acst": 570, "acdt": 630, "lhst": 630, "chast": 765, "a": -60, "m": -720, "n": 60, "y": 720,
}  # fmt: skip
