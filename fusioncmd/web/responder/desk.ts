/* What the page knows and does: it hears the gateway, keeps what came, and says what the person decided.
 *
 * Everything is kept before it is said, and shown as counted only after the gateway said so. Frames are taken one
 * after the other, so an order's cancel never overtakes it.
 */

import { ref } from "vue";
import { Untrusted, verify, type Bytes } from "../trust.js";
import { Below } from "./below";
import { Clock } from "./clock";
import { Device } from "./identity";
import { Link, type LinkState, type Talk } from "./link";
import { Orders } from "./orders";
import { held, mayAnswer, overMs, waitsForCounted, type Advice, type Kept } from "./rules";
import { Push } from "./push";
import { Sharing } from "./sharing";
import { Reports } from "./reports";
import type { Store } from "./store";
import { base64url, Heard, hex, idIn, placeIn, Said, type Value } from "./wire";

const MOVED_MS = 400;
const BAD_TICKET = 4102, EXPIRED = 4103, LOST = 4106, CLOCK = 4003;

export class Desk implements Talk {
  readonly link = ref<LinkState>("waiting");
  readonly stopped = ref<{ code: number; reason: string } | null>(null);
  readonly ready = ref(false); // it is known what this device keeps
  readonly enrolled: Device["enrolled"];
  readonly enrolling: Device["enrolling"];
  readonly nowMs = ref(Date.now());
  readonly sent = ref(new Set<string>()); // answers handed to this connection, by order
  readonly notBelieved = ref(0);
  readonly fault = ref("");
  readonly orders: Orders;
  readonly reports: Reports;
  readonly below = new Below((frame) => this.wire.say(frame));
  readonly push = new Push((frame) => this.wire.say(frame), () => this.device.pushed, (pushed) => this.device.keepPushed(pushed));
  readonly sharing = new Sharing((frame) => this.wire.live && this.wire.say(frame));
  onNew: (kept: Kept) => void = () => undefined;

  private readonly device: Device;
  private renewing = false; // the next connection begins with a renewal
  private readonly clock = new Clock();
  private movedMs = -MOVED_MS; // when an order came beside others, and moved them
  private doubts: Value[] = [];
  private queue: Promise<void> = Promise.resolve();
  private readonly wire: Link;

  constructor(store: Store, url: string) {
    this.wire = new Link(url, this);
    this.device = new Device(store);
    this.enrolled = this.device.enrolled;
    this.enrolling = this.device.enrolling;
    this.orders = new Orders(store, this.nowMs);
    this.reports = new Reports(store, (frame) => this.wire.live && this.wire.say(frame));
    setInterval(() => this.tick(), 1_000);
  }

  async start(): Promise<void> {
    await this.device.load();
    await this.orders.load();
    await this.reports.start();
    this.ready.value = true;
    if (!this.device.isBlank) this.wire.start();
  }

  /* False when it is no code. */
  async enrol(text: string): Promise<boolean> {
    if (!(await this.device.prepare(text))) return false;
    this.stopped.value = null;
    this.wire.start();
    return true;
  }

  /* Nobody was enrolled here, nor tried to: a code in the address may be taken at once. */
  get identityless(): boolean {
    return this.device.isBlank;
  }

  /* What proves who speaks in a talkgroup, and of which place they are. */
  get ticketText(): string {
    return base64url(this.device.ticket);
  }

  get place(): string {
    return placeIn(this.device.ticket);
  }

  wake = (): void => this.wire.wake(); // a push message came: the connection may have died unnoticed

  retry(): void {
    this.stopped.value = null;
    this.wire.again();
  }

  async answer(kept: Kept, which: number): Promise<void> {
    const latest = this.orders.find(kept.id);
    if (performance.now() - this.movedMs < MOVED_MS) return; // the finger was on its way to another place
    if (!latest || !mayAnswer(latest, which) || this.clock.now() >= overMs(latest.order)) return;
    this.sent.value.delete(kept.id);
    await this.orders.change(kept.id, { answer: which, answeredMs: Date.now(), touched: true });
    if (!this.sent.value.has(kept.id)) this.sayAnswer(kept.id); // a tick may have said it while it was being stored
  }

  touch(kept: Kept): void {
    if (!this.orders.find(kept.id)?.touched) void this.orders.change(kept.id, { touched: true });
  }

  // --- Talk

  async first(): Promise<Value> {
    if (!this.enrolled.value) return this.device.enrolment();
    return this.renewing ? this.device.renewal(this.clock.now()) : this.hello();
  }

  changed(state: LinkState): void {
    this.link.value = state;
    if (state === "live") return;
    this.sent.value = new Set();
    this.below.forget();
  }

  closed(code: number, reason: string): Advice | null {
    this.reports.unsent();
    if (code === CLOCK && /^[0-9]{1,16}$/.test(reason)) this.clock.heard(Number(reason));
    if ((code === EXPIRED || code === BAD_TICKET) && this.enrolled.value && !this.renewing) {
      this.renewing = true;
      return "retry";
    }
    if (code === LOST) void this.forget();
    if (code >= 4100 && code < 4200) this.stopped.value = { code, reason };
    return null;
  }

  heard(frame: Value[]): void {
    this.queue = this.queue.then(() => this.take(frame)).catch((error: unknown) => {
      console.error(error);
      this.fault.value = error instanceof Error ? error.message : String(error); // shown: nothing was said of it as kept
    });
  }

  // --- what the gateway says

  private async take(frame: Value[]): Promise<void> {
    const [type, ...rest] = frame;
    if (type === Heard.welcome) this.welcome(rest);
    else if (type === Heard.deliver && rest[0] instanceof Uint8Array) await this.deliver(rest[0]);
    else if (type === Heard.counted && rest[0] instanceof Uint8Array) await this.counted(hex(rest[0]), rest[1] as number);
    else if (type === Heard.stored && rest[1] instanceof Uint8Array) await this.reports.stored(hex(rest[1]));
    else if (type === Heard.partStored && rest[1] instanceof Uint8Array) {
      await this.reports.partStored(hex(rest[1]), rest[2] as number);
    } else if (type === Heard.subscribed) await this.push.stored();
    else if (type === Heard.silent) this.below.heard(rest);
    else if (type === Heard.refused) await this.refused(rest);
    else if (type === Heard.enrolled) {
      await this.device.enrolledNow(rest);
      this.wire.say(this.hello());
    }
    else if (type === Heard.ticketed) await this.ticketed(rest);
  }

  private welcome(rest: Value[]): void {
    if (typeof rest[1] === "number") this.clock.heard(rest[1]);
    this.wire.welcome(Number(rest[2]) || 60);
    this.renewing = false;
    for (const doubt of this.doubts.splice(0)) this.wire.say(doubt);
    for (const one of this.orders.kept.value.filter(waitsForCounted)) this.sayAnswer(one.id);
    this.reports.sayAll();
    void this.push.offered(rest[3] ?? null);
    this.sharing.offered(Number(rest[4]) || 0);
    void this.renewIfDue();
  }

  private async deliver(sealed: Bytes): Promise<void> {
    const { roots, latestMs } = this.device;
    try {
      const { order, holder, approvers } = await verify(sealed, roots, this.clock.judged(latestMs));
      const id = hex(order.id);
      if (!this.orders.find(id)) {
        await this.device.believed(order.issued_ms);
        const kept: Kept = {
          id, order, holder, approvers, gotMs: Date.now(), touched: false, answer: null, answeredMs: 0, counted: null,
          late: false, gone: false,
        };
        if (this.orders.open.value.length) this.movedMs = performance.now();
        await this.orders.add(kept);
        if (this.orders.open.value.includes(kept)) this.onNew(kept);
      }
      this.wire.say([Said.received, order.id]);
    } catch (error) {
      if (!(error instanceof Untrusted)) throw error;
      const doubt: Value = [Said.distrust, idIn(sealed), error.reason];
      this.notBelieved.value += 1;
      if (this.doubts.length < 64) this.doubts.push(doubt);
      this.wire.say(doubt);
    }
  }

  private async counted(id: string, answer: number): Promise<void> {
    const kept = this.orders.find(id);
    if (kept && kept.answer === answer) await this.orders.change(id, { counted: answer });
  }

  private async refused([code, order, , report]: Value[]): Promise<void> {
    if (report instanceof Uint8Array) return this.reports.refused(hex(report), String(code));
    const id = order instanceof Uint8Array ? hex(order) : "";
    if (code === "unknown_order" || code === "not_for_you") await this.orders.change(id, { gone: true });
    else if (code === "expired") await this.orders.change(id, { late: true });
    else if (code === "not_offered") await this.orders.change(id, { answer: this.orders.find(id)?.counted ?? null });
  }

  private async ticketed(rest: Value[]): Promise<void> {
    if (!(await this.device.ticketed(rest))) return;
    if (this.renewing) this.wire.say(this.hello());
    this.renewing = false;
  }

  // --- what the device says

  private hello(): Value {
    return this.device.hello(held(this.orders.kept.value, this.clock.now()));
  }

  private async renewIfDue(): Promise<void> {
    if (this.wire.live && this.device.takeDue()) this.wire.say(await this.device.renewal(this.clock.now()));
  }

  private sayAnswer(id: string): void {
    const kept = this.orders.find(id);
    if (!kept || kept.answer === null || !this.wire.live || this.clock.now() >= overMs(kept.order)) return;
    if (this.wire.say([Said.answer, kept.order.id, kept.answer])) this.sent.value = new Set(this.sent.value).add(id);
  }

  private tick(): void {
    if (this.clock.jumped() && !this.device.isBlank) this.wire.again(); // its welcome says what time it is
    this.nowMs.value = this.clock.now();
    if (!this.wire.live) return;
    void this.renewIfDue();
    for (const one of this.orders.kept.value) if (waitsForCounted(one) && !this.sent.value.has(one.id)) this.sayAnswer(one.id);
    this.reports.sayAll();
    this.sharing.tick(this.orders.open.value.length > 0);
  }

  private async forget(): Promise<void> {
    this.sharing.off();
    await Promise.all([this.device.forget(), this.push.forget()]);
    [this.orders.kept.value, this.reports.all.value] = [[], []];
  }
}
