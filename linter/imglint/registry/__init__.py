"""What container registries know about images. Imported only with `--online`."""
