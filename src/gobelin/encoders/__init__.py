"""Content to vectors; one file each.

The user's own vectors (`features/NAME.parquet`) need no encoder: they are Features already, and `encode_table` puts
them into the table under their file's name.
"""
