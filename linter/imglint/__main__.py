"""`python -m imglint`: runs the command."""

import os
import sys

if not sys.flags.safe_path and os.path.dirname(os.path.dirname(os.path.abspath(__file__))) != os.path.abspath(sys.path[0]):
    # Python imports modules from the current folder first, which may be untrusted: a click.py in it would be executed.
    del sys.path[0]

from imglint.main import main

if __name__ == "__main__":
    main()
