/* What this camera sees, published (WHIP, RFC 9725). Sparing by default: 640x360, 15 pictures a second, 600 kbit/s. */

import { ref, shallowRef } from "vue";
import { MediaSession } from "./media";
import type { Way } from "./talking";
import { say } from "./words";

const BITS_PER_S_MAX = 600_000;
const PICTURE = { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 15, max: 15 } };
export type Facing = "environment" | "user";

export class Publishing extends MediaSession {
  readonly stream = shallowRef<MediaStream | null>(null);
  readonly facing = ref<Facing>("environment");
  readonly sound = ref(true);
  private where = "";
  private title = "";
  private awake: WakeLockSentinel | null = null;

  constructor(way: Way) {
    super(way);
    document.addEventListener("visibilitychange", () => void this.keepAwake());
  }

  /* After a touch. `where`: the own place; `title`: empty, the gateway's name for who it is. */
  async start(where: string, title = ""): Promise<void> {
    if (this.state.value !== "out") return;
    [this.where, this.title, this.state.value, this.trouble.value] = [where, title, "joining", ""];
    if (!(await this.openCamera())) return;
    void this.keepAwake();
    await this.open();
  }

  async stop(): Promise<void> {
    this.stream.value?.getTracks().forEach((one) => one.stop());
    this.stream.value = null;
    await this.awake?.release().catch(() => undefined);
    this.awake = null;
    await this.close();
  }

  /* The other camera, without a break of the session. */
  async flip(): Promise<void> {
    const before = this.stream.value, was = this.facing.value;
    this.facing.value = was === "environment" ? "user" : "environment";
    before?.getVideoTracks().forEach((one) => one.stop()); // a phone opens one camera at a time
    const made = await camera(this.facing.value, false).catch(() => null) ?? (await camera((this.facing.value = was), false).catch(() => null));
    const track = made?.getVideoTracks()[0];
    if (!track || !before) return void this.refused();
    this.stream.value = new MediaStream([track, ...before.getAudioTracks()]);
    this.follow(track);
    const sender = this.connection?.getSenders().find((one) => one.track?.kind === "video" || one.track === null);
    await sender?.replaceTrack(track).catch(() => undefined);
  }

  /* Silent, or not: what goes out is silence, and comes back at once. */
  hush(on: boolean): void {
    this.sound.value = !on;
    this.stream.value?.getAudioTracks().forEach((one) => (one.enabled = !on));
  }

  protected path(): string {
    const title = this.title && `?title=${encodeURIComponent(this.title)}`;
    return `whip/${this.where}${title}`;
  }

  protected async prepare(connection: RTCPeerConnection): Promise<void> {
    const stream = this.stream.value;
    for (const track of [...(stream?.getVideoTracks() ?? []), ...(stream?.getAudioTracks() ?? [])]) {
      const sendEncodings = track.kind === "video" ? [{ maxBitrate: BITS_PER_S_MAX }] : [];
      connection.addTransceiver(track, { direction: "sendonly", streams: [stream as MediaStream], sendEncodings });
    }
  }

  private async openCamera(): Promise<boolean> {
    try {
      this.stream.value = await camera(this.facing.value, true).catch(() => camera(this.facing.value, false)); // a picture without sound is worth something
    } catch {
      return this.refused();
    }
    this.hush(!this.sound.value);
    this.stream.value.getVideoTracks().forEach((one) => this.follow(one));
    return true;
  }

  /* The camera is taken away: unplugged, or by another program. */
  private follow(track: MediaStreamTrack): void {
    track.contentHint = "motion";
    track.onended = () => this.stream.value?.getTracks().includes(track) && this.refused();
  }

  /* Two pages of one person push each other out: the later one has it. */
  protected override giveUp(): void {
    void this.stop().then(() => {
      this.trouble.value = say("Ended: you publish from another page or device.", "已结束：您在其他页面或设备上发布视频。");
    });
  }

  private refused(): false {
    void this.stop().then(() => {
      this.trouble.value = say(
        "This page may not use the camera: allow it in the browser, and touch again.", "页面无法使用摄像头：请在浏览器中允许后重新点击。",
      );
    });
    return false;
  }

  /* A screen that goes dark takes the camera with it. */
  private async keepAwake(): Promise<void> {
    if (!this.stream.value || document.hidden || (this.awake && !this.awake.released)) return;
    this.awake = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null;
  }
}

const camera = (facing: Facing, sound: boolean): Promise<MediaStream> =>
  navigator.mediaDevices.getUserMedia({
    video: { ...PICTURE, facingMode: { ideal: facing } },
    audio: sound && { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  });
