"""The page of a reproduction of paper R."""
