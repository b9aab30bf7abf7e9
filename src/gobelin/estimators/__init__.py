"""Vectors to classes, labels or numbers: scikit-learn's estimators as parts, one file each."""
