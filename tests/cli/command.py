"""The command line within a test."""

from poet.cli import main as cli


def command(*arguments: str) -> int:
    """Call `poet` with these arguments; returns its exit code."""
    try:
        return cli.main(list(arguments))
    except SystemExit as error:
        return int(error.code or 0)
