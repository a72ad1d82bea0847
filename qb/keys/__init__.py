"""`qb keys`: gives keys, lists them, takes them back."""
