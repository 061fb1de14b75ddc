"""Keep secrets out of tracebacks that show variables: botocore's frames hold requests with tokens and signatures."""

from __future__ import annotations


def drop_frames(error: BaseException, handled: BaseException | None) -> None:
    """Remove the frames of an exception, and of those that it was raised from or while handling; their messages stay.

    An exception that is raised again gets the frames from there on, which are this package's and the caller's.

    Parameters
    ----------
    error
        The exception.
    handled
        What the caller was handling before, by ``sys.exception()``: it is the caller's, and is not changed.
    """
    waiting: list[BaseException | None] = [error]
    seen: set[int] = {id(handled)}
    while waiting:
        each = waiting.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            each.__traceback__ = None
            waiting += [each.__cause__, each.__context__]
