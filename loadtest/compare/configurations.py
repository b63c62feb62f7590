"""How the servers of others are set up for a comparison: the best that each offers, with the reason. Pure.

For all of them: no TLS, no compression, no log of connections, and heartbeats so rare that none falls into a round.
"""

from __future__ import annotations

from pathlib import Path


def nats(port: int, websocket_port: int) -> str:
    """nats-server: core publish and subscribe only, so no JetStream and no disk.

    `max_connections` is 64 Ki by default and said so that it cannot be what limits; `write_deadline` and `max_pending`
    are the tier's own, so that the application is not cut off as a slow consumer by a burst of answers.
    """
    return f"""\
host: "127.0.0.1"
port: {port}
max_connections: 65536
max_pending: 134217728
write_deadline: "10s"
ping_interval: "1h"
websocket {{
  host: "127.0.0.1"
  port: {websocket_port}
  no_tls: true
  compression: false
}}
"""


def mosquitto(port: int) -> str:
    """Mosquitto: unbounded connections and queues (the application's queue is 1,000 by default, and what does not fit
    is dropped), TCP_NODELAY (off by default), nothing kept on disk, no statistics published, no log. `user` has no
    effect but for root, whose change to another user would undo that it ends with us (prctl(2), PR_SET_PDEATHSIG).
    """
    return f"""\
listener {port} 127.0.0.1
allow_anonymous true
max_connections -1
max_queued_messages 0
max_queued_bytes 0
set_tcp_nodelay true
user root
persistence false
sys_interval 0
log_type none
"""


def nchan(port: int, module: Path, folder: Path, workers: int, descriptors: int) -> str:
    """nginx with nchan: as many workers as asked for (nginx's advice: one per core), each with a queue of its own on
    the port (`reuseport`) and all the descriptors that it may have; messages in shared memory, with room for an answer
    of everyone, because a channel's buffer is 10 messages by default.
    """
    temporary = "\n".join(
        f"  {kind}_temp_path {folder.as_posix()}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""\
daemon off;
worker_processes {workers};
worker_rlimit_nofile {descriptors};
pid {folder.as_posix()}/nginx.pid;
error_log stderr error;
load_module {module.as_posix()};
events {{
  worker_connections {descriptors - 64};
  multi_accept on;
}}
http {{
  access_log off;
  tcp_nodelay on;
  nchan_shared_memory_size 512M;
{temporary}
  server {{
    listen 127.0.0.1:{port} reuseport backlog=4096;
    keepalive_requests 1000000;
    location = /publish {{
      nchan_publisher http;
      nchan_channel_id order;
      nchan_message_buffer_length 1;
      nchan_message_timeout 10s;
    }}
    location = /terminal {{
      nchan_pubsub websocket;
      nchan_subscriber_channel_id order;
      nchan_publisher_channel_id answers;
      nchan_message_buffer_length 100000;
      nchan_message_timeout 30s;
      nchan_subscriber_first_message newest;
      nchan_websocket_ping_interval 0;
    }}
    location = /answers {{
      nchan_subscriber websocket;
      nchan_subscriber_first_message newest;
      nchan_websocket_ping_interval 0;
      nchan_channel_id answers;
    }}
  }}
}}
"""
