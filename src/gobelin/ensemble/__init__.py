"""Decision level: many models' scores to one, as functions of arrays that know nothing of recommenders.

Scores of several models are one array (models, rows, columns): rows are queries or examples, columns are items or
classes. allowed: (rows, columns), the cells that count; every rule passes over the others and leaves them at 0.
"""
