"""The responder gateway: phones and other WebSocket terminals (PROTOCOL.md)."""
