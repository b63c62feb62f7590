/* Who this device is: its key, its number, its ticket. All of it is kept before anybody is told of it (section 8). */

import { ref } from "vue";
import { enrolProof, makeKeys, readCode, renewProof } from "./device";
import type { Store, Identity } from "./store";
import type { Bytes } from "../trust.js";
import { encode, hex, Said, VERSION, type Value } from "./wire";

const RENEW_WAIT_MS = 60_000; // not again before it is answered

export class Device {
  readonly enrolled = ref(false);
  readonly enrolling = ref(false);
  private me: Identity | null = null;

  constructor(private readonly store: Store) {}

  async load(): Promise<void> {
    this.me = await this.store.identity();
    this.enrolled.value = (this.me?.device.length ?? 0) > 0;
    this.enrolling.value = this.me !== null && !this.enrolled.value;
  }

  /* Nobody was enrolled here, nor tried to. */
  get isBlank(): boolean {
    return this.me === null;
  }

  get roots(): Bytes[] {
    return this.known.roots;
  }

  /* The time of the newest order that was believed here: none is judged as of before it. */
  get latestMs(): number {
    return this.known.latestMs;
  }

  get ticket(): Bytes {
    return this.known.ticket;
  }

  /* Where push messages are taken, as far as the gateway has it on disk. */
  get pushed(): Identity["pushed"] {
    return this.me?.pushed;
  }

  keepPushed(pushed: NonNullable<Identity["pushed"]>): Promise<void> {
    return this.keep({ pushed });
  }

  private get known(): Identity {
    return this.me as Identity;
  }

  /* False when it is no code. */
  async prepare(text: string): Promise<boolean> {
    const code = readCode(text);
    if (!code) return false;
    const none = new Uint8Array(0);
    if (!this.me || hex(this.me.code) !== hex(code)) {
      this.me = {
        keys: await makeKeys(), code, device: none, number: -1, ticket: none, renewAtMs: 0, roots: [], latestMs: 0,
      };
      await this.store.keepIdentity(this.me);
    }
    this.enrolling.value = true;
    return true;
  }

  async enrolledNow([device, number, ticket, renewS, roots]: Value[]): Promise<void> {
    await this.keep({
      device: device as Bytes, number: number as number, ticket: ticket as Bytes,
      roots: (roots as Value[]).map((root) => encode(root)), renewAtMs: Date.now() + Number(renewS) * 1000,
    });
    this.enrolled.value = true;
    this.enrolling.value = false;
  }

  /* False when the ticket of before stays. */
  async ticketed([ticket, renewS]: Value[]): Promise<boolean> {
    const renewAtMs = Date.now() + Number(renewS) * 1000, is = ticket instanceof Uint8Array && ticket.length > 0;
    await this.keep(is ? { ticket, renewAtMs } : { renewAtMs });
    return is;
  }

  async believed(issuedMs: number): Promise<void> {
    if (issuedMs > this.known.latestMs) await this.keep({ latestMs: issuedMs });
  }

  async enrolment(): Promise<Value> {
    const { code, keys } = this.known;
    return [Said.enrol, VERSION, code, "ed25519", keys.public, await enrolProof(keys, code)];
  }

  hello(held: Value): Value {
    return [Said.hello, VERSION, this.known.ticket, held];
  }

  /* `nowMs` by the gateway's clock. */
  async renewal(nowMs: number): Promise<Value> {
    const { keys, number, device } = this.known, atMs = Math.round(nowMs);
    return [Said.renew, VERSION, number, device, atMs, await renewProof(keys, number, device, atMs)];
  }

  /* Whether to renew now; it is taken that the caller does. */
  takeDue(): boolean {
    if (!this.me || Date.now() < this.me.renewAtMs) return false;
    this.me.renewAtMs = Date.now() + RENEW_WAIT_MS;
    return true;
  }

  async forget(): Promise<void> {
    await this.store.forgetAll();
    this.me = null;
    this.enrolled.value = this.enrolling.value = false;
  }

  private async keep(fields: Partial<Identity>): Promise<void> {
    this.me = { ...this.known, ...fields };
    await this.store.keepIdentity(this.me);
  }
}
