"""`python -m poet` and the `poet` command."""

import sys

from poet.cli.main import main as _main


def main() -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(_main())


if __name__ == "__main__":
    main()
