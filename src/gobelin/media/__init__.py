"""Raw content to arrays and plain text. Files are foreign: whatever they hold, the answer is a value, not a crash."""
