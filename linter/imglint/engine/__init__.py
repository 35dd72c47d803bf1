"""From paths to a report: find files, read them, and judge their facts."""
