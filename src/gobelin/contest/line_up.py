"""Who competes in a run: the recipe's model, the same with fewer senses, and the baselines."""

from collections.abc import Mapping
from dataclasses import replace

from gobelin.contest.contenders import Contender, reads_senses
from gobelin.errors import RecipeError, nearest
from gobelin.recipe import EACH_SENSE, Recipe
from gobelin.values import FeatureTable

MEDIA = ("text", "image", "audio", "video")

DEAF = "without cues"
"""The ablation that does not hear what people say and who they are."""


def line_up(
    recipe: Recipe, table: FeatureTable, *, baselines: bool, hear: Mapping[str, float | None] | None = None
) -> list[Contender]:
    """The chosen model first, then its ablations, then the baselines; hear: as all but the deaf one may."""
    every = _line_up(recipe, table, baselines)
    if not hear:
        return every
    heard = [replace(one, hear=hear) for one in every]
    if baselines and (recipe.ablations is True or (recipe.ablations and DEAF in recipe.ablations)):
        heard.insert(1, replace(every[0], name=f"{recipe.name} ({DEAF})", role="ablation"))
    return heard


def _line_up(recipe: Recipe, table: FeatureTable, baselines: bool) -> list[Contender]:
    senses = tuple(table)
    spec = recipe.model
    chosen = Contender(recipe.name, "chosen", spec.part, spec.settings, senses)
    out = [chosen]
    if not baselines:
        return out
    if recipe.ablations and senses and reads_senses(spec.part, spec.settings):
        for name, fewer in _ablations(recipe, table).items():
            out.append(replace(chosen, name=f"{recipe.name} ({name})", role="ablation", senses=fewer))
    for name, base in recipe.baselines.items():
        settings = base.settings
        each = settings.pop(EACH_SENSE, False)
        if reads_senses(base.part, settings) and not senses:
            continue
        if each and len(senses) > 1:
            out += [Contender(f"{name} ({s})", "baseline", base.part, settings, (s,)) for s in senses]
        out.append(Contender(name, "baseline", base.part, settings, senses))
    return out


def _ablations(recipe: Recipe, table: FeatureTable) -> dict[str, tuple[str, ...]]:
    every = fewer_senses(table)
    if isinstance(recipe.ablations, bool):
        return every
    modalities = by_modality(table)
    named: dict[str, tuple[str, ...]] = {}
    for name in recipe.ablations:
        if name == DEAF:
            continue
        several = [one.strip() for one in name.split("+")]
        if name in every:
            named[name] = every[name]
        elif set(several) <= set(modalities):
            named[name] = tuple(s for s in table if table[s].modality in several)
        else:
            raise RecipeError(
                f"ablations names {name!r}.{nearest(name, every)}",
                "one of " + ", ".join(every) + ", or modalities joined by +.",
                "correct the name, or say ablations = true for all.",
            )
    return named


def by_modality(table: FeatureTable) -> dict[str, tuple[str, ...]]:
    out: dict[str, tuple[str, ...]] = {}
    for sense in table:
        out[table[sense].modality] = (*out.get(table[sense].modality, ()), sense)
    return out


def fewer_senses(table: FeatureTable) -> dict[str, tuple[str, ...]]:
    """By name the senses of each ablation: the log alone, one modality alone, all media, and of more than two media
    all modalities but one.

    Two encoders of one modality stand and fall together: what they add to each other is no question of the data.
    """
    modalities = by_modality(table)
    sets: dict[str, tuple[str, ...]] = {"log": ()}
    if len(modalities) > 1:
        sets |= modalities
        media = [modality for modality in modalities if modality in MEDIA]
        if 1 < len(media) < len(modalities):
            sets[" + ".join(media)] = tuple(s for s in table if table[s].modality in media)
        if len(media) > 2:
            sets |= {f"without {one}": tuple(s for s in table if table[s].modality != one) for one in media}
    return sets
