/* Video as the node tells of it: what is live, what is shown to everybody below, which roll is called. Asked each few
 * seconds by whoever may see it, where this tier has video. */

import { computed, ref, shallowRef } from "vue";
import type { Way } from "../shared/talking";
import { ask, get, post, who } from "./asking";
import { at, top } from "./scene";

export interface SourceLine {
  address: string; node: string; name: string; title: string; kind: string; since_ms: number; number: number; of: string;
}
export interface Shown { node: string; source: string; title: string; by: string; since_ms: number; live: boolean }
export interface Turn {
  place: string; outcome: "waiting" | "called" | "live" | "present" | "absent" | "skipped" | "uncalled"; called_ms: number;
  live_ms: number; since_ms: number; seen_ms: number; over_ms: number; source: string; who: string;
}
export interface RollCall {
  id: string; node: string; by: string; begun_ms: number; turns: Turn[]; wait_s: number; hold_s: number; seed: string;
  within: string; over_ms: number;
}
export interface RollLine { id: string; by: string; begun_ms: number; over_ms: number; seed: string; counts: Record<string, number> }
export interface Called { node: string; roll: string; called: string; until_ms: number; by: string }
export interface Video {
  carried: boolean; now_ms: number; sources: SourceLine[]; total: number; shown: Shown | null; above: SourceLine[];
  roll: RollCall | null; called: Called[]; may_call: boolean;
}

const EVERY_MS = 3_000, ROLL_MS = 1_000, PASS_MS = 45_000;
export const talkAt = ref(""); // where the gateway is; empty: nowhere
export const video = shallowRef<Video | null>(null);
export const wall = ref(false); // it is open
export const picked = ref<string[]>([]); // sources to play, the latest pick last
export const full = ref(""); // the one that fills the wall
export const present = shallowRef(new Set<string>()); // what the gateway listed last
export const nowMs = ref(Date.now()); // by the node's clock

let timer = 0, ahead = 0, generation = 0;

export async function readVideo(): Promise<void> {
  const found = await get<Video>("video");
  ahead = found.now_ms - Date.now();
  nowMs.value = found.now_ms;
  video.value = found.carried ? found : null;
}

/* Quicker while a roll is called: the face on the wall is the one that is called. */
async function turn(mine: number): Promise<void> {
  if (who.value) await readVideo().catch(() => undefined); // the figures' stream says what is wrong
  if (mine !== generation) return;
  timer = window.setTimeout(() => void turn(mine), video.value?.roll ? ROLL_MS : EVERY_MS);
}

export function beginVideo(where: string): void {
  talkAt.value = where;
  clearTimeout(timer);
  generation += 1;
  if (where) void turn(generation);
}
setInterval(() => (nowMs.value = Date.now() + ahead), 1_000);

/* One pass serves many tiles; it has to be shown within a minute. */
let pass: Promise<{ bearer: string }> | null = null, passedMs = 0;
export const way = computed<Way>(() => ({
  at: talkAt.value,
  bearer: async () => {
    if (!pass || Date.now() - passedMs > PASS_MS) {
      passedMs = Date.now();
      pass = post<{ bearer: string }>("talk", {});
      pass.catch(() => (pass = null));
    }
    return (await pass).bearer;
  },
}));

/* `<code>.<name>`, as the gateway has it. */
export const codeAddress = (one: { node: string; name: string }): string => `${one.node}.${one.name}`;

export function openSource(address: string, large = true): void {
  picked.value = [...picked.value.filter((one) => one !== address), address].slice(-16);
  if (large) full.value = address;
  wall.value = true;
}

/* How many are live at the place and below. */
export const liveAt = (code: string): number =>
  video.value?.sources.reduce((sum, one) => sum + Number(one.node.startsWith(code)), 0) ?? 0;
export const sourceOfPerson = (number: number): SourceLine | undefined =>
  video.value?.sources.find((one) => one.number === number && one.kind !== "camera");

export async function show(source: string): Promise<void> {
  await post<Shown>("video/show", { source });
  await readVideo();
}
export async function hide(): Promise<void> {
  await ask("DELETE", "video/show");
  await readVideo();
}
export async function beginRoll(form: { places?: string[]; count?: number; within?: string; wait_s: number; hold_s: number }): Promise<void> {
  await post<RollCall>("video/rolls", form);
  await readVideo();
}
export async function turnRoll(roll: RollCall, act: "present" | "absent" | "skip" | "end", place: string): Promise<void> {
  await post<RollCall>(`video/rolls/${roll.id}/turn`, { act, place: act === "end" ? "" : place });
  await readVideo();
}
export const calledTurn = computed<Turn | null>(() => video.value?.roll?.turns.find((one) => one.outcome === "called" || one.outcome === "live") ?? null);
export const atPlace = computed(() => at.value || top.value);
