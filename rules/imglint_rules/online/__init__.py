"""The built-in rules that run only with `--online`. They are written like the others, but imported only then, or for a policy that names them."""
