"""The console of rich, for everything that is more than a line of text."""

import rich.console


class Console(rich.console.Console):
    """Raises `BrokenPipeError` where the reader of a pipe is gone, as `print` does; rich would end the process."""

    def on_broken_pipe(self) -> None:
        """Called by rich instead of the error."""
        raise BrokenPipeError
