/* What was said in a talkgroup, and what of it somebody has not heard. Knows no network; what is kept, it is given. */

export interface Burst { id: string; at_ms: number; lasts_ms: number; place: string; group: string; number: number | null; name: string }

const KEY = "fusioncmd.heard", KEPT_MAX = 64; // talkgroups; beyond, the oldest visit is forgotten

/* Up to which burst a talkgroup was looked through the last time, in milliseconds of the node's clock. */
export class Visits {
  constructor(private readonly store: Pick<Storage, "getItem" | "setItem">) {}

  last(where: string): number {
    return this.read()[where] ?? 0;
  }

  left(where: string, atMs: number): void {
    const kept = { ...this.read(), [where]: atMs };
    const newest = Object.entries(kept).sort((a, b) => b[1] - a[1]).slice(0, KEPT_MAX);
    this.store.setItem(KEY, JSON.stringify(Object.fromEntries(newest)));
  }

  private read(): Record<string, number> {
    try {
      return JSON.parse(this.store.getItem(KEY) ?? "{}") as Record<string, number>;
    } catch {
      return {};
    }
  }
}

/* Newer than the last visit, and not heard since, live or played. */
export const unheard = (bursts: readonly Burst[], sinceMs: number, heard: ReadonlySet<string>): Burst[] =>
  bursts.filter((one) => one.at_ms > sinceMs && !heard.has(one.id));
