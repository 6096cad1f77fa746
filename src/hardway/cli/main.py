"""Entry point of the command `hardway`: however a run ends, people get a sentence and programs an exit code."""

import sys


def main() -> None:
    """Run the command; a user's mistake ends with a message and the error's exit code, never with a traceback."""
    try:
        # Reading all the verbs takes a moment, in which somebody may already press Ctrl-C.
        from hardway.cli import app, ui
        from hardway.errors import HardwayError

        try:
            app.app(standalone_mode=True)
        except HardwayError as error:
            ui.failure(error)
            sys.exit(error.exit_code)
        except OSError as error:
            # A full disk, a directory that may not be written to: this machine's, the nodes are told of by name.
            ui.failure(HardwayError(error.strerror or str(error), str(error.filename or "")))
            sys.exit(HardwayError.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: run the same command again, it continues where the nodes stand\n")
        sys.exit(130)
