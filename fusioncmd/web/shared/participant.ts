/* One who presses, waits, speaks and listens: TS 24.380, clause 6.2.4, as far as a page needs it. Knows no socket and no
 * clock: time is given. The counterpart of fusioncmd/floor/participant.py. */

import { Kind, type FloorMessage } from "./floor";

export type State = "silent" | "asking" | "queued" | "speaking";
export type Saying = "request" | "release";

const AGAIN_MS = 1_000, TIMES_MAX = 3; // T101, T100
const SILENT_MS = 4_000; // T103
const SECRET = 255; // in the queue, and nobody tells where

export class Participant {
  state: State = "silent";
  hearing: string | null = null; // who speaks; empty: somebody
  position: number | null = null;
  denied: number | null = null; // cause of the last Floor Deny
  revoked: number | null = null; // … Floor Revoke
  unheard = false; // nobody answered
  private againMs = Infinity;
  private times = 0;
  private releasing = false;
  private silentMs = Infinity;

  press(nowMs: number): Saying | null {
    if (this.state !== "silent") return null;
    [this.state, this.denied, this.revoked, this.position, this.unheard] = ["asking", null, null, null, false];
    this.begin(nowMs, false);
    return "request";
  }

  lift(nowMs: number): Saying | null {
    if (this.state === "silent") return null;
    this.state = "silent";
    this.begin(nowMs, true);
    return "release";
  }

  /* RTP came from who speaks. */
  heard(nowMs: number): void {
    if (this.hearing !== null) this.silentMs = nowMs + SILENT_MS;
  }

  receive(message: FloorMessage, nowMs: number): Saying | null {
    const waits = this.state === "asking" || this.state === "queued";
    switch (message.kind) {
      case Kind.granted:
        if (this.state === "speaking") return null;
        if (!waits) return this.again(nowMs); // of what nobody asks for any more
        [this.state, this.hearing] = ["speaking", null];
        this.rest();
        return null;
      case Kind.deny:
        if (waits) this.stop(message.cause ?? 255, null);
        return null;
      case Kind.revoke:
        if (this.state === "silent") return null;
        this.stop(null, message.cause ?? 255);
        return this.again(nowMs);
      case Kind.queued:
        if (waits) {
          this.state = "queued";
          this.position = message.position === SECRET ? null : message.position;
          this.rest();
        }
        return null;
      case Kind.idle:
        this.hearing = null;
        if (this.releasing) this.rest();
        return null;
      case Kind.taken:
        if (this.state === "speaking") return null;
        this.hearing = message.party ?? "";
        this.heard(nowMs);
        if (this.releasing) this.rest();
        return null;
      default:
        return null;
    }
  }

  tick(nowMs: number): Saying | null {
    if (nowMs >= this.silentMs) [this.hearing, this.silentMs] = [null, Infinity];
    if (nowMs < this.againMs) return null;
    if (this.times < TIMES_MAX) {
      this.times += 1;
      this.againMs = nowMs + AGAIN_MS;
      return this.releasing ? "release" : "request";
    }
    if (this.releasing) this.rest();
    else {
      this.stop(null, null);
      this.unheard = true;
      return this.again(nowMs);
    }
    return null;
  }

  private again(nowMs: number): Saying {
    this.begin(nowMs, true);
    return "release";
  }

  private stop(denied: number | null, revoked: number | null): void {
    [this.state, this.denied, this.revoked, this.position] = ["silent", denied, revoked, null];
    this.rest();
  }

  private begin(nowMs: number, releasing: boolean): void {
    [this.againMs, this.times, this.releasing] = [nowMs + AGAIN_MS, 1, releasing];
  }

  private rest(): void {
    [this.againMs, this.releasing] = [Infinity, false];
  }
}
