/* Where units are, as the node tells: all at first, then what is new, each two seconds while a map shows them. */

import { computed, ref, shallowRef } from "vue";
import { get, who } from "./asking";
import { say } from "../shared/words";
import { every } from "./pacing";
import { top } from "./scene";

export interface Unit {
  address: string; node: string; unit: string; kind: Kind; title: string; lat: number; lon: number; at_ms: number; heard_ms: number;
  source: string; altitude_m: number | null; accuracy_m: number | null; speed_m_s: number | null; course_deg: number | null;
  battery: number | null; link: string; quality: number | null; mark: string;
}
export type Kind = "person" | "vehicle" | "drone" | "kit" | "sensor";
export type Place = [lat: number, lon: number]; // in the datum of the map
interface Told { now_ms: number; edition: number; whole: boolean; lines: Unit[]; shown: Place[][]; gone: string[]; next: string | null }

const EVERY_MS = 2_000;
export const KINDS: Kind[] = ["person", "vehicle", "drone", "kit", "sensor"];
export const units = new Map<string, { unit: Unit; shown: Place[] }>(); // nothing watches it: `turn` is raised
export const turn = ref(0);
export const chosenUnit = ref("");
export const hidden = shallowRef(new Set<Kind>());
export const unitsNow = ref(Date.now()); // by the node's clock
export const counts = computed(() => {
  void turn.value;
  const found = new Map<Kind, number>();
  for (const { unit } of units.values()) found.set(unit.kind, (found.get(unit.kind) ?? 0) + 1);
  return found;
});

let end = (): void => undefined, edition = 0, of = "", ahead = 0;

function take(told: Told): void {
  if (told.whole && !of.endsWith("+")) units.clear();
  for (const address of told.gone) units.delete(address);
  told.lines.forEach((unit, i) => units.set(unit.address, { unit, shown: told.shown[i]! }));
}

async function read(datum: string): Promise<void> {
  const place = top.value, session = `${who.value?.name ?? ""} ${place}`;
  if (of.replace("+", "") !== session) {
    edition = 0;
    of = session;
    units.clear();
  }
  let after: string | null = "", newest = edition;
  while (after !== null) {
    const told: Told = await get<Told>(`tracks?node=${place}&datum=${datum}&since=${edition}&after=${encodeURIComponent(after)}`);
    if (!after) newest = told.edition;
    take(told);
    of = told.next === null ? session : `${session}+`; // the pages that follow are of the same reply
    after = told.next;
    ahead = told.now_ms - Date.now();
  }
  edition = newest;
  turn.value += 1;
}

export function beginUnits(datum: string): void {
  end();
  end = every(EVERY_MS, async () => {
    if (who.value && document.visibilityState === "visible") await read(datum).catch(() => undefined); // the figures' stream says what is wrong
  });
}
export const endUnits = (): void => end();
setInterval(() => (unitsNow.value = Date.now() + ahead), 1_000);

export function toggle(kind: Kind): void {
  const found = new Set(hidden.value);
  if (!found.delete(kind)) found.add(kind);
  hidden.value = found;
}

export const kindWord = (kind: Kind): string =>
  ({ person: say("people", "人员"), vehicle: say("vehicles", "车辆"), drone: say("drones", "无人机"), kit: say("kits", "便携站"), sensor: say("sensors", "传感器") })[kind];
export const unitWord = (kind: Kind): string =>
  ({ person: say("person", "人员"), vehicle: say("vehicle", "车辆"), drone: say("drone", "无人机"), kit: say("kit", "便携站"), sensor: say("sensor", "传感器") })[kind];
export const linkWord = (link: string): string =>
  ({ satellite: say("satellite", "卫星"), "4g": "4G", wifi: "Wi-Fi", radio: say("radio", "电台"), none: say("none", "无") })[link] ?? link;
export const sourceWord = (source: string): string =>
  ({ mavlink: "MAVLink", cot: "TAK (CoT)", phone: say("phone", "手机"), manual: say("put by hand", "人工标注") })[source] ?? source;
export const ageWord = (ms: number): string => {
  const s = Math.max(0, Math.round(ms / 1000));
  return s < 120 ? say(`${s} s`, `${s} 秒`) : s < 7200 ? say(`${Math.floor(s / 60)} min`, `${Math.floor(s / 60)} 分钟`)
    : s < 172_800 ? say(`${Math.floor(s / 3600)} h`, `${Math.floor(s / 3600)} 小时`) : say(`${Math.floor(s / 86_400)} d`, `${Math.floor(s / 86_400)} 天`);
};
/* Fresh for a minute, then fading; after ten it may be anywhere. */
export const freshness = (ms: number): "fresh" | "fading" | "old" => (ms < 60_000 ? "fresh" : ms < 600_000 ? "fading" : "old");
