"""How answers about one person and one item are shown."""

import pandas as pd

from gobelin.cli import show
from gobelin.service.attributes import ItemAttributes
from gobelin.service.why import Explanation


def show_explanation(found: Explanation, k: int) -> None:
    """Shares as parts of the summed sizes: what speaks against the item is negative."""
    said = found.as_json()
    show.out.print(f"{found.title} ({found.item_id}): rank {found.rank:,}, score {found.score:.4f}")
    show.out.print()
    size = sum(abs(sense["share"]) for sense in said["senses"]) + abs(found.prior) or 1.0
    rows = [[one["sense"], f"{one['share'] / size:.0%}", f"{one['rank_without']:,}"] for one in said["senses"]]
    if found.prior:
        rows.append(["popularity", f"{found.prior / size:.0%}", ""])
    show.table(["through", "share", "rank without it"], rows)
    show.out.print()
    if not said["events"]:
        show.out.print("The history is empty: what is popular answers.")
        return
    events = []
    for one in said["events"][:k]:
        without = "" if one["rank_without"] is None else f"{one['rank_without']:,}"
        events.append([one["title"], one["kind"], one["time"] or "", f"{one['share'] / size:.0%}", without])
    show.table(["because of", "event", "at", "share", "rank without it"], events, numeric=3)


def show_interests(found: pd.DataFrame) -> None:
    if not len(found):
        show.out.print("The history says nothing that everyone's does not.")
        return
    rows = [
        [
            one["by"],
            one["interest"],
            f"{one['yours']:.0%}",
            f"{one['everyone']:.0%}",
            f"{one['strength']:.1f}",
            ", ".join(one["evidence"]),
        ]
        for one in found.to_dict(orient="records")
    ]
    show.table(["by", "interest", "yours", "everyone", "strength", "evidence"], rows, numeric=2)


def show_attributes(found: ItemAttributes) -> None:
    show.out.print(f"{found.title} ({found.item_id})")
    show.out.print()
    rows = [[one.attribute, one.value, f"{one.confidence:.0%}", one.source] for one in found.readings]
    if rows:
        show.table(["attribute", "value", "confidence", "source"], rows, numeric=2)
    else:
        show.out.print("Nothing is said of it.")
    for note in found.notes:
        show.out.print(note)
