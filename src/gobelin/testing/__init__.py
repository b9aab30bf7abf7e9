"""Contract checks and known-answer worlds, shipped with the package so that plugins can use them."""
