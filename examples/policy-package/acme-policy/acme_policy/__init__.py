"""ACME's registry policy. imglint reads registry.yaml without importing this package."""
