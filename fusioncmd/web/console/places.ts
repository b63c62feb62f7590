/* The tree of places: 28,745 in Guangdong, read once, from the codes alone (a code begins with that of the place above). */

import { shallowRef } from "vue";
import { Problem } from "./asking";

const LENGTHS = [2, 4, 6, 9, 12];
export interface Places { names: Map<string, string>; below: Map<string, string[]>; root: string }

export const places = shallowRef<Places>({ names: new Map(), below: new Map(), root: "" });

export const above = (code: string): string => code.slice(0, LENGTHS[LENGTHS.indexOf(code.length) - 1] ?? 0);
export const nameOf = (code: string): string => places.value.names.get(code) ?? code;
export const belowOf = (code: string): string[] => places.value.below.get(code) ?? [];
export const within = (code: string, top: string): boolean => code.startsWith(top);

/* From the outermost to the place itself, no further out than `top`. */
export function trail(code: string, top: string): string[] {
  return LENGTHS.filter((n) => n >= top.length && n <= code.length).map((n) => code.slice(0, n));
}

export async function loadPlaces(): Promise<void> {
  const response = await fetch("api/divisions.csv", { credentials: "same-origin" });
  if (!response.ok) throw new Problem("Places", "The tree of places cannot be read.", "无法读取区划树。");
  const names = new Map<string, string>(), below = new Map<string, string[]>();
  for (const line of (await response.text()).split("\n")) {
    const comma = line.indexOf(",");
    if (comma < 0) continue;
    const code = line.slice(0, comma), up = above(code);
    names.set(code, line.slice(comma + 1));
    if (!up) continue;
    const siblings = below.get(up);
    if (siblings) siblings.push(code);
    else below.set(up, [code]);
  }
  places.value = { names, below, root: names.keys().next().value ?? "" };
}

/* Places whose name or code holds what was typed, the highest first. */
export function findPlaces(text: string, top: string, max: number): string[] {
  const found: string[] = [], wanted = text.trim();
  if (!wanted) return found;
  for (const [code, name] of places.value.names) {
    if (within(code, top) && (name.includes(wanted) || code.startsWith(wanted))) found.push(code);
  }
  return found.sort((a, b) => a.length - b.length || (a < b ? -1 : 1)).slice(0, max);
}
