"""From a folder or frames to checked values: catalogue, events, splits, health."""
