"""From paths to a report: finding files, reading them, judging what they hold."""
