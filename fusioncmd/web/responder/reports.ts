/* Reports of the person: kept until the gateway has them on disk, and sent again until then (PROTOCOL.md, rule 13).
 *
 * A picture goes before its report, in parts, one at a time, so that an answer never waits behind it. */

import { shallowRef } from "vue";
import type { Bytes } from "../trust.js";
import type { Report, Store } from "./store";
import { hex, makeId, Said, unhex, type Value } from "./wire";

export const PART_BYTES_MAX = 15 * 1024;
const AGAIN_MS: readonly [number, number] = [5_000, 30_000];
const LOST_MS = 30_000; // what nothing came back for is said again
const DONE_MAX = 200; // that are remembered after they were stored

export class Reports {
  readonly all = shallowRef<Report[]>([]);
  private readonly dueMs = new Map<string, number>(); // when it may be said again

  constructor(private readonly store: Store, private readonly say: (frame: Value) => boolean) {}

  async start(): Promise<void> {
    this.all.value = (await this.store.reports()).sort((a, b) => a.atMs - b.atMs);
  }

  of = (order: string): Report[] => this.all.value.filter((one) => one.order === order);

  async add(order: string, text: string, place: GeolocationCoordinates | null, picture: Bytes | null): Promise<void> {
    const parts: Bytes[] = [];
    for (let at = 0; picture && at < picture.length; at += PART_BYTES_MAX) parts.push(picture.slice(at, at + PART_BYTES_MAX));
    const report: Report = {
      id: hex(makeId(Date.now(), crypto.getRandomValues(new Uint8Array(10)))), order, atMs: Date.now(), text,
      lat: place?.latitude ?? null, lon: place?.longitude ?? null, parts, stored: 0, done: false,
    };
    await this.store.keepReport(report);
    this.all.value = [...this.all.value, report];
    this.sayOne(report);
  }

  sayAll(): void {
    for (const report of this.all.value) if (!report.done && performance.now() >= (this.dueMs.get(report.id) ?? 0)) this.sayOne(report);
  }

  /* The connection is lost: all of it is said again on the next one. */
  unsent(): void {
    this.dueMs.clear();
  }

  private sayOne(report: Report): void {
    const order = unhex(report.order), id = unhex(report.id), part = report.parts[report.stored];
    const frame: Value = part
      ? [Said.picture, order, id, report.stored, part]
      : [Said.report, order, id, report.text, report.lat, report.lon, ...(report.parts.length ? [report.parts.length] : [])];
    if (this.say(frame)) this.dueMs.set(report.id, performance.now() + LOST_MS);
  }

  async partStored(id: string, part: number): Promise<void> {
    const report = this.all.value.find((one) => one.id === id);
    if (!report || part !== report.stored) return;
    this.sayOne(await this.change(report, { stored: part + 1 }));
  }

  async stored(id: string): Promise<void> {
    const report = this.all.value.find((one) => one.id === id);
    if (!report) return;
    await this.change(report, { done: true, parts: [] });
    for (const old of this.all.value.filter((one) => one.done).slice(0, -DONE_MAX)) await this.drop(old.id);
  }

  async refused(id: string, code: string): Promise<void> {
    if (code === "busy" || code === "not_stored") {
      this.dueMs.set(id, performance.now() + AGAIN_MS[0] + Math.random() * (AGAIN_MS[1] - AGAIN_MS[0]));
    } else await this.drop(id);
  }

  private async change(report: Report, fields: Partial<Report>): Promise<Report> {
    const after = { ...report, ...fields };
    this.all.value = this.all.value.map((one) => (one.id === report.id ? after : one));
    await this.store.keepReport(after);
    return after;
  }

  private async drop(id: string): Promise<void> {
    this.all.value = this.all.value.filter((one) => one.id !== id);
    await this.store.forgetReport(id);
  }
}
