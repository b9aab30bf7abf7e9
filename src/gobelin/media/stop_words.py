"""Words that hold a sentence together and name nothing, English and Chinese."""

import functools
from typing import Literal

Language = Literal["en", "zh"]

# scikit-learn's list has words that name goods and what they are like: a top, a bikini bottom, a thick sole.
_DESCRIBE = """
back bill bottom cry empty fill fire front full hundred interest mill
mine side sincere system thick thin top
"""

# Our own short list of particles, pronouns, prepositions, conjunctions and auxiliaries, in simplified characters.
_CHINESE = """
的 地 得 了 着 过 等 等等 之 所 们 似的 般 一般 我 你 您 他 她 它 我们 你们 他们 她们 它们 咱 咱们
自己 大家 别人 其 其他 其它 其中 其余 各 各种 各个 各自 每 每个 某 某个 某些 这 那 哪 这个 那个
哪个 这些 那些 哪些 这里 那里 哪里 这儿 那儿 哪儿 这样 那样 这么 那么 这种 那种 此 该 本 谁 什么
怎么 怎样 如何 为什么 在 从 自 自从 由 于 对 对于 关于 至 至于 向 往 朝 到 以 把 将 被 给 让 使 用
按 按照 根据 依据 通过 经过 随着 为 为了 因 跟 同 与 比 除了 除 和 及 以及 并 并且 而 而且 或 或者
还是 但 但是 不过 然而 可是 因为 所以 因此 由于 如果 若 虽然 尽管 即使 无论 不管 只要 只有 既 于是
从而 此外 另外 以便 是 有 会 能 能够 可 可以 要 应 应该 没 没有 不 不是 就 就是 也 都 还 又 再 才
只 已 已经 曾 正 正在 便 却 更 最 很 太 非常 十分 比较 吗 呢 吧 啊 呀 啦 嘛 么 哦 哇 哎 嗯 而已
罢了 个 些 种 一 一个 一些 一种 一下 有些 有的 之一 之间 以上 以下 时 时候
"""


@functools.cache
def stop_words(languages: tuple[Language, ...] = ("en", "zh")) -> frozenset[str]:
    """Stop words of the languages, lower case, as `media.text.words` cuts them.

    English: the 318 of scikit-learn (BSD licence), less nineteen that shops and films are described with. Chinese: a
    list of our own of some 200 function words: jieba ships none, and that of the package stopwordsiso (MIT) counts
    年, 大, 好 and 人 among its 794. Other languages have none here.
    """
    found: set[str] = set()
    if "en" in languages:
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

        found |= ENGLISH_STOP_WORDS - set(_DESCRIBE.split())
    if "zh" in languages:
        found |= set(_CHINESE.split())
    return frozenset(found)
