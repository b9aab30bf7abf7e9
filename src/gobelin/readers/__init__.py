"""Readers: content to readings that people can read, one file each. See `gobelin parts readers`."""
