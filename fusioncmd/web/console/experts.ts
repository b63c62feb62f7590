/* Experts as the node knows them, and draws: what is needed, as it is being written, and the record of each. */

import { reactive, ref } from "vue";
import { say } from "../shared/words";
import type { Alarm } from "./alarms";
import { makeId } from "./codec";
import { lookAt, panel } from "./scene";

export type State = "available" | "leave" | "task";
export type What = "accepted" | "declined" | "arrived" | "opinion" | "signed";
export interface Expert {
  id: string; name: string; phone: string; place: string; fields: string[]; category: string; specialities: string[]; grade: string;
  organisation: string; interests: string[]; where: [lat: number, lon: number] | null; state: State;
}
export interface Experts { lines: { expert: Expert; away_m: number | null }[]; total: number; next: string | null }
export interface Draw {
  record: {
    id: string; order: string | null; asked_by: string; at_ms: number; commitment: string; seed: string;
    listed: { needs: { field: string; count: number }[]; experts: Record<string, string[]>; officials: string[]; excluded: Record<string, string> };
    steps: { expert: string; what: What; at_ms: number; by: string; words: string }[];
  };
  official: string; lines: { field: string; expert: Expert | null; id: string; standing: What | "" }[]; short_en: string; short_zh: string;
}

export const NEEDS_MAX = 16, WANTED_MAX = 64; // fusioncmd/experts/draw.py
export const tab = ref<"find" | "draw" | "draws">("find");
const blank = () => ({ id: makeId(Date.now()), needs: [{ field: "", count: 1 }], at: "", within: 50, parties: "", bound: false });
export const need = reactive(blank());

export const clearNeed = (): void => void Object.assign(need, blank());

/* Experts for an alarm: at its point, or in the place that it means. */
export const needAt = (alarm: Alarm): void => needThere(alarm.where, alarm.nodes[0]!);

export function needThere(where: [lat: number, lon: number] | null, node: string): void {
  need.at = where ? `${where[0].toFixed(5)}, ${where[1].toFixed(5)}` : "";
  if (!where) lookAt(node);
  tab.value = "draw";
  panel.value = "experts";
}

/* Latitude and longitude of what was typed; null: nothing was; undefined: it is no point. */
export function pointOf(text: string): [number, number] | null | undefined {
  if (!text.trim()) return null;
  const parts = text.split(/[,，\s]+/).filter(Boolean).map(Number), [lat, lon] = parts;
  return parts.length === 2 && Math.abs(lat!) <= 90 && Math.abs(lon!) <= 180 ? [lat!, lon!] : undefined;
}

/* What may follow, of one expert (fusioncmd/experts/record.py). */
export const NEXT: Record<What | "", What[]> = {
  "": ["accepted", "declined"], accepted: ["arrived", "declined"], arrived: ["opinion", "declined"], opinion: ["opinion", "signed"],
  signed: [], declined: [],
};
export const stateWord = (state: State): string =>
  ({ available: say("available", "可抽"), leave: say("on leave", "休假"), task: say("on task", "出勤") })[state];
export const stepWord = (what: What | ""): string =>
  ({
    "": say("drawn, not asked yet", "已抽中，待通知"), accepted: say("accepted", "已接受"), declined: say("declined", "已婉拒"),
    arrived: say("arrived", "已到场"), opinion: say("gave an opinion", "已出具意见"), signed: say("signed off", "已签退"),
  })[what];
export const actWord = (what: What): string =>
  ({
    accepted: say("Accepted", "接受"), declined: say("Declined", "婉拒"), arrived: say("Arrived", "到场"), opinion: say("Opinion", "意见"),
    signed: say("Sign off", "签退"),
  })[what];
export const whyWord = (why: string): string =>
  why.startsWith("conflict: ") ? say(`has to do with ${why.slice(10)}`, `与${why.slice(10)}有利害关系`)
    : ({ leave: say("on leave", "休假"), task: say("on task", "出勤"), far: say("too far", "距离过远") })[why] ?? why;
export const awayWord = (m: number | null): string => (m === null ? "" : `${(m / 1000).toFixed(1)} km`);
