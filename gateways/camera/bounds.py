"""Every bound of the camera gateway, with its unit and outcome. Pure.

Outcomes as in `fusioncmd/limits.py`: *shed* (dropped and counted), *disconnect* (ffmpeg is ended, and begun again).
"""

from fusioncmd.video.bounds import RTP_BYTES_MAX

PAUSE_S_MIN, PAUSE_S_MAX = 1.0, 60.0  # before it is tried again, doubled each time
SET_WRONG_S = 60.0  # the same, after what a person has to set right at the camera
PASSWORD_S = 600.0  # the same, after a wrong password: cameras lock out who tries it every few seconds
LISTEN_S_MAX = 5.0  # before one that pushes is listened to again
STEADY_S = 30.0  # playing for so long: the next pause is short again
OPEN_S_MAX = 20.0  # until there are packets, of a camera or of one that came to push: disconnect
QUIET_S_MAX = 10.0  # of a picture that came before: disconnect
KEYFRAME_S_MAX = 5.0  # without one, it is said
END_S_MAX = 2.0  # for ffmpeg to end; then it is killed
STARTS_AT_ONCE_MAX = 8  # of ffmpeg that have no packets yet; the others wait

PACKET_BYTES = 1_200  # of RTP that ffmpeg makes, so that it fits every way with what SRTP adds
PACKETS_PER_WAKE = 256  # read of one camera before the others have their turn
WAITING_BYTES_MAX = 1024**2  # of packets that the bus did not take: shed, up to the next picture that begins anew
GATHER_S = 0.004  # packets of a frame wait for its last one so long
MEMORY_BYTES_MAX = 512 * 1024**2  # address space of one ffmpeg: it ends, and is begun again
ALLOC_BYTES_MAX = 32 * 1024**2  # of one block that ffmpeg takes
FILES_MAX = 64  # that one ffmpeg may have open
NICE = 5  # beside the tier's other processes
LINE_CHARS_MAX = 1_024  # of what ffmpeg says; the rest is not looked at
PROBE_S_MIN, PROBE_S_MAX = 1, 10  # that ffmpeg looks at to know what it is; longer where no keyframe was in it
PROBE_BYTES_MAX = 5_000_000  # the same, by size
B_FRAMES_MIN = 3  # pictures out of their order, until it is said

assert PACKET_BYTES < RTP_BYTES_MAX and KEYFRAME_S_MAX < QUIET_S_MAX < OPEN_S_MAX < PAUSE_S_MAX
