"""`python -m imglint`: runs the command. Before this module, Python imports `imglint`, which takes the current folder off the path of modules."""

from imglint.main import main

if __name__ == "__main__":
    main()
