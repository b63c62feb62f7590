/* A draw replayed where it is looked at, by its record alone (PROTOCOL.md, 15): the node is not asked who was drawn. */

export interface Listed {
  needs: { field: string; count: number }[]; experts: Record<string, string[]>; officials: string[]; excluded: Record<string, string>;
}
export interface Drawn { committed: boolean; official: string; experts: [field: string, id: string][] | null } // null: too few are left

const utf8 = new TextEncoder();
const compare = (a: Uint8Array, b: Uint8Array): number => {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
};
const hex = (bytes: ArrayBuffer): string => [...new Uint8Array(bytes)].map((one) => one.toString(16).padStart(2, "0")).join("");

/* Keys sorted by code point, no spaces. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const pairs = Object.entries(value).map(([key, each]) => [utf8.encode(key), `${JSON.stringify(key)}:${canonical(each)}`] as const);
  return `{${pairs.sort(([a], [b]) => compare(a, b)).map(([, text]) => text).join(",")}}`;
}

/* Of a list that the seed was committed for; `declined` are passed over. */
export async function replayed(listed: Listed, seedHex: string, commitment: string, declined: string[]): Promise<Drawn> {
  const seed = Uint8Array.from(seedHex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", utf8.encode(canonical(listed))));
  const key = await crypto.subtle.importKey("raw", seed, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const ordered = async (role: string, names: string[]): Promise<string[]> => {
    const keyed = await Promise.all(names.map(async (name) => {
      const said = utf8.encode(role + name), whole = new Uint8Array(digest.length + said.length);
      whole.set(digest);
      whole.set(said, digest.length);
      return [new Uint8Array(await crypto.subtle.sign("HMAC", key, whole)), name] as const;
    }));
    return keyed.sort(([a], [b]) => compare(a, b)).map(([, name]) => name);
  };
  const out = new Set(declined), taken = new Set<string>(), experts: [string, string][] = [];
  const ranked = (await ordered("expert", Object.keys(listed.experts))).filter((name) => !out.has(name));
  let short = false;
  for (const { field, count } of listed.needs) {
    const fitting = ranked.filter((name) => !taken.has(name) && listed.experts[name]!.includes(field)).slice(0, count);
    short ||= fitting.length < count;
    for (const name of fitting) {
      taken.add(name);
      experts.push([field, name]);
    }
  }
  const committed = hex(await crypto.subtle.digest("SHA-256", seed)) === commitment;
  return { committed, official: (await ordered("official", listed.officials))[0] ?? "", experts: short ? null : experts };
}
