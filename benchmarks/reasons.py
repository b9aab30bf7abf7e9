"""Explanations and interests against the truth: of a run on the demo shop, the planted one; of any run, the sums.

    gobelin demo shop && gobelin run shop --out runs/demo --split random
    python benchmarks/reasons.py runs/demo --demo
    gobelin run ../shared/data/hm_week --split random --no-baselines --out runs/week
    python benchmarks/reasons.py runs/week

For 200 random pairs of a person and an item: the largest relative gap between the float64 score and the sums of its
shares by event and by sense. With --demo, for 200 people and their first recommendation: how often the strongest event
is a planted reason; and for everyone with three items or more, how often the strongest interest by each sense has the
theme, look, timbre or motion that was planted, and how many of the four the strongest fused interest has. Beside the
last two, the ceiling: how often the planted one is the most frequent among the items with a sound or a clip that the
person took, were every one heard and seen without error.
"""

import argparse

import numpy as np

from gobelin.demo import build
from gobelin.service import Run
from gobelin.service.interests import Traits, strongest

PAIRS = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--demo", action="store_true", help="the run is of `gobelin demo` at its usual size and seed 0")
    args = parser.parse_args()
    run = Run.open(args.run)
    sums(run)
    if args.demo:
        reasons(run)
        interests(run)


def sums(run: Run) -> None:
    s, rng = run.served, np.random.default_rng(0)
    exact = s.model.exactly(s.train)  # type: ignore[attr-defined]
    worst = {"events": 0.0, "senses": 0.0, "float32 score": 0.0}
    for user in rng.integers(0, len(s.users), PAIRS):
        item = rng.integers(0, len(s.items), 1).astype(np.int32)
        query = s.train.queries().take(np.array([user]))
        told = exact.told(query.histories).sum(axis=0)
        place = np.searchsorted(exact.ground.solved, item[0])
        if place < len(exact.ground.solved) and exact.ground.solved[place] == item[0]:
            score = float(told @ exact.matrix[:, place])
        else:
            mixture = exact.mixture(item.astype(np.int64))[0]
            score = float(exact.ground.terms.cold_scale * (told @ exact.base @ mixture))
        found = s.model.explain(query, item, s.train)  # type: ignore[attr-defined]
        size = max(float(np.abs(found.shares).sum()), 1e-300)
        worst["events"] = max(worst["events"], abs(found.by_event.sum() - score) / size)
        worst["senses"] = max(worst["senses"], abs(found.by_sense.sum() - score) / size)
        single = float(s.model.score(query, item)[0, 0])
        worst["float32 score"] = max(worst["float32 score"], abs(single - score) / size)
    for name, gap in worst.items():
        print(f"largest gap of {PAIRS} pairs, relative to the shares' size, {name}: {gap:.2e}")


def reasons(run: Run) -> None:
    shop, s, rng = build(), run.served, np.random.default_rng(0)
    row = {item.item_id: place for place, item in enumerate(shop.items)}
    any_reason = both_first = with_both = asked = 0
    for user in rng.permutation(len(s.users))[:PAIRS]:
        name = s.users[int(user)]
        item = run.recommend(user=name, k=1)["item_id"][0]
        events = run.explain(item, user=name).events
        shares = events.groupby("item_id")["share"].sum()
        planted = shop.reason(row[item], [row[i] for i in shares.index])
        strongest = row[str(shares.idxmax())]
        if not (planted.both or planted.theme or planted.look or planted.product):
            continue
        asked += 1
        any_reason += strongest in {*planted.both, *planted.theme, *planted.look, *planted.product}
        if planted.both:
            with_both += 1
            both_first += strongest in {*planted.both, *planted.product}
    print(f"strongest event shares theme, look or product: {any_reason} of {asked}")
    print(f"strongest event shares theme and look, where one does: {both_first} of {with_both}")


def interests(run: Run) -> None:
    shop, s = build(), run.served
    row = {item.item_id: place for place, item in enumerate(shop.items)}
    place = np.array([row[item] for item in s.items])
    person = {one.user_id: one for one in shop.people}
    spoken = s.histories.spoken().astype(np.float64)
    everyone = np.bincount(np.maximum(s.histories.items, 0), spoken, len(s.items))
    took = s.histories.matrix(len(s.items)).astype(np.float64)
    traits = Traits.of(s)
    heard, moved = (np.array([getattr(item, name) for item in shop.items]) for name in ("timbre", "motion"))
    truths = {"theme": shop.themes, "look": shop.looks, "timbre": heard, "motion": moved}
    planted = {"text": "theme", "image": "look", "audio": "timbre", "motion": "motion"}
    right: dict[str, int] = {}
    asked = 0
    for user in range(len(s.users)):
        mine = took[[user]].toarray().ravel()
        if np.count_nonzero(mine) < 3:
            continue
        asked += 1
        who = person[s.users[user]]
        likes = {"theme": {t for t, _ in who.tastes}, "look": {look for _, look in who.tastes}}
        likes |= {"timbre": {who.timbre}, "motion": {who.motion}}
        for marks in strongest(traits, mine, everyone, s.cards.titles, 1):
            if not marks.names or marks.by not in {*planted, "fused"}:
                continue
            members = place[marks.has.nonzero()[0]]
            hits = {what for what, truth in truths.items() if np.bincount(truth[members]).argmax() in likes[what]}
            if marks.by == "fused":
                for least in (1, 2, 3):
                    name = f"fused has at least {least} of the four planted likings"
                    right[name] = right.get(name, 0) + (len(hits) >= least)
            else:
                name = f"by {marks.by} has a planted {planted[marks.by]}"
                right[name] = right.get(name, 0) + (planted[marks.by] in hits)
    for name, count in right.items():
        print(f"strongest interest {name}: {count / asked:.3f} of {asked}")
    for what, by in (("timbre", "tune"), ("motion", "clip")):
        there = np.array([getattr(item, by) is not None for item in shop.items])[place]
        truth, frequent = truths[what][place], 0
        for user in range(len(s.users)):
            mine = took[[user]].toarray().ravel()
            if np.count_nonzero(mine) >= 3:
                most = np.bincount(truth[there], mine[there]).argmax()
                frequent += int(most == getattr(person[s.users[user]], what))
        print(f"the planted {what} is the most frequent among what they took that has a {by}: {frequent / asked:.3f}")


if __name__ == "__main__":
    main()
