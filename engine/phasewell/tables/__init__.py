"""Rows out: schema, Parquet parts, DuckDB and exports."""
