"""The run folder: which run it holds, what is planned and done in it, of which code, and who may write."""
