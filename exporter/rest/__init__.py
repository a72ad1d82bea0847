"""The REST paths, the overview with its live stream, and flat rows for tools. Money is a decimal string."""
