"""The life of one camera: when ffmpeg is begun for it and when ended, and what is said of it meanwhile. Pure.

It waits, opens, plays, ends, and waits again: longer each time, longest for what a person has to set right. Times are
seconds of a clock that nobody sets.
"""

from __future__ import annotations

from typing import Literal

from gateways.camera import troubles
from gateways.camera.bounds import (
    KEYFRAME_S_MAX,
    LISTEN_S_MAX,
    OPEN_S_MAX,
    PASSWORD_S,
    PAUSE_S_MAX,
    PAUSE_S_MIN,
    PROBE_S_MAX,
    PROBE_S_MIN,
    QUIET_S_MAX,
    SET_WRONG_S,
    STEADY_S,
)
from gateways.camera.signs import Found, Ready, Sign, Wrong
from gateways.camera.troubles import Words

_SPREAD = 0.25  # of a pause: cameras that went together do not all come together
_SAID_S = 3.0  # of silence, until it is said
_TO_SET = (troubles.NOT_THERE, troubles.NO_VIDEO, troubles.NO_FFMPEG, troubles.NO_PORT)


class Life:
    """`pushed`: it comes to us. `share`: of the spread, from 0 to 1, another one for each camera."""

    def __init__(self, pushed: bool, share: float, now_s: float) -> None:
        self.state: Literal["waiting", "opening", "playing", "ending"] = "waiting"
        self.sound = False  # its sound is known to be Opus
        self.no_sound = ""  # what its sound is, where it is something else
        self.starts = 0
        self.probe_s = PROBE_S_MIN  # how much of it is looked at
        self._pushed, self._share = pushed, share
        self._words = troubles.WAITING if pushed else troubles.OPENING
        self._wrong: Words | None = None  # of this start
        self._next_s, self._pause_s = now_s, PAUSE_S_MIN
        self._deadline_s: float | None = None
        self._since_s = self._came_s = self._keyframe_s = now_s
        self._picture = self._agreed = self._again = self._to_set = False

    def due(self, now_s: float, may_start: bool) -> Literal["start", "stop"] | None:
        """What is to be done now; `may_start`: there is room for one more that opens."""
        if self.state == "waiting":
            return "start" if may_start and now_s >= self._next_s else None
        if self.state == "opening":
            if self._wrong is None and self._deadline_s is not None and now_s > self._deadline_s:
                self._wrong = troubles.NO_PICTURE if self._picture or self._pushed else troubles.NO_ANSWER
            return "stop" if self._wrong is not None or self._again else None
        if self.state == "playing" and now_s - self._came_s > QUIET_S_MAX:
            self._wrong = troubles.SILENT
            return "stop"
        return None

    def begun(self, now_s: float) -> None:
        """ffmpeg runs."""
        self.state, self._since_s, self._wrong = "opening", now_s, None
        self._picture = self._agreed = self._again = self._to_set = False
        self._deadline_s = None if self._pushed else now_s + OPEN_S_MAX
        self.starts += 1

    def joined(self, now_s: float) -> None:
        """Somebody came to push: a picture follows soon, or somebody else may come."""
        if self._deadline_s is None:
            self._deadline_s = now_s + OPEN_S_MAX

    def sign(self, sign: Sign) -> None:
        match sign:
            case Found("Video", codec) if not self._picture:
                self._picture = True
                if (words := troubles.codec(codec)) != troubles.FINE:
                    self._wrong, self._to_set = words, True
            case Found("Audio", codec):
                self.no_sound = "" if codec == "opus" else codec
                if codec == "opus" and not self.sound:
                    self.sound = True
                    self._again = not self._pushed  # a drone would have to come again: from the next time on
                elif codec != "opus" and self.sound:
                    self.sound, self._again = False, True
            case Ready():
                self._agreed = True
            case Wrong(troubles.PASSWORD) if self._pushed:  # by SRT, which keeps them out by itself
                self._words = troubles.STRANGER
            case Wrong(words) if self._wrong is None:
                self._wrong = words
            case _:
                pass

    @property
    def takes(self) -> bool:
        """Whether packets are those of a camera that was let in, with a codec that is taken."""
        return self._agreed and self._wrong is None and not self._again and self.state in ("opening", "playing")

    def came(self, now_s: float) -> None:
        """Packets of a picture."""
        if self.state == "opening":
            self.state, self._since_s, self._keyframe_s = "playing", now_s, now_s
        self._came_s = now_s

    def keyframe(self, now_s: float) -> None:
        self._keyframe_s = max(self._keyframe_s, now_s)

    def stopping(self) -> None:
        """It was told to end."""
        self.state, self._words = "ending", self._wrong or self._words

    def ended(self, now_s: float, words: Words | None = None) -> None:
        """ffmpeg ended, or (with `words`) could not begin."""
        played_s = now_s - self._since_s if self.state == "playing" or self._wrong == troubles.SILENT else 0.0
        wrong = words or self._wrong
        if wrong is None:
            wrong = troubles.ENDED if played_s or self.state == "playing" else troubles.FAILED
        if wrong == troubles.NO_PICTURE:  # its keyframes are further apart
            self.probe_s = min(2 * self.probe_s, PROBE_S_MAX)
        if self._again:
            wrong, pause_s = troubles.OPENING, 0.0
        elif wrong == troubles.PASSWORD and not self._pushed:
            pause_s = PASSWORD_S
        elif self._to_set or wrong in _TO_SET:
            pause_s = SET_WRONG_S
        else:
            pause_s = PAUSE_S_MIN if played_s >= STEADY_S else self._pause_s
            self._pause_s = min(2 * pause_s, PAUSE_S_MAX)
        if self._pushed:
            pause_s = min(pause_s, LISTEN_S_MAX)
            wrong = troubles.WAITING if wrong in (troubles.ENDED, troubles.FAILED) else wrong
        self.state, self._words, self._again, self._wrong = "waiting", wrong, False, None
        self._next_s = now_s + pause_s * (1 + _SPREAD * self._share)

    def trouble(self, now_s: float) -> Words:
        """Why nothing is seen of it, as `Source.trouble` has it."""
        if self.state != "playing":
            return self._words
        if now_s - self._came_s > _SAID_S:
            return troubles.SILENT
        if now_s - self._keyframe_s > KEYFRAME_S_MAX:
            return troubles.NO_KEYFRAME
        return troubles.FINE
