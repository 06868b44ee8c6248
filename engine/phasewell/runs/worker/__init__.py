"""One worker: the way of many units from their shards to committed parts, and the memory that it takes."""
