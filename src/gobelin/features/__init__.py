"""Content to FeatureTable: encoders run by batches, through a content-addressed cache, with a report of what is absent."""
