"""Text to sound, by the engine that is installed here: espeak-ng, or any command that writes a sound file.

The command reads the text on its standard input and writes WAV, or anything else that `ogg.from_clip` reads, to its
standard output. `{voice}` in it is cmn where the text has Chinese in it, else en.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
from asyncio import subprocess

from fusioncmd.errors import BadInput, Unavailable
from fusioncmd.messages import Order
from fusioncmd.voice import ogg
from fusioncmd.voice.bounds import SPEECH_MAKES_S_MAX

VARIABLE = "FUSIONCMD_SPEECH"
DEFAULT = "espeak-ng -v {voice} -s 150 --stdin --stdout"
_HAN = re.compile(r"[\u3400-\u9fff]")


def words_of(order: Order) -> str:
    """As it is read out: what it is, what it says, and which key answers what."""
    chinese = _HAN.search(order.text) is not None
    said = [{"actual": "实战指令", "exercise": "演练"}[order.status] if chinese else order.status, order.text]
    for n, answer in enumerate(order.answers, 1):
        said.append(f"{answer}，请按{n}" if chinese else f"for {answer}, press {n}")
    return "。".join(said) if chinese else ". ".join(said)


async def spoken(text: str) -> list[bytes]:
    """Opus packets of 20 ms. `Unavailable` when there is no engine, or it fails."""
    voice = "cmn" if _HAN.search(text) else "en"
    command = shlex.split((os.environ.get(VARIABLE) or DEFAULT).replace("{voice}", voice))
    try:
        engine = await asyncio.create_subprocess_exec(
            *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except OSError as error:
        raise Unavailable(
            f"There is no speech engine: {error}. Install espeak-ng, or name one in {VARIABLE}.",
            f"没有语音合成引擎：{error}。请安装 espeak-ng，或用 {VARIABLE} 指定。",
        ) from None
    try:
        async with asyncio.timeout(SPEECH_MAKES_S_MAX):
            sound, _ = await engine.communicate(text.encode())
    except TimeoutError:
        engine.kill()
        await engine.wait()
        raise Unavailable("The speech engine takes too long.", "语音合成超时。") from None
    if engine.returncode:
        raise Unavailable(f"The speech engine fails ({engine.returncode}).", f"语音合成失败（{engine.returncode}）。")
    try:
        return await asyncio.to_thread(ogg.from_clip, sound)
    except BadInput:
        raise Unavailable("The speech engine gives no sound.", "语音合成引擎没有输出声音。") from None
