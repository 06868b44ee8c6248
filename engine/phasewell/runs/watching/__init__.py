"""While a run works: what it tells of itself, and who looks."""
