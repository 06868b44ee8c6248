"""Plan, task, commit: the only layer that knows both files and compute."""
