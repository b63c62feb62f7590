"""How far a connection has come: what an engine keeps of each, in one byte."""

FREE = 0  # nobody is at this descriptor
CLOSING = 1  # it was told to go, and is read until its end
SERVING = 2  # an HTTP answer is on its way
OPENING = 3  # its WebSocket is not open yet
SHAKEN = 4  # it is, but nobody has said hello
OPEN = 5
