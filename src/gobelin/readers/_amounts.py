"""Prices, sizes and years as English and Chinese texts write them: patterns, each with how often it means that."""

import re
from collections.abc import Iterator

Found = tuple[str, float]  # a value as people write it, and a confidence

_NUMBER = r"(\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?|\d+(?:\.\d{1,2})?)"
_BEFORE = {"US$": "$", "$": "$", "USD": "$", "€": "€", "EUR": "€", "£": "£", "GBP": "£",
           "¥": "¥", "￥": "¥", "RMB": "¥", "CNY": "¥"}  # fmt: skip
_AFTER = {"人民币": "¥", "元": "¥", "块钱": "¥", "块": "¥", "RMB": "¥", "CNY": "¥", "美元": "$", "USD": "$",
          "dollars": "$", "dollar": "$", "欧元": "€", "EUR": "€", "euros": "€", "euro": "€",
          "英镑": "£", "GBP": "£"}  # fmt: skip


def _any(words: Iterator[str] | list[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_PRICE_BEFORE = re.compile(rf"(?<![A-Za-z])({_any(list(_BEFORE))})\s?{_NUMBER}(?![\d%])", re.IGNORECASE)
_PRICE_AFTER = re.compile(
    rf"(?<![\d.,$€£¥￥]){_NUMBER}\s?({_any(list(_AFTER))})(?![A-Za-z素旦宝件月年])", re.IGNORECASE
)
_NO_PRICE_BEFORE = re.compile(r"(under|below|over|above|save|满|减|省|立减|低于|不到|超过|券)\s*$", re.IGNORECASE)
_NO_PRICE_AFTER = re.compile(r"\s*(off\b|discount|cashback|voucher|优惠|以下|以内|以上|红包|券)", re.IGNORECASE)

_LETTERS = r"(?:XXXS|XXS|XS|S|M|L|XXXXL|XXXL|XXL|XL|[2-6]XL)"
_SIZED = re.compile(
    rf"(?:\bsizes?\b|尺码|尺寸|码数)\s*(?:is|:|：)?\s*({_LETTERS}(?:\s?(?:[-/,、]|to)\s?{_LETTERS})*)(?![A-Za-z0-9'’&])",
    re.IGNORECASE,
)
_SIZED_NUMBER = re.compile(
    r"(?:\bsize\b|\b(?:EU|UK|US)\b|尺码|码数)\s*(?:is|:|：)?\s*(\d{1,3}(?:\.5)?)(?![\d.]|\s?(?:cm|mm|x|×))",
    re.IGNORECASE,
)
_SIZE_THEN = re.compile(rf"(?<![A-Za-z0-9])({_LETTERS}|\d{{2}}(?:\.5)?)\s?码", re.IGNORECASE)
_SURE_LETTERS = re.compile(r"(?<![A-Za-z0-9&'’-])(XXXS|XXS|XS|XXXXL|XXXL|XXL|XL|[2-6]XL)(?![A-Za-z0-9&'’])")
_LISTED = re.compile(rf"(?<![A-Za-z0-9&'’])({_LETTERS}(?:\s?/\s?{_LETTERS})+)(?![A-Za-z0-9&'’])")

_UNITS = {"mm": "mm", "毫米": "mm", "cm": "cm", "厘米": "cm", "公分": "cm", "m": "m", "米": "m", "metres": "m",
          "meters": "m", "inches": "in", "inch": "in", "英寸": "in", "寸": "in", '"': "in", "″": "in", "ft": "ft",
          "feet": "ft", "ml": "ml", "毫升": "ml", "litres": "l", "liters": "l", "升": "l"}  # fmt: skip
_WEIGHTS = {"g": "g", "克": "g", "grams": "g", "kg": "kg", "公斤": "kg", "千克": "kg", "kilos": "kg", "oz": "oz",
            "lb": "lb", "lbs": "lb", "斤": "jin"}  # fmt: skip
_PLAIN = r"\d+(?:\.\d+)?"
_MEASURE = re.compile(
    rf"(?<![\d.,$€£¥￥A-Za-z])({_PLAIN}(?:\s?(?:[x×*]|by)\s?{_PLAIN}){{0,2}})\s?-?({_any(list(_UNITS | _WEIGHTS))})"
    rf"(?![A-Za-z²³]|[多粒兰])",
    re.IGNORECASE,
)

_YEAR = r"((?:18|19|20)\d{2})"
_YEAR_SURE = re.compile(rf"[(（]{_YEAR}[)）]|(?<!\d){_YEAR}\s?年(?!代)")
_YEAR_TOLD = re.compile(
    rf"\b(?:in|since|from|of|est\.?|established|anno|vintage|©)\s{_YEAR}\b(?!\s?(?:mm|cm|m|ml|g|kg|w|pieces)\b)",
    re.IGNORECASE,
)


def prices(text: str) -> Iterator[Found]:
    """ "$19.99", "¥199", "€5", "£4". .95 with a sign, .85 with a word; .4 where it is a limit or a saving."""
    for pattern, number, currency, table, sure in (
        (_PRICE_BEFORE, 2, 1, _BEFORE, 0.95),
        (_PRICE_AFTER, 1, 2, _AFTER, 0.85),
    ):
        for match in pattern.finditer(text):
            signs = {sign.lower(): value for sign, value in table.items()}
            other = _NO_PRICE_BEFORE.search(text[: match.start()]) or _NO_PRICE_AFTER.match(text[match.end() :])
            yield signs[match[currency].lower()] + match[number].replace(",", ""), 0.4 if other else sure


def sizes(text: str) -> Iterator[Found]:
    """ "XL", "42", "12 cm", "30 x 40 cm", "500 ml". .95 where the text calls it a size, .8 with a unit, .7 bare."""
    for match in _SIZED.finditer(text):
        for letters in re.findall(_LETTERS, match[1].upper()):
            yield letters, 0.95
    for match in _SIZED_NUMBER.finditer(text):
        yield match[1], 0.9
    for match in _SIZE_THEN.finditer(text):
        yield match[1].upper(), 0.95
    for match in _LISTED.finditer(text):
        for letters in match[1].split("/"):
            yield letters.strip(), 0.85
    for match in _SURE_LETTERS.finditer(text):
        yield match[1], 0.7
    yield from (found for found, unit in _measures(text) if unit in _UNITS.values())


def weights(text: str) -> Iterator[Found]:
    """ "250 g", "2 kg": .8."""
    yield from (found for found, unit in _measures(text) if unit in _WEIGHTS.values())


def years(text: str) -> Iterator[Found]:
    """ "1995": .95 in brackets or before 年, .6 after a word such as "since"."""
    for match in _YEAR_SURE.finditer(text):
        yield match[1] or match[2], 0.95
    for match in _YEAR_TOLD.finditer(text):
        yield match[1], 0.6


def _measures(text: str) -> Iterator[tuple[Found, str]]:
    known = {word.lower(): unit for word, unit in (_UNITS | _WEIGHTS).items()}
    for match in _MEASURE.finditer(text):
        unit = known[match[2].lower()]
        if match[2] in ("M", "G") or (match[2] == "寸" and "尺寸" in text[match.start() : match.end() + 1]):
            continue  # "5M" is no length, "4G" no weight
        number = re.sub(r"\s?(?:[x×*]|by)\s?", " x ", match[1])
        yield (f"{number} {unit}", 0.8), unit
