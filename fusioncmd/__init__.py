"""fusioncmd: contracts and pure rules that every process shares, the bus, and the commander's CLI."""

__version__ = "0.1.0"
