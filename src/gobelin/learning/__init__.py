"""How networks learn: losses, samplers, optimisers, schedules, checkpoints and the one loop.

Everything here works on torch tensors, wants the extra `deep`, and knows no recommender: models hand in a network,
batches and a loss. No global state: what is drawn at random comes from a generator that is handed down.
"""
