/* Alarms as the node tells them, each three seconds, in sight or not: what is new comes, else that nothing is. */

import { computed, ref, shallowRef, watch } from "vue";
import { language, say } from "../shared/words";
import { get, post, type Selector, type Status, who } from "./asking";
import { remembered, ringing as rings, type Severity, type Standing, stands } from "./alarm_rules";
import { hush, ring } from "./bell";
import type { Place } from "./map_places";
import { every } from "./pacing";
import { nameOf } from "./places";
import { panel } from "./scene";

export interface Decided {
  what: "confirmed" | "dismissed" | "waits" | "prepared" | "issued" | "failed" | "shown" | "drawn" | "lacking" | "told"; by: string; at_ms: number; playbook: string;
  order: string | null; words: [en: string, zh: string];
}
export interface Evidence { kind: string; what: string }
export interface Alarm {
  id: string; source: string; about: string; state: "new" | "more" | "over"; event: string; status: Status; severity: Severity;
  certainty: string; urgency: string; since_ms: number; said_ms: number; until_ms: number | null; nodes: string[]; headline: string;
  text: string; where: [lat: number, lon: number] | null; radius_m: number; place: string; evidence: Evidence[];
}
export interface AlarmLine {
  alarm: Alarm; standing: Standing; first_ms: number; times: number; gravest: Severity; decided: Decided[];
}
export interface Prepared {
  id: string; status: Status; text: string; severity: string; answers: string[]; audience: Selector; receive_within_s: number;
  answer_within_s: number; open_s: number; ladder: string;
}
export interface Applies {
  playbook: string; then: "prepare" | "issue"; second_look: boolean; draft: Prepared | null; people: number; problem_en: string;
  problem_zh: string; place?: Place | null; cameras?: string[];
}
export interface AlarmReply { line: AlarmLine; applies: Applies[]; at?: Place[]; cameras?: string[] }
export interface Shown extends AlarmLine { id: string; at: [lat: number, lon: number] | null } // `at`: in the datum of the map
interface Told {
  now_ms: number; ident: string; lines: AlarmLine[] | null; shown: ([number, number] | null)[] | null; total: number;
  playbooks: string[]; problem_en: string; problem_zh: string;
}

const EVERY_MS = 3_000, SHOWN_MAX = 100, KEY = "fusioncmd.rung";
export const alarms = shallowRef<Shown[]>([]);
export const told = shallowRef<Omit<Told, "lines" | "shown"> | null>(null);
export const chosenAlarm = ref<string | null>(null);
export const calls = shallowRef<Shown[]>([]); // those that rang, until somebody here looks at them or silences them
export const datum = ref("wgs84"); // of the map
export const ahead = ref(0); // the node's clock before this machine's
export const standing = computed(() => alarms.value.filter((one) => stands(one.standing)));
let end = (): void => undefined, rung = kept(), asked = 0;

function kept(): string[] {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "[]") as string[];
  } catch {
    return [];
  }
}

export const mayWatch = computed(() => who.value?.roles.some((role) => ["commander", "duty_officer", "auditor"].includes(role)) ?? false);
export const mayLook = computed(() => who.value?.roles.some((role) => role === "commander" || role === "duty_officer") ?? false);

function take(heard: Told): void {
  const { lines, shown, ...rest } = heard;
  ahead.value = heard.now_ms - Date.now();
  told.value = rest;
  if (lines) alarms.value = lines.map((line, i) => ({ ...line, id: line.alarm.id, at: shown![i] ?? null }));
  const open = new Set(alarms.value.filter((one) => one.standing === "open").map((one) => one.id));
  const fresh = rings(alarms.value, new Set(rung), heard.now_ms);
  calls.value = [...fresh, ...calls.value.filter((one) => open.has(one.id))]; // what somebody else looked at calls no more
  if (!calls.value.length) hush();
  if (!fresh.length) return;
  rung = remembered(rung, fresh.map((one) => one.id));
  localStorage.setItem(KEY, JSON.stringify(rung));
  void ring();
}

export async function readAlarms(): Promise<void> {
  const mine = ++asked;
  const heard = await get<Told>(`alarms?limit=${SHOWN_MAX}&datum=${datum.value}&heard=${told.value?.ident ?? ""}`);
  if (mine === asked) take(heard);
}

export function beginAlarms(): void {
  end();
  end = every(EVERY_MS, async () => {
    if (mayWatch.value) await readAlarms().catch(() => undefined); // the figures' stream says what is wrong
  });
}

function forget(): void {
  told.value = null;
  asked += 1;
}
watch(datum, () => (forget(), void (mayWatch.value && readAlarms().catch(() => undefined))));
watch(() => `${who.value?.name} ${who.value?.path}`, () => {
  forget();
  [alarms.value, calls.value, chosenAlarm.value] = [[], [], null];
});

/* Nobody here need be called again for these. */
export function silence(): void {
  calls.value = [];
  hush();
}

export function lookAtAlarm(id: string): void {
  calls.value = calls.value.filter((one) => one.id !== id);
  if (!calls.value.length) hush();
  chosenAlarm.value = id;
  panel.value = "alarms";
}

export const lookedAt = (id: string, confirm: boolean, words: string): Promise<AlarmReply> =>
  post<AlarmReply>(`alarms/${id}/look`, { confirm, words });

/* --- in words */

export const severityWord = (severity: Severity): string =>
  ({
    extreme: say("extreme", "特别严重"), severe: say("severe", "严重"), moderate: say("moderate", "较重"),
    minor: say("minor", "一般"), unknown: say("unknown", "未知"),
  })[severity];
export const alarmStandingWord = (standing: Standing): string =>
  ({
    open: say("not looked at", "待核实"), confirmed: say("confirmed", "已核实"), dismissed: say("dismissed", "已排除"),
    over: say("over", "已解除"),
  })[standing];
export const whatWord = (what: Decided["what"]): string =>
  ({
    confirmed: say("confirmed", "核实"), dismissed: say("dismissed", "排除"), waits: say("waits for a second look", "待核实后启动"),
    prepared: say("order prepared", "已备令"), issued: say("order issued", "已下达"), failed: say("could not be issued", "未能下达"),
    shown: say("camera shown", "已展示摄像头"), drawn: say("experts drawn", "已抽取专家"), lacking: say("lacking", "未完成"),
    told: say("department told", "已通报部门"),
  })[what];
const EVENTS: Record<string, [string, string]> = {
  smoke: ["smoke", "烟雾"], fire: ["fire", "火情"], gas: ["gas", "气体泄漏"], flood: ["flood", "洪水"], rainstorm: ["rainstorm", "暴雨"],
  typhoon: ["typhoon", "台风"], earthquake: ["earthquake", "地震"], landslide: ["landslide", "滑坡"], thunderstorm: ["thunderstorm", "雷暴"],
  silence: ["sensor silent", "传感器失联"],
};
export const eventWord = (event: string): string => (EVENTS[event] ? say(...EVENTS[event]) : event);
export const certaintyWord = (certainty: string): string =>
  ({
    observed: say("observed", "已发生"), likely: say("likely", "很可能"), possible: say("possible", "可能"), unlikely: say("unlikely", "不太可能"),
  })[certainty] ?? "";
export const urgencyWord = (urgency: string): string =>
  ({
    immediate: say("act at once", "立即应对"), expected: say("within the hour", "一小时内"), future: say("later", "稍后"), past: say("past", "已过去"),
  })[urgency] ?? "";
export const evidenceWord = (kind: string): string =>
  ({
    reading: say("reading", "读数"), video: say("video", "视频"), still: say("still", "图片"), web: say("web", "网页"), text: say("text", "文字"),
  })[kind] ?? kind;
export function placesWord(nodes: string[], most = 3): string {
  return nodes.slice(0, most).map(nameOf).join(say(", ", "、")) + (nodes.length > most ? say(` and ${nodes.length - most} more`, `等 ${nodes.length} 处`) : "");
}
export const wordsOf = ([en, zh]: [string, string]): string => (language.value === "zh" ? zh : en);
