"""One call of a conversation of the conformance kit, answered otherwise than it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from conformance.conversations import Conversation
from conformance.kit import Kit
from conformance.kits import KITS

from core.errors import RECOVERY, ChannelError, ErrorCode, Recovery
from core.flow import Request, Response

MOST_ASKED = 60  # by one flow that is answered the same again and again


Talks = dict[str, list[Conversation]]


@dataclass(frozen=True)
class Step:
    """One call of a conversation: *place* is its number, *answer* what it was answered."""

    kit: Kit
    talk: Conversation
    place: int

    @property
    def request(self) -> Request:
        return self.talk.asked[self.place].request

    @property
    def answer(self) -> Response:
        return self.talk.asked[self.place].answer

    def __str__(self) -> str:
        return f"{self.talk.name} {self.place}: {self.request.method} {self.request.path}"

    def answered(
        self, answer: Response | ErrorCode, then: Response | None = None
    ) -> tuple[Any, list[Request]]:
        """How the flow ends, and what it asked from here on, when this call gets *answer* and later ones *then*, or
        *answer* again.
        """
        flow = self.talk.make()
        request, asked = next(flow), []
        for sent in self.talk.asked[: self.place]:
            error = self.kit.connector.classify(sent.answer)
            request = flow.throw(error) if error else flow.send(sent.answer)
        try:
            while len(asked) < MOST_ASKED:
                asked.append(request)
                refused = (
                    self.kit.connector.classify(answer)
                    if isinstance(answer, Response)
                    else ChannelError(answer)
                )
                request = flow.throw(refused) if refused else flow.send(answer)
                answer = then or answer
        except StopIteration as stop:
            return stop.value, asked
        except ChannelError as error:
            return error, asked
        raise AssertionError(f"{self} goes on asking")


def steps(channel: str, talks: Talks) -> Iterator[Step]:
    """Every call of every conversation with *channel*."""
    for talk in talks[channel]:
        for place in range(len(talk.asked)):
            yield Step(KITS[channel], talk, place)


def told(end: Any) -> list[ErrorCode]:
    """The refusals that a flow ended with: its own, or those of the single writes of a batch; none where it went well."""
    if isinstance(end, ChannelError):
        return [end.code]
    rows = end if isinstance(end, tuple) else ()
    return [ErrorCode(row.error) for row in rows if getattr(row, "error", None)]


def unknown(end: Any) -> bool:
    """Whether a flow ended not knowing what happened, so that the channel is read before anything is repeated."""
    return bool(told(end)) and all(RECOVERY[code] is Recovery.READ_BACK for code in told(end))
