"""Gateway of cameras and drones: RTSP, RTMP and SRT through ffmpeg, onto the bus."""
