"""Predictions beyond ranking: classes, labels, numbers and clusters of records from all their senses."""
