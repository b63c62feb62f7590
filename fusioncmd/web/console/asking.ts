/* Questions to the console, whose answers are those of `fusioncmd.api` as JSON (/schema/openapi.json). */

import { ref } from "vue";
import { say } from "../shared/words";

export interface Row {
  code: string; name: string; targeted: number; sent: number; received: number; answered: number;
  by_answer: number[]; reported: number; silent: number; unreachable: number;
}
export interface Selector {
  nodes: string[]; roles?: string[]; not_nodes?: string[]; not_roles?: string[]; desks?: string[];
}
export type Status = "actual" | "exercise";
export type MsgType = "alert" | "update" | "cancel";
export interface IssuedOrder {
  id: string; msg_type: MsgType; status: Status; refs: string | null; root: string | null; node: string; issuer: string;
  issued_ms: number; text: string; severity: string; answers: string[]; audience: Selector; receive_within_s: number;
  answer_within_s: number; open_s: number;
}
export interface OrderLine {
  order: IssuedOrder; state: "open" | "replaced" | "cancelled" | "expired" | "revoked"; successor: string | null;
  targeted: number; answered: number;
}
export interface StepLine {
  channel: string; wait_s: number; unless: string; begun_ms: number | null; due_in_s: number | null; chosen: number;
  handed: number; without: number; accepted: number; delivered: number; failed: number; unsure: number; waiting: number;
}
export interface Tally {
  line: OrderLine; now_ms: number; total: Row; below: Row[]; outside: number; problems: string[]; steps: StepLine[];
  cut?: CutLine[]; // none from a node of an older version, as `problems_zh`
}
/* `by`: the node that tells, of the link to `code`; where they are one, of `gateway` or the order stream there. */
export interface CutLine { code: string; state: "cut" | "deaf" | "mute"; since_ms: number; by: string; gateway: string }
export interface Ladder { ladder: string; runs_s: number; over: boolean; steps: StepLine[]; problems: string[] }
export interface Person {
  number: number; id: string; name: string; phone: string; place: string; place_name: string; roles: string[];
  reachable: boolean; stage: string; answer: string;
}
export interface People { people: Person[]; total: number; after: number | null }
export interface ReportLine {
  report: { id: string; at_ms: number; text: string; lat: number | null; lon: number | null; parts: number }; person: Person;
}
export interface Reports { lines: ReportLine[]; total: number }
export interface Identity {
  name: string; by: string; roles: string[]; path: string; node: string; expires_s: number; now_ms: number;
}
export interface Proposal { order: IssuedOrder; sealed: string; targeted: number; reachable: number; left_s: number }
export interface Preview { targeted: number; reachable: number; needs_second: boolean }
export interface Quantile { percent: number; received_ms: number | null; answered_ms: number | null }
export type Point = [afterMs: number, received: number, answered: number]; // people; of a median, shares
export interface CourseRow { code: string; name: string; targeted: number; answered: number; quantiles: Quantile[] }
export interface PastCourse { order: string; issued_ms: number; targeted: number; points: Point[] }
export interface Course { targeted: number; points: Point[]; rows: CourseRow[]; past: PastCourse[]; median: Point[] }
export interface After {
  tally: Tally; course: Course; slowest: Row[]; silent: People; reports: Reports; timeline: OrderLine[];
}
export interface Entry {
  at_ms: number; actor: string; deed: string; about: string; refused: string; details: Record<string, string>;
}
export interface AuditFound { lines: { number: number; page: number; entry: Entry }[]; before: number | null; strange: number }
export interface AuditProved {
  read: number; stored: number; whole: boolean; at_ms: number; entries: number; pages: number; signed_pages: number;
  broken: [en: string, zh: string] | null;
}
export interface Roles { lines: { name: string; people: number }[]; total: number }
export interface Health {
  node: string; now_ms: number; people: number | null; reachable: number | null; problems: string[]; problems_zh?: string[];
}

/* Why not, in both languages. */
export class Problem extends Error {
  constructor(readonly code: string, readonly en: string, readonly zh: string) {
    super(en);
  }
  get sentence(): string {
    return say(this.en, this.zh);
  }
}

export const who = ref<Identity | null>(null);
export const isOut = ref(false); // a session has ended: what is on the screen stays, and is asked for again
let knows = async (): Promise<boolean> => false;

/* `again` logs in without anybody typing, where it can. */
export function logInBy(again: () => Promise<boolean>): void {
  knows = again;
}

async function once(method: string, path: string, body?: unknown): Promise<Response> {
  const given: RequestInit = { method, credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) Object.assign(given, { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
  try {
    return await fetch(`api/${path}`, given);
  } catch {
    throw new Problem("Offline", "The console cannot be reached; what you wrote is kept.", "无法连接指挥台；已填写的内容会保留。");
  }
}

export async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  let response = await once(method, path, body);
  if (response.status === 401 && !path.startsWith("login") && (await knows())) response = await once(method, path, body);
  if (response.ok) return (await response.json()) as T;
  let said = { code: "Problem", en: `The console failed (${response.status}).`, zh: `指挥台出错（${response.status}）。` };
  try {
    said = await response.json();
  } catch {
    // no sentence came: ours says as much as there is
  }
  if (response.status === 401 && !path.startsWith("login")) isOut.value = who.value !== null;
  throw new Problem(said.code, said.en, said.zh);
}

/* A recording. */
export async function sound(path: string): Promise<ArrayBuffer> {
  const response = await once("GET", path);
  if (response.ok) return response.arrayBuffer();
  const said = await response.json().catch(() => ({ code: "Problem", en: "It cannot be heard.", zh: "无法收听。" }));
  throw new Problem(said.code, said.en, said.zh);
}

export const get = <T>(path: string): Promise<T> => ask<T>("GET", path);
export const post = <T>(path: string, body: unknown): Promise<T> => ask<T>("POST", path, body);

export function sentenceOf(error: unknown): string {
  return error instanceof Problem ? error.sentence : String(error);
}
