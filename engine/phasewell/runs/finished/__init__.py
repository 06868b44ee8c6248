"""After a run: its profile and scores of wells, models fitted on it and applied to it, its agreement with masks."""
