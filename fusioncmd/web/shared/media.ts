/* One session of video with the gateway: an offer is POSTed (WHIP and WHEP), kept by the next token, and DELETEd.
 *
 * What ends by itself is tried again as long as it is wanted, later and later: a picture that comes back by itself is
 * worth more than a message. */

import { ref } from "vue";
import { gatewayAt, gathered, refusal, type Way } from "./talking";
import { say } from "./words";

export type MediaState = "out" | "joining" | "in" | "lost";
const STAY_MS = 60_000, CONNECT_MS_MAX = 15_000, DELETE_MS_MAX = 2_000;
const SHORT_MS = 20_000, SHORT_MAX = 3; // ended so soon after it began, so often in a row: something else wants it ended

export abstract class MediaSession {
  readonly state = ref<MediaState>("out");
  readonly trouble = ref(""); // why not, in one sentence
  readonly cutMs = ref(0); // since when nothing goes through
  protected connection: RTCPeerConnection | null = null;
  protected readonly againMs: readonly number[] = [500, 1_000, 2_000, 5_000, 10_000];
  private session: URL | null = null;
  private bearer = "";
  private wanted = false;
  private tries = 0;
  private short = 0;
  private sinceMs = 0;
  private again = 0;
  private staying = 0;

  constructor(protected readonly way: Way) {
    addEventListener("pagehide", this.hidden);
  }

  /* Where the offer goes, and what is in it. */
  protected abstract path(): string;
  protected abstract prepare(connection: RTCPeerConnection): Promise<void>;

  protected async open(): Promise<void> {
    [this.wanted, this.short] = [true, 0];
    await this.connect();
  }

  async close(): Promise<void> {
    this.wanted = false;
    clearTimeout(this.again);
    [this.state.value, this.trouble.value, this.cutMs.value, this.tries] = ["out", "", 0, 0];
    await this.drop();
  }

  /* Nothing of it is left. `ended`: the gateway has ended it already. */
  async dispose(ended: boolean): Promise<void> {
    if (ended) this.session = null;
    removeEventListener("pagehide", this.hidden);
    await this.close();
  }

  private readonly hidden = (): void => void this.drop();

  private async connect(): Promise<void> {
    if (!this.wanted) return;
    if (this.state.value !== "lost") this.state.value = "joining";
    try {
      await this.offer();
      if (!this.wanted) return await this.drop();
      [this.state.value, this.trouble.value, this.cutMs.value, this.tries, this.sinceMs] = ["in", "", 0, 0, Date.now()];
    } catch (error) {
      this.lost(error instanceof Error ? error.message : String(error));
    }
  }

  private async offer(): Promise<void> {
    const url = gatewayAt(this.way.at) as URL;
    const connection = (this.connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" }));
    await this.prepare(connection);
    await connection.setLocalDescription();
    await gathered(connection);
    this.bearer = await this.way.bearer();
    if (connection !== this.connection) return;
    const response = await fetch(new URL(this.path(), url), {
      method: "POST", body: connection.localDescription?.sdp ?? "",
      headers: { "Content-Type": "application/sdp", Authorization: `Bearer ${this.bearer}` },
    }).catch(() => null);
    if (!response?.ok) throw new Error(await refusal(response));
    this.session = new URL((response.headers.get("Location") ?? "").replace(/^\//, ""), url);
    await connection.setRemoteDescription({ type: "answer", sdp: await response.text() });
    await connected(connection);
    connection.onconnectionstatechange = () => {
      if (["failed", "closed"].includes(connection.connectionState) && connection === this.connection) {
        this.lost(say("The connection was lost; it is tried again.", "连接中断，正在重连。"));
      }
    };
    clearInterval(this.staying);
    this.staying = setInterval(() => void this.stay().catch(() => undefined), STAY_MS);
  }

  /* The gateway keeps nobody beyond the token that it was shown. */
  private async stay(): Promise<void> {
    const { session } = this;
    const bearer = await this.way.bearer();
    if (!session || session !== this.session) return;
    this.bearer = bearer;
    await fetch(session, { method: "POST", headers: { Authorization: `Bearer ${bearer}` } });
  }

  protected lost(words: string): void {
    this.session = null; // the gateway has ended it, or will
    void this.drop();
    if (!this.wanted) return;
    if (this.state.value === "in") this.short = Date.now() - this.sinceMs < SHORT_MS ? this.short + 1 : 0;
    [this.state.value, this.trouble.value] = ["lost", words];
    if (this.short >= SHORT_MAX) return this.giveUp();
    this.cutMs.value ||= Date.now();
    const wait = this.againMs[Math.min(this.tries++, this.againMs.length - 1)] as number;
    clearTimeout(this.again);
    this.again = setTimeout(() => void this.connect(), wait);
  }

  protected giveUp(): void {
    this.wanted = false;
    this.trouble.value = say("It was ended again and again; touch to try once more.", "连接反复被断开，请点击重试。");
  }

  private async drop(): Promise<void> {
    const { session, connection, bearer } = this;
    [this.session, this.connection] = [null, null];
    clearInterval(this.staying);
    if (session) {
      const headers = { Authorization: `Bearer ${bearer}` }, signal = AbortSignal.timeout(DELETE_MS_MAX);
      await fetch(session, { method: "DELETE", headers, signal, keepalive: true }).catch(() => undefined); // it ends by itself, too
    }
    connection?.close(); // after it was said: else the gateway knows of no such session any more
  }
}

function connected(connection: RTCPeerConnection): Promise<void> {
  return new Promise((done, fail) => {
    const late = say("Video does not get through: is UDP blocked?", "视频无法连通：UDP 是否被阻断？");
    const timer = setTimeout(() => fail(new Error(late)), CONNECT_MS_MAX);
    const look = (): void => {
      if (connection.connectionState === "connected") (clearTimeout(timer), done());
      else if (["failed", "closed"].includes(connection.connectionState)) (clearTimeout(timer), fail(new Error(late)));
    };
    connection.onconnectionstatechange = look;
    look();
  });
}
