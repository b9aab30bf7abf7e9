"""Recommenders, one file each: found by their name, listed without import."""
