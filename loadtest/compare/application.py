"""`python -m loadtest.compare.application`: the little program beside a broker, which publishes the order and counts.

It speaks the broker's protocol by itself, without a client library, so that the figures are the broker's. Commands come
as words on standard input, answers go out as lines of JSON; the first line says that it is subscribed.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import select
import socket
import sys
import time

from loadtest.compare.payloads import Count
from loadtest.compare.publishing import Application, MqttApplication, NatsApplication, NchanApplication

READ_BYTES = 256 * 1024
RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024


class Desk:
    """The sockets: answers come in on one, the order goes out on the same or, by HTTP, on another."""

    def __init__(self, side: Application, port: int, total: int) -> None:
        self._side, self.count = side, Count(total)
        self._rest = b""
        self.answers = _connected(port)
        self.orders = _connected(port) if isinstance(side, NchanApplication) else self.answers
        self.answers.sendall(side.subscribe)
        while not self.read():
            pass

    def read(self) -> bool:
        """Take in what came; True once it says that answers will."""
        data = self.answers.recv(READ_BYTES)
        if not data:
            sys.exit("The broker has closed the connection.")
        came = self._side.hears(self._rest + data)
        self._rest = came.rest
        if came.reply:
            self.answers.sendall(came.reply)
        now_s = time.monotonic()
        for payload in came.answers:
            self.count.take(payload, now_s)
        return came.subscribed

    def read_status(self) -> None:
        """The broker's reply to a POST."""
        data = self.orders.recv(READ_BYTES)
        if not data.startswith((b"HTTP/1.1 201 ", b"HTTP/1.1 202 ")):
            sys.exit(f"The order was not taken: {data[:100]!r}")

    def obey(self, word: str) -> None:
        if word == "go":
            self.count.begin()
            self.orders.sendall(self._side.publish)
        print(json.dumps(self.count.figures()), flush=True)


def _connected(port: int) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.connect(("127.0.0.1", port))
    return connection


def side_of(protocol: str, port: int) -> Application:
    match protocol:
        case "nats":
            return NatsApplication()
        case "mqtt":
            return MqttApplication()
        case _:
            return NchanApplication(f"127.0.0.1:{port}")


def run(desk: Desk) -> None:
    """Until standard input ends."""
    commands = sys.stdin.fileno()
    while True:
        ready, _, _ = select.select([desk.answers, desk.orders, commands], [], [])
        if desk.answers in ready:
            desk.read()
        if desk.orders in ready and desk.orders is not desk.answers:
            desk.read_status()
        if commands in ready:
            words = os.read(commands, 4096).decode().split()
            if not words:
                return
            for word in words:
                desk.obey(word)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m loadtest.compare.application", description=__doc__)
    parser.add_argument("--protocol", choices=("nats", "mqtt", "nchan"), required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--terminals", type=int, required=True)
    given = parser.parse_args()
    gc.disable()
    desk = Desk(side_of(given.protocol, given.port), given.port, given.terminals)
    print(json.dumps({"subscribed": True}), flush=True)
    run(desk)


if __name__ == "__main__":
    main()
