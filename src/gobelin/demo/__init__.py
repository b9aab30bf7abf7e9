"""The demo shop: a small catalogue and its log, drawn from a seed, whose truth is planted.

Every product has a *theme*, told only by its words, and a *look*, shown only by its picture. People like a theme in a
look, so a recommender has to read and to see; what it says about a person can be checked against `DemoShop`.

    shop = build(seed=0)
    write(shop, Path("shop"))
"""

from gobelin.demo.world import ITEMS, PEOPLE, DemoShop, Event, Item, Match, Person, Reason, build
from gobelin.demo.write import write

__all__ = ["ITEMS", "PEOPLE", "DemoShop", "Event", "Item", "Match", "Person", "Reason", "build", "write"]
