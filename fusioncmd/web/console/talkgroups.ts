/* Temporary talkgroups as the console shows and makes them. */

import { nameOf } from "./places";

export interface TalkgroupLine {
  where: string; places: string[]; people: number[]; radios: string[]; by: string; made_ms: number; until_ms: number;
}
export const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,31}$/;

/* `flood · 天河区` of `440106.flood`. */
export function groupName(where: string): string {
  const [code, name] = where.split(".") as [string, string];
  return `${name} · ${nameOf(code)}`;
}
