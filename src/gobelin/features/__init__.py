"""Content to FeatureTable: encoders run by batches through a content-addressed cache; what is absent is told."""
