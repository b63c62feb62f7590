/* The connection to the gateway: opened, kept alive, found dead, and opened anew with jitter (PROTOCOL.md, 5 to 7).
 *
 * It knows no order. At most one socket at a time; what cannot be sent at once is not kept here but by who says it.
 */

import { advice, pauseMs, type Advice } from "./rules";
import { decode, encode, FRAME_BYTES_MAX, Said, Unreadable, type Value } from "./wire";

export type LinkState = "connecting" | "live" | "waiting" | "stopped";

export interface Talk {
  /* The first frame of a connection: Hello, Enrol or Renew. */
  first(): Promise<Value>;
  heard(frame: Value[]): void;
  /* What to do after this close; by default what the code says. */
  closed(code: number, reason: string): Advice | null;
  changed(state: LinkState): void;
}

const TICK_MS = 2_000, OPENING_MS_MAX = 15_000, ECHO_MS_MAX = 20_000, WAKE_MS_MAX = 2_000;
const BUFFERED_BYTES_MAX = 64 * 1024;

export class Link {
  private started = false;
  private socket: WebSocket | null = null;
  private times = 0;
  private retryAtMs = 0;
  private openedMs = 0;
  private saidMs = 0;
  private askedMs = 0; // when an Alive was said that nothing answered yet
  private heartbeatMs = 60_000;
  private state: LinkState = "waiting";

  constructor(private readonly url: string, private readonly talk: Talk) {}

  /* Safe to call twice. */
  start(): void {
    if (this.started) return this.again();
    this.started = true;
    setInterval(() => this.tick(), TICK_MS);
    addEventListener("offline", () => this.lose());
    addEventListener("online", () => this.wake());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.wake());
    this.connect();
  }

  /* After a person, or a new ticket, changed something. */
  again(): void {
    this.times = 0;
    this.lose();
    this.connect();
  }

  get live(): boolean {
    return this.state === "live" && this.socket?.readyState === WebSocket.OPEN;
  }

  /* True when it was handed to a live connection; while that is behind, it takes no more. */
  say(frame: Value): boolean {
    const socket = this.socket;
    if (socket?.readyState !== WebSocket.OPEN || socket.bufferedAmount > BUFFERED_BYTES_MAX) return false;
    socket.send(encode(frame));
    this.saidMs = performance.now();
    return true;
  }

  welcome(heartbeatS: number): void {
    this.times = 0;
    this.heartbeatMs = Math.max(5, heartbeatS) * 1000;
    this.become("live");
  }

  private become(state: LinkState): void {
    this.state = state;
    this.talk.changed(state);
  }

  private connect(): void {
    if (this.socket) return;
    this.become("connecting");
    this.openedMs = performance.now();
    this.askedMs = 0;
    const socket = (this.socket = new WebSocket(this.url));
    socket.binaryType = "arraybuffer";
    socket.onopen = () => void this.talk.first().then((frame) => this.socket === socket && this.say(frame));
    socket.onmessage = (event: MessageEvent) => this.socket === socket && this.take(event.data);
    socket.onclose = (event) => this.socket === socket && this.ended(event.code, event.reason);
  }

  private take(data: unknown): void {
    this.askedMs = 0;
    try {
      if (!(data instanceof ArrayBuffer) || data.byteLength > FRAME_BYTES_MAX) throw new Unreadable("no frame");
      const frame = decode(new Uint8Array(data));
      if (!Array.isArray(frame)) throw new Unreadable("no array");
      this.talk.heard(frame);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      this.lose(); // who speaks something else is no gateway: anew, and perhaps to another
    }
  }

  private ended(code: number, reason: string): void {
    this.socket = null;
    const what = this.talk.closed(code, reason) ?? advice(code);
    if (what === "stop") return this.become("stopped");
    this.retryAtMs = performance.now() + pauseMs(what, reason, this.times, Math.random());
    this.times += 1;
    this.become("waiting");
  }

  /* Take the connection for dead. */
  private lose(): void {
    const socket = this.socket;
    if (!socket) return;
    this.ended(1006, "");
    socket.close();
  }

  /* The device woke up, or has another network. */
  wake(): void {
    if (this.live) this.ask();
    else if (this.state === "waiting") {
      this.times = 0;
      this.retryAtMs = Math.min(this.retryAtMs, performance.now() + Math.random() * WAKE_MS_MAX);
    }
  }

  private ask(): void {
    if (!this.askedMs && this.say([Said.alive])) this.askedMs = performance.now();
  }

  private tick(): void {
    const nowMs = performance.now();
    if (this.state === "waiting" && nowMs >= this.retryAtMs) this.connect();
    else if (this.state === "connecting" && nowMs - this.openedMs > OPENING_MS_MAX) this.lose();
    else if (this.state !== "live") return;
    else if (this.askedMs && nowMs - this.askedMs > ECHO_MS_MAX) this.lose();
    else if (nowMs - this.saidMs > this.heartbeatMs - 2 * TICK_MS) this.ask();
  }
}
