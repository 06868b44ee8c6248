"""Networks from plates: the pictures they learn from, training, and INT8."""
