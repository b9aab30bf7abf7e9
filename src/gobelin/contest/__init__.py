"""A fair contest: who competes, one search for all, one bench, and the evidence that a report is made of."""
