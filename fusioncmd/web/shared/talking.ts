/* A browser in a talkgroup: WebRTC to the gateway, whose offer it POSTs (WHIP, RFC 9725), the floor by a data channel.
 *
 * The microphone is asked for when somebody first presses, and sends nothing but while they may speak. What was heard
 * of the floor is what is shown. */

import { ref } from "vue";
import { causeWords } from "./causes";
import { acknowledge, read, release, request } from "./floor";
import { Participant, type State } from "./participant";
import { say } from "./words";

export interface Way {
  at: string; // `:PORT` of this host, or a URL
  bearer: () => Promise<string>;
}

const TICK_MS = 250, OPEN_MS_MAX = 15_000, STAY_MS = 60_000;
export type Joined = "out" | "joining" | "in";

/* Where the gateway is; null where this tier has none. */
export function gatewayAt(at: string): URL | null {
  if (!at) return null;
  const url = new URL(at.startsWith(":") ? location.origin : at, location.href);
  if (at.startsWith(":")) url.port = at.slice(1);
  return url;
}

export class Talking {
  readonly joined = ref<Joined>("out");
  readonly state = ref<State>("silent");
  readonly hearing = ref<string | null>(null);
  readonly position = ref<number | null>(null);
  readonly trouble = ref(""); // why not, in one sentence
  readonly where = ref("");
  private participant = new Participant();
  private connection: RTCPeerConnection | null = null;
  private channel: RTCDataChannel | null = null;
  private session: URL | null = null;
  private bearer = "";
  private microphone: MediaStreamTrack | null = null;
  private timer = 0;
  private staying = 0;
  private packets = 0;
  private down = false; // the button
  private urgent = false; // it was the one for emergencies
  private readonly ssrc = crypto.getRandomValues(new Uint32Array(1))[0] as number;
  private readonly sound = new Audio();

  constructor(private readonly way: Way) {
    this.sound.autoplay = true;
    addEventListener("pagehide", () => void this.leave());
  }

  /* After a touch: browsers let nothing sound before. */
  async join(where: string): Promise<void> {
    if (this.joined.value !== "out") return;
    [this.joined.value, this.trouble.value, this.where.value] = ["joining", "", where];
    try {
      await this.connect(where);
    } catch (error) {
      await this.leave();
      this.trouble.value = error instanceof Error ? error.message : String(error);
    }
  }

  async leave(): Promise<void> {
    const { session, connection, bearer } = this;
    clearInterval(this.timer);
    clearInterval(this.staying);
    this.microphone?.stop();
    [this.session, this.connection, this.channel, this.microphone] = [null, null, null, null];
    [this.participant, this.down, this.joined.value] = [new Participant(), false, "out"];
    this.show();
    this.sound.srcObject = null;
    if (session) {
      const headers = { Authorization: `Bearer ${bearer}` };
      await fetch(session, { method: "DELETE", headers, keepalive: true }).catch(() => undefined); // it ends by itself, too
    }
    connection?.close(); // not before: the gateway would find no session any more
  }

  /* Of a temporary talkgroup that is none of `groups` any more. */
  leaveEnded(groups: readonly string[]): void {
    if (this.joined.value !== "in" || !this.where.value.includes(".") || groups.includes(this.where.value)) return;
    void this.leave();
    this.trouble.value = say("The talkgroup has ended.", "该通话组已结束。");
  }

  async press(urgent = false): Promise<void> {
    if (this.joined.value !== "in" || this.down) return;
    [this.down, this.urgent] = [true, urgent];
    this.trouble.value = "";
    if (!(await this.openMicrophone()) || !this.down) return;
    this.put(this.participant.press(Date.now()));
  }

  lift(): void {
    this.down = false;
    this.put(this.participant.lift(Date.now()));
  }

  private async connect(where: string): Promise<void> {
    const url = gatewayAt(this.way.at) as URL;
    const connection = (this.connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" }));
    const channel = (this.channel = connection.createDataChannel("floor"));
    channel.binaryType = "arraybuffer";
    connection.addTransceiver("audio", { direction: "sendrecv" });
    connection.ontrack = ({ track }) => {
      this.sound.srcObject = new MediaStream([track]);
      void this.sound.play().catch(() => undefined); // plays at the next touch
    };
    await connection.setLocalDescription();
    await gathered(connection);
    this.bearer = await this.way.bearer();
    const response = await fetch(new URL(`talk/${where}`, url), {
      method: "POST", body: connection.localDescription?.sdp ?? "",
      headers: { "Content-Type": "application/sdp", Authorization: `Bearer ${this.bearer}` },
    }).catch(() => null);
    if (!response?.ok) throw new Error(await refusal(response));
    this.session = new URL((response.headers.get("Location") ?? "").replace(/^\//, ""), url);
    await connection.setRemoteDescription({ type: "answer", sdp: await response.text() });
    await opened(channel);
    channel.onmessage = ({ data }) => data instanceof ArrayBuffer && this.take(data);
    channel.onclose = () => this.connection === connection && this.lost();
    connection.onconnectionstatechange = () =>
      ["failed", "closed"].includes(connection.connectionState) && this.connection === connection && this.lost();
    this.timer = setInterval(() => void this.tick(), TICK_MS);
    this.staying = setInterval(() => void this.stay().catch(() => undefined), STAY_MS); // tried again, until the gateway ends it
    this.joined.value = "in";
  }

  /* The gateway keeps nobody beyond the token that it was shown; who is logged out gets no other one. */
  private async stay(): Promise<void> {
    const { session } = this;
    const bearer = await this.way.bearer();
    if (!session || session !== this.session) return;
    this.bearer = bearer;
    await fetch(session, { method: "POST", headers: { Authorization: `Bearer ${bearer}` } });
  }

  private lost(): void {
    void this.leave();
    this.trouble.value = say("The talkgroup was lost; join again.", "与通话组的连接已断开，请重新加入。");
  }

  private take(data: ArrayBuffer): void {
    const message = read(data);
    if (!message) return;
    if (message.ack) this.send(acknowledge(this.ssrc, message.kind));
    this.put(this.participant.receive(message, Date.now()));
  }

  private async tick(): Promise<void> {
    this.put(this.participant.tick(Date.now()));
    const packets = await this.received();
    if (packets !== this.packets) this.participant.heard(Date.now());
    this.packets = packets;
  }

  private async received(): Promise<number> {
    let packets = 0;
    (await this.connection?.getStats())?.forEach((one) => {
      if (one.type === "inbound-rtp") packets += one.packetsReceived;
    });
    return packets;
  }

  private put(saying: "request" | "release" | null): void {
    if (saying) this.send(saying === "request" ? request(this.ssrc, this.urgent) : release(this.ssrc));
    this.show();
  }

  private show(): void {
    const { state, hearing, position, denied, revoked, unheard } = this.participant;
    [this.state.value, this.hearing.value, this.position.value] = [state, hearing, position];
    void this.pass(state === "speaking" ? this.microphone : null);
    const words = unheard ? say("Nobody answered: no node is in reach.", "无人应答：节点不可达。") : causeWords(denied, revoked);
    if (words) this.trouble.value = words;
  }

  /* Nothing is sent without the floor, not even silence: who does is told to stop. */
  private async pass(track: MediaStreamTrack | null): Promise<void> {
    const sender = this.connection?.getTransceivers()[0]?.sender;
    if (sender && sender.track !== track) await sender.replaceTrack(track).catch(() => undefined); // it was closed meanwhile
  }

  private send(data: Uint8Array<ArrayBuffer>): void {
    if (this.channel?.readyState === "open") this.channel.send(data);
  }

  /* False where the browser or the person does not give it. */
  private async openMicrophone(): Promise<boolean> {
    if (this.microphone?.readyState === "live") return true;
    try {
      const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
      const track = (await navigator.mediaDevices.getUserMedia({ audio })).getAudioTracks()[0] as MediaStreamTrack;
      this.microphone = track;
      return true;
    } catch {
      this.trouble.value = say(
        "This page may not use the microphone: allow it in the browser, and press again.", "页面无法使用麦克风：请在浏览器中允许后重新按下。",
      );
      return false;
    }
  }
}

export function gathered(connection: RTCPeerConnection): Promise<void> {
  return new Promise((done) => {
    const look = (): void => void (connection.iceGatheringState === "complete" && done());
    connection.onicegatheringstatechange = look;
    setTimeout(done, 1_000); // what is there by then is enough: we reach the gateway, not it us
    look();
  });
}

function opened(channel: RTCDataChannel): Promise<void> {
  return new Promise((done, fail) => {
    const late = say("Sound does not get through: is UDP blocked?", "语音无法连通：UDP 是否被阻断？");
    const timer = setTimeout(() => fail(new Error(late)), OPEN_MS_MAX);
    channel.onopen = () => (clearTimeout(timer), done());
    if (channel.readyState === "open") channel.onopen(new Event("open"));
  });
}

export async function refusal(response: Response | null): Promise<string> {
  if (!response) return say("The gateway for voice and video cannot be reached.", "无法连接音视频网关。");
  const said = await response.json().catch(() => null);
  if (typeof said?.en === "string") return say(said.en, said.zh);
  return say(`The gateway refused (${response.status}).`, `网关拒绝（${response.status}）。`);
}
