"""Stand-ins for machines of which an audit asks something."""

from collections.abc import Iterable

from hardway.engine.transport import Result


class OnlyAnswers:
    """The half of a transport that all of them have: an audit sends nothing."""

    async def send(self, line: str, data: Iterable[bytes]) -> Result:
        """Nobody should."""
        raise AssertionError("nothing is sent")

    async def close(self) -> None:
        """There is no connection."""
