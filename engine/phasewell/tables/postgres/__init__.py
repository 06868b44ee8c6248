"""Results in PostgreSQL: the storage behind the tables, its migrations, and loads that count every part once."""
