"""Before a run: which units remain, how large it is made on this host, and how long it may take."""
