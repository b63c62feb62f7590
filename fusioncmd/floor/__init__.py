"""Who may speak in a talkgroup: the floor of 3GPP TS 24.380, on one node or on several that lose each other. Pure."""
