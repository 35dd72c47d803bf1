"""The commands, one module each, and the command line that starts them."""

COMMANDS = ("check", "images", "rules", "explain", "init", "schema")
