"""Augmentation, one file a sense: content in, changed content of the same kind out, every choice drawn from `rng`.

    steps = Augmentation((Step(image.flip, chance=0.5), Step(image.colour, settings={"hue": 0.02})))
    steps.many(picture, 4, np.random.default_rng(0))

Each function takes (content, rng, settings): a strength of 0 leaves the content as it is, the content given is never
written to, and the same generator gives the same result. `views` uses them at encoding: the mean over several views.
"""

from gobelin.media.augment.augmentation import Augmentation, Step

__all__ = ["Augmentation", "Step"]
