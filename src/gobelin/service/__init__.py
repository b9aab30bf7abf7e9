"""Answers from a finished run, as plain functions: what the command line, and later the API and pages, are faces of."""

from gobelin.service.run import Run

__all__ = ["Run"]
