"""Feature and data level: a table of senses in, one Features out; one file each.

A fusion is fitted on the rows that may be learned from, and fuses any rows that have the same senses, those added later
too. A sense that a row lacks is a state, not a zero: each file says what it does then. Those of the data level say so
(`level = "data"`) and are made for content as it is.
"""
