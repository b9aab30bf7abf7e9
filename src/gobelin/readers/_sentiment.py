"""Whether people speak well or ill of something, by words of liking and disliking in English and Chinese."""

import re

from gobelin.readers._lexicon import lexicon

_WORD = re.compile(r"[a-z]+(?:['’][a-z]+)?")


def opinions(text: str) -> tuple[int, int]:
    """(words of liking, words of disliking); a denial within the two words before one turns it round."""
    said = lexicon().sentiment
    positive, negative, denies = (frozenset(said[name]) for name in ("positive", "negative", "denies"))
    liked = disliked = 0
    tokens = _WORD.findall(text.lower())
    for place, token in enumerate(tokens):
        if token in positive or token in negative:
            denied = any(word.replace("’", "'") in denies for word in tokens[max(place - 2, 0) : place])
            liked += (token in positive) != denied
            disliked += (token in negative) != denied
    rest = text
    for word in said["negative_chinese"]:
        disliked += rest.count(word)
        rest = rest.replace(word, "，")
    for word in said["positive_chinese"]:
        for piece in rest.split(word)[:-1]:
            denied = piece.endswith(said["denies_chinese"])
            liked, disliked = liked + (not denied), disliked + denied
        rest = rest.replace(word, "，")
    return liked, disliked


def sentiment(text: str) -> float:
    """From -1 (all words of disliking) to 1; 0 where none or as many of each."""
    liked, disliked = opinions(text)
    return (liked - disliked) / max(liked + disliked, 1)
