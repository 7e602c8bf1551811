"""The search: ask for a trial, run it somewhere safe, record it, learn from it."""
