"""`python -m imglint`: the command. Imports main."""

import os
import sys

if not sys.flags.safe_path and os.path.dirname(os.path.dirname(os.path.abspath(__file__))) != os.path.abspath(sys.path[0]):
    # Python looks for modules in the current folder first, and that may be a stranger's: a click.py in it would be run.
    del sys.path[0]

from imglint.main import main

if __name__ == "__main__":
    main()
