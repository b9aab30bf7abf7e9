"""Do words find pictures? Names of product types, in English and Chinese, as queries to pictures alone.

    python benchmarks/joint.py ../shared/data/hm_week

For every `product_type_name` of at least 30 articles: the share of the type among the ten pictures nearest to its
name, in the joint space (sentences, and pictures through ConSE); chance is the type's share of all pictures; lift is
the one divided by the other. No text of an article, no log and no label is used. Bar: a median lift of 5 among the
types that are classes of the encoder (`SAME`).
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gobelin.data.dataset import Dataset
from gobelin.encoders.efficientnet import Efficientnet
from gobelin.features.cache import Cache
from gobelin.features.likeness import likeness, shared
from gobelin.features.runner import encode_table
from gobelin.features.wish import wish_of

TYPES = {
    "Trousers": "裤子",
    "Dress": "连衣裙",
    "Sweater": "毛衣",
    "T-shirt": "T恤",
    "Top": "上衣",
    "Blouse": "女式衬衫",
    "Bra": "文胸",
    "Underwear bottom": "内裤",
    "Skirt": "半身裙",
    "Vest top": "背心",
    "Shirt": "衬衫",
    "Jacket": "夹克",
    "Socks": "袜子",
    "Hoodie": "连帽衫",
    "Shorts": "短裤",
    "Leggings/Tights": "打底裤",
    "Swimwear bottom": "泳裤",
    "Bikini top": "比基尼上衣",
    "Cardigan": "开衫",
    "Blazer": "西装外套",
    "Earring": "耳环",
    "Boots": "靴子",
    "Belt": "腰带",
    "Necklace": "项链",
    "Bag": "包",
    "Underwear Tights": "连裤袜",
    "Unknown": "未知",
    "Jumpsuit/Playsuit": "连体裤",
    "Hair/alice band": "发带",
    "Scarf": "围巾",
    "Other accessories": "其他配饰",
    "Pyjama set": "睡衣套装",
    "Swimsuit": "泳衣",
    "Bodysuit": "连体衣",
    "Hat/beanie": "帽子",
    "Sneakers": "运动鞋",
    "Hair string": "发绳",
    "Pyjama bottom": "睡裤",
    "Hair clip": "发夹",
    "Garment Set": "套装",
    "Coat": "大衣",
}
"""Every `product_type_name` of hm_week with at least 30 articles, and its Chinese name: fixed before anything was
measured. "Unknown" is no type; it stays, since the measure is over all of them."""

SAME = {
    "T-shirt": "T-shirt",
    "Bra": "bra",
    "Socks": "sock",
    "Shorts": "shorts",
    "Bikini top": "bikini",
    "Cardigan": "cardigan",
    "Necklace": "necklace",
    "Pyjama set": "pajamas",
    "Swimsuit": "one-piece bathing suit",
    "Sneakers": "sneaker",
    "Hair clip": "hair clip",
    "Scarf": "stole scarf",
}
"""Types among ImageNet's classes: a class has the type's name, or a name that means the same. Decided by names alone,
before anything was measured. These are the ones that the bar speaks of."""

KIND = {
    "Trousers": "jeans",
    "Dress": "gown",
    "Sweater": "cardigan",
    "Skirt": "miniskirt",
    "Hoodie": "sweatshirt",
    "Swimwear bottom": "swim trunks",
    "Boots": "cowboy boot",
    "Bag": "purse",
    "Pyjama bottom": "pajamas",
    "Hat/beanie": "cowboy hat",
    "Coat": "trench coat",
    "Blazer": "suit",
    "Bodysuit": "leotard",
}
"""Types of which ImageNet knows a kind, a whole or a wider name. Decided likewise, and told apart from `SAME`."""


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("dataset", type=Path, help="the folder of hm_week")
    told.add_argument("-k", type=int, default=10, help="pictures that are looked at (default 10)")
    asked = told.parse_args()

    catalogue = Dataset.read(asked.dataset).catalogue
    encoder = Efficientnet()
    table, _ = encode_table(catalogue, {"image": encoder}, cache=Cache())
    pictures = shared(table, {"image": encoder})
    types = np.array(catalogue.columns["product_type_name"], dtype=object)
    present = table["image"].present
    rows = []
    for english, chinese in TYPES.items():
        right = (types == english)[present]
        line: dict[str, Any] = {"type": english, "class": SAME.get(english) or KIND.get(english, "")}
        line |= {"items": int(right.sum()), "chance": right.mean()}
        for language, name in (("en", english), ("zh", chinese)):
            scores = likeness(table, pictures, wish_of({}, text=name, spaces=set(pictures.spaces.values()))).scores
            best = np.argsort(-scores[present], kind="stable")[: asked.k]
            line[language] = right[best].mean()
            line[f"lift {language}"] = right[best].mean() / right.mean()
        rows.append(line)
    frame = pd.DataFrame(rows)
    print(frame.to_string(index=False, float_format=lambda number: f"{number:.3f}"))
    for language in ("en", "zh"):
        lift, mean = frame[f"lift {language}"], frame[language].mean()
        same, kind = frame["type"].isin(SAME), frame["type"].isin(KIND)
        print(
            f"{language}: median lift {lift[same].median():.2f} among the {same.sum()} types that are classes, "
            f"{lift[kind].median():.2f} among the {kind.sum()} of which a kind is, {lift.median():.2f} among all "
            f"{len(frame)}; macro precision@{asked.k} {mean:.3f} over all, chance {frame['chance'].mean():.3f}"
        )


if __name__ == "__main__":
    main()
