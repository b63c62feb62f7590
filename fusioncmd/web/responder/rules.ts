/* What follows from what a device keeps: which orders are open, what may be answered, what is said on connecting.
 *
 * PROTOCOL.md, 4 and 7, as pure functions: time and chance are arguments.
 */

import type { Bytes, Order } from "../trust.js";
import { hex } from "./wire";

/* An order as it is kept, by the hex of its id. */
export interface Kept {
  id: string;
  order: Order;
  holder: string;
  approvers: string[];
  gotMs: number;
  touched: boolean; // its alarm is over, and a cancel was read
  answer: number | null; // what the person chose
  answeredMs: number;
  counted: number | null; // the answer that is on disk
  late: boolean; // the answer came when the order was over
  gone: boolean; // the gateway says that it is not ours
}

export const HELD_MAX = 64;
export const KEPT_MAX = 256;

const chainOf = (order: Order): string => hex(order.root ?? order.id);
export const overMs = (order: Order): number => order.issued_ms + order.open_s * 1000;

/* The newest of each chain, by which the older ones have ended (rule 8). */
export function heads(all: Iterable<Kept>): Map<string, Kept> {
  const found = new Map<string, Kept>();
  for (const kept of all) {
    const chain = chainOf(kept.order), head = found.get(chain);
    if (!head || head.id < kept.id) found.set(chain, kept);
  }
  return found;
}

export type State = "open" | "over" | "replaced" | "cancelled" | "cancel" | "gone";

/* What has become of each, at `nowMs`. A cancel stays in sight until it was touched. */
export function states(all: Kept[], nowMs: number): Map<string, State> {
  const newest = heads(all);
  return new Map(all.map((kept) => {
    const head = newest.get(chainOf(kept.order)) as Kept, over = nowMs >= overMs(kept.order);
    if (kept.gone) return [kept.id, "gone"];
    if (head !== kept) return [kept.id, head.order.msg_type === "cancel" ? "cancelled" : "replaced"];
    if (kept.order.msg_type === "cancel") return [kept.id, kept.touched || over ? "over" : "cancel"];
    return [kept.id, over ? "over" : "open"];
  }));
}

/* Actual before exercise, and then the newest first. */
export function inOrder(a: Kept, b: Kept): number {
  if (a.order.status !== b.order.status) return a.order.status === "actual" ? -1 : 1;
  return a.id < b.id ? 1 : -1;
}

/* Only what stands after an answer that was given may still be chosen (rule 12). */
export const mayAnswer = (kept: Kept, which: number): boolean => kept.answer === null || which > kept.answer;

export const waitsForCounted = (kept: Kept): boolean =>
  kept.answer !== null && kept.counted !== kept.answer && !kept.late && !kept.gone;

/* What `Hello` names: what is still live first, whatever its age, and then the newest (rule 2). */
export function held(all: Kept[], nowMs: number): Bytes[] {
  const state = states(all, nowMs);
  const live = (kept: Kept): boolean => ["open", "cancel"].includes(state.get(kept.id) as State);
  const within = all.filter((kept) => !kept.gone && (live(kept) || nowMs < overMs(kept.order)));
  within.sort((a, b) => Number(live(b)) - Number(live(a)) || (a.id < b.id ? 1 : -1));
  return within.slice(0, HELD_MAX).map((kept) => kept.order.id);
}

/* Which of more than KEPT_MAX are forgotten: those that are no longer live, the oldest first. */
export function toForget(all: Kept[], nowMs: number): Kept[] {
  const state = states(all, nowMs);
  const past = all.filter((kept) => !["open", "cancel"].includes(state.get(kept.id) as State) && nowMs >= overMs(kept.order));
  return past.sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, Math.max(0, all.length - KEPT_MAX));
}

export type Advice = "retry" | "stop" | "wait";

/* What a close code says (section 7). */
export function advice(code: number): Advice {
  if ((code >= 4100 && code < 4200) || [1002, 1003, 1007, 1009].includes(code)) return "stop";
  return code >= 4200 && code < 4300 ? "wait" : "retry";
}

const WAIT_S = 30, RETRY_S_MAX = 60, WAIT_S_MAX = 3600;

/* How long to wait before the next try, the `times`-th in a row; `chance` is from 0 to 1. */
export function pauseMs(kind: Advice, reason: string, times: number, chance: number): number {
  const retry = chance * Math.min(RETRY_S_MAX, 2 * 2 ** Math.min(times, 10));
  if (kind === "retry") return retry * 1000;
  const given = /^[0-9]{1,6}$/.test(reason) ? Math.min(Number(reason), WAIT_S_MAX) : WAIT_S;
  return (given * (1 + chance) + retry) * 1000;
}

export const TEXT_CHARS_MAX = 2000;
/* As the gateway counts: Unicode scalar values. */
export const chars = (text: string): number => [...text].length;
