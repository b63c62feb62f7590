"""What asyncio says of every TLS connection that ends is not told to an operator; all else that it says is."""

from __future__ import annotations

import logging

import pytest

from fusioncmd.logs import configure_logs


def test_the_end_of_a_tls_connection_is_no_news_and_other_warnings_are(caplog: pytest.LogCaptureFixture) -> None:
    configure_logs()
    logging.getLogger("asyncio").warning("returning true from eof_received() has no effect when using ssl")
    logging.getLogger("asyncio").warning("socket.send() raised exception.")
    assert [record.getMessage() for record in caplog.records] == ["socket.send() raised exception."]
