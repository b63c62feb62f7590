/* Sources of video as a gateway lists them, and which of them play at once. Knows no network and no clock. */

export interface Source {
  node: string; name: string; title: string; kind: string; since_ms: number; number: number; width: number; height: number;
  place: [number, number] | null; of: string; trouble_en: string; trouble_zh: string; codec: string; viewers: number;
  thin?: "" | "live" | "stills"; // over a thin link, and what that affords; none from a gateway of an older version
}
/* A node's roll calls the place `called`; `left_s` until it goes on. */
export interface Call { node: string; roll: string; called: string; until_ms: number; left_s: number; by: string }
export interface Now { calls: Call[]; sources: Source[] }

export const addressOf = (one: { node: string; name: string }): string => `${one.node}.${one.name}`;

/* Those that play: first what somebody picked (the latest pick first), then what is put before everybody, then people
 * before cameras, whoever came last first. What plays already keeps its place before what came since: no tile is torn
 * away by a newcomer. At most `most`. */
export function playing(sources: readonly Source[], picked: readonly string[], before: ReadonlySet<string>, most: number): Set<string> {
  const chosen = new Set<string>();
  const there = new Map(sources.map((one) => [addressOf(one), one]));
  const add = (address: string): void => void (there.has(address) && chosen.size < most && chosen.add(address));
  [...picked].reverse().forEach(add);
  sources.filter((one) => one.kind === "shown").map(addressOf).forEach(add);
  [...before].forEach(add);
  const people = (one: Source): number => (one.kind === "camera" || one.kind === "drone" ? 1 : 0);
  [...sources].sort((a, b) => people(a) - people(b) || b.since_ms - a.since_ms).map(addressOf).forEach(add);
  return chosen;
}

/* Of the place and below; and what is put before everybody, wherever one looks, unless it is there itself. */
export function sourcesAt(sources: readonly Source[], code: string): Source[] {
  const own = sources.filter((one) => one.kind !== "shown" && one.node.startsWith(code));
  const there = new Set(own.map(addressOf));
  return [...sources.filter((one) => one.kind === "shown" && !there.has(plainAddress(one.of))), ...own];
}

/* The code of what is shown: `44.01.06.001.cam1` is 440106001.cam1. */
export function plainAddress(of: string): string {
  const at = of.lastIndexOf(".");
  return at < 0 ? of : `${of.slice(0, at).replaceAll(".", "")}.${of.slice(at + 1)}`;
}
