/* A source that is watched (draft-ietf-wish-whep). */

import { shallowRef } from "vue";
import { MediaSession } from "./media";
import type { Way } from "./talking";
import { say } from "./words";

const LOOK_MS = 1_000, STILL_MS = 4_000;

export class Watching extends MediaSession {
  readonly stream = shallowRef<MediaStream | null>(null);
  protected override readonly againMs = [2_500, 5_000, 10_000]; // a source that is over leaves the list before
  private frames = 0;
  private cameMs = 0;
  private looking = 0;

  constructor(way: Way, readonly address: string) {
    super(way);
  }

  async start(): Promise<void> {
    this.looking = setInterval(() => void this.look(), LOOK_MS);
    await this.open();
  }

  /* `over`: the source is. */
  async stop(over = false): Promise<void> {
    clearInterval(this.looking);
    this.stream.value = null;
    await this.dispose(over);
  }

  protected path(): string {
    return `whep/${this.address}`;
  }

  protected async prepare(connection: RTCPeerConnection): Promise<void> {
    const stream = new MediaStream();
    connection.addTransceiver("video", { direction: "recvonly" });
    connection.addTransceiver("audio", { direction: "recvonly" });
    connection.ontrack = ({ track }) => {
      stream.addTrack(track);
      this.stream.value = stream;
    };
    [this.frames, this.cameMs] = [0, Date.now()];
  }

  /* A picture that stands still is said to: it may be old. */
  private async look(): Promise<void> {
    if (this.state.value !== "in") return;
    let frames = 0;
    (await this.connection?.getStats())?.forEach((one) => {
      if (one.type === "inbound-rtp" && one.kind === "video") frames = one.framesDecoded;
    });
    if (frames !== this.frames) [this.frames, this.cameMs, this.cutMs.value, this.trouble.value] = [frames, Date.now(), 0, ""];
    else if (Date.now() - this.cameMs > STILL_MS) {
      this.cutMs.value ||= this.cameMs;
      this.trouble.value = say("No picture comes; what is seen is old.", "没有新画面，所见为旧画面。");
    }
  }
}
