"""An RTSP server as a camera has one: GStreamer's, that plays clips. Run by the system's Python, which has `gi`:

`rtsp_server.py PORT USER:PASSWORD PATH=CLIP…`; each path wants the password (digest).
"""

from __future__ import annotations

import sys

import gi  # type: ignore[import-not-found]

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # type: ignore[import-not-found]  # noqa: E402

DIGEST = 2  # GstRtsp.RTSPAuthMethod
PICTURES = {
    "h264": "qtdemux name=q q.video_0 ! queue ! h264parse ! rtph264pay name=pay0 pt=96",
    "hevc": "qtdemux name=q q.video_0 ! queue ! h265parse ! rtph265pay name=pay0 pt=96",
    "opus": "matroskademux name=q q.video_0 ! queue ! h264parse ! rtph264pay name=pay0 pt=96 "
    "q.audio_0 ! queue ! opusparse ! rtpopuspay name=pay1 pt=97",
}


def main(port: str, account: str, *paths: str) -> None:
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    for path, _, clip in (one.partition("=") for one in paths):
        factory = GstRtspServer.RTSPMediaFactory()
        picture = PICTURES.get(path, PICTURES["h264"])
        factory.set_launch(f"( filesrc location={clip} ! {picture} )")
        allowed = GstRtspServer.RTSPPermissions()
        for right in ("access", "construct"):
            allowed.add_permission_for_role("user", f"media.factory.{right}", True)
        factory.set_permissions(allowed)
        server.get_mount_points().add_factory(f"/{path}", factory)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(DIGEST)
    auth.add_digest(*account.split(":"), token)
    server.set_auth(auth)
    server.attach(None)
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(*sys.argv[1:])
