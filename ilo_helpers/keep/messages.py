"""What the package says while it works."""

import sys


def say(text: object) -> None:
    """Print, with a question mark for each letter that the terminal does not have.

    A locale of C must not end hours of work because a name is in Telugu.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(str(text).encode(encoding, "replace").decode(encoding), flush=True)
