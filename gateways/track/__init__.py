"""Positions from outside: drones by MAVLink, TAK clients by Cursor on Target; and ours to TAK clients."""
