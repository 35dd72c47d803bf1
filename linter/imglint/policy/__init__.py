"""Loading policy files, and looking up the settings for files, images and rules."""
