# %% [markdown]
# # A first hour with Gobelin
# Run it as a script (`python examples/first_hour.py`), or cell by cell in an editor that knows `# %%`.

# %% A shop: a table of items and a table of events. Any columns beyond these are attributes.
import tempfile
from pathlib import Path

import pandas as pd

import gobelin as gb

kinds = ["mug", "plate", "rug", "lamp"]
themes = ["moon and stars", "sea and tide", "fern and moss"]
items = pd.DataFrame(
    [
        {"item_id": f"{kind}-{n}", "title": f"{theme} {kind}", "kind": kind, "price": 10 + n}
        for kind in kinds
        for n, theme in enumerate(theme for theme in themes for _ in range(6))
    ]
)
# people love one theme each, whatever the kind
events = pd.DataFrame(
    [
        {"user_id": f"person-{person}", "item_id": item, "timestamp": 1_700_000_000 + 3_600 * (60 * place + person)}
        for person in range(60)
        for place, item in enumerate(
            items[items["title"].str.startswith(themes[person % 3])]["item_id"].sample(9, random_state=person)
        )
    ]
)
dataset = gb.Dataset.from_frames(items, events)

# %% Is the data any good?
print(gb.check(dataset).as_json()["counts"])

# %% Encode, search, fit, evaluate, report.
folder = Path(tempfile.mkdtemp())
recipe = {
    "encoders": {"text": {"part": "words"}, "attributes": {"part": "attributes"}},
    "baselines": {"popularity": {"part": "popularity"}, "EASE": {"part": "ease"}},
    "tune.trials": 5,
}
run = gb.run(dataset, folder / "run", settings=recipe, split="random")
for name, model in run.report["models"].items():
    print(f"{name:<20} recall@20 {model['metrics']['recall@20']['value']:.3f}")

# %% Recommend, and say why.
print(run.recommend(user="person-0", k=3))
best = run.recommend(user="person-0", k=1)["item_id"][0]
why = run.explain(best, user="person-0")
print(why.senses)
print(why.events[["title", "share", "rank_without"]].head(3))
assert abs(why.score - why.events["share"].sum()) < 1e-9  # an explanation is the score, taken apart

# %% What is this person interested in?
print(run.interests(user="person-0", k=2)[["by", "interest", "yours", "everyone"]])

# %% A visitor without a history asks in words, in a language of the catalogue.
print(run.recommend(text="moon", k=3))

# %% Tomorrow: a new product, a new customer. No new search.
items = pd.concat([items, pd.DataFrame([{"item_id": "mug-new", "title": "sea and tide mug", "kind": "mug"}])])
events = pd.concat([events, pd.DataFrame([{"user_id": "newcomer", "item_id": "mug-new", "timestamp": 1_701_000_000}])])
run = gb.update(run, gb.Dataset.from_frames(items, events), out=folder / "tomorrow")
print(run.recommend(user="newcomer", k=3))

# %% For a shop without Python: files to load.
run.recommend_many(k=10).to_parquet(folder / "recommendations.parquet")
run.similar_all(k=10).to_parquet(folder / "similar.parquet")
