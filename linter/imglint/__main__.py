"""`python -m imglint`: the command. Imports main."""

from imglint.main import main

if __name__ == "__main__":
    main()
