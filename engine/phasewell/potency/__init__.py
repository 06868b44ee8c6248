"""Models of potency on profiles, and their honest validation."""
