"""Browsers' sound: WebRTC on one side, talkgroups of the bus on the other."""
