/* What follows from alarms for a screen: which ring, which stand together on a map, whose ground they mean. Pure. */

export type Severity = "extreme" | "severe" | "moderate" | "minor" | "unknown";
export type Standing = "open" | "confirmed" | "dismissed" | "over";
export interface Heard { id: string; standing: Standing; gravest: Severity; first_ms: number }
export interface Spot<T> { x: number; y: number; of: T }
export interface Gathered<T> { x: number; y: number; all: T[] } // that of the lowest rank first

export const SEVERITIES: Severity[] = ["extreme", "severe", "moderate", "minor", "unknown"];
export const RING_MS_MAX = 10 * 60_000; // said longer ago, it is no news: a page that is opened rings for what is of now
export const RUNG_MAX = 500; // remembered; the oldest is forgotten, and is too old to ring by then

export const isGraver = (one: Severity, other: Severity): boolean => SEVERITIES.indexOf(one) < SEVERITIES.indexOf(other);
export const stands = (standing: Standing): boolean => standing === "open" || standing === "confirmed";

/* Those that ring now: extreme, not looked at by anybody, of the last minutes, and each once. */
export function ringing<T extends Heard>(heard: T[], rung: ReadonlySet<string>, nowMs: number): T[] {
  return heard.filter((one) =>
    one.gravest === "extreme" && one.standing === "open" && !rung.has(one.id) && nowMs - one.first_ms < RING_MS_MAX);
}

/* With those that rang just now, the latest last. */
export function remembered(rung: Iterable<string>, more: string[]): string[] {
  return [...new Set([...rung, ...more])].slice(-RUNG_MAX);
}

interface Order { playbook: string; what: string; order: string | null; at_ms: number }
export interface Made { playbook: string; draft: { id: string } | null }
const READY_MS_MAX = 50 * 60_000; // an order's id is good for an hour (fusioncmd/orders.py)

/* Playbooks of which an order may be issued for an alarm: none of which one was, by its key or by somebody's touch. `there`:
 * prepared orders that are issued. */
export function offers<T extends Made>(applies: T[], decided: Order[], there: ReadonlySet<string | null>): T[] {
  const done = new Set(decided.filter((one) => one.what === "issued" || (one.order !== null && there.has(one.order))).map((one) => one.playbook));
  return applies.filter((one) => !done.has(one.playbook));
}

/* The id of the order that a playbook makes. One of all who touch it, as long as it is good, so that whoever is second
 * issues nothing anew; where none was prepared, of all that is read of the alarm while the card is open (`kept`), so that
 * a touch after an answer that was lost issues nothing anew either. */
export function orderIdOf(one: Made, decided: Order[], kept: Map<string, [id: string, atMs: number]>, nowMs: number): string {
  const ready = [...decided].reverse().find((each) => each.playbook === one.playbook && (each.what === "prepared" || each.what === "issued"));
  if (ready?.order && nowMs - ready.at_ms < READY_MS_MAX) return ready.order;
  const before = kept.get(one.playbook);
  if (before && nowMs - before[1] < READY_MS_MAX) return before[0];
  kept.set(one.playbook, [one.draft!.id, nowMs]);
  return one.draft!.id;
}

/* Spots whose marks, so wide and so high, would cover that of one of a lower rank stand with it: as many marks as can be
 * told apart. */
export function gathered<T>(spots: Spot<T>[], rankOf: (one: T) => number, wide: number, high: number): Gathered<T>[] {
  const found: Gathered<T>[] = [];
  for (const spot of [...spots].sort((a, b) => rankOf(a.of) - rankOf(b.of))) {
    const beside = found.find((one) => Math.abs(one.x - spot.x) < wide && Math.abs(one.y - spot.y) < high);
    if (beside) beside.all.push(spot.of);
    else found.push({ x: spot.x, y: spot.y, all: [spot.of] });
  }
  return found;
}

/* As somebody looks through them: what nobody has looked at first, of those the gravest, of those the newest. */
export function inTurn<T extends Heard>(heard: T[]): T[] {
  const rank = (one: T): number => (one.standing === "open" ? 0 : stands(one.standing) ? 10 : 20) + SEVERITIES.indexOf(one.gravest);
  return [...heard].sort((a, b) => rank(a) - rank(b) || b.first_ms - a.first_ms);
}

/* Of each county that alarms mean, how grave it is: a town's alarm is drawn on its county, a city's on all of its own. */
export function grounds(alarms: { nodes: string[]; gravest: Severity }[], counties: string[]): Map<string, Severity> {
  const found = new Map<string, Severity>();
  for (const { nodes, gravest } of alarms) for (const node of nodes) for (const county of counties) {
    if (!county.startsWith(node) && !node.startsWith(county)) continue;
    const before = found.get(county);
    if (!before || isGraver(gravest, before)) found.set(county, gravest);
  }
  return found;
}

/* Corners of a circle on the ground, for a map: longitude and latitude, closed. */
export function circle(lat: number, lon: number, radiusM: number, corners = 48): [number, number][] {
  const high = radiusM / 111_320, wide = high / Math.max(Math.cos((lat * Math.PI) / 180), 0.01);
  return Array.from({ length: corners + 1 }, (_, i) => {
    const angle = (2 * Math.PI * (i % corners)) / corners;
    return [lon + wide * Math.cos(angle), lat + high * Math.sin(angle)];
  });
}
