/* The commander's own keys: opened from their files, kept by the browser so that they sign and cannot be read.
 *
 * What is signed is what fusioncmd/trust/signatures.py says: purpose, the grant in whose capacity, and the body.
 */

import { shallowRef } from "vue";
import { readGrant, readSealed, type Grant, type Seal } from "../forms.js";
import type { Bytes } from "../trust.js";
import { Problem, type Status } from "./asking";
import { fromBase64, joined, pack, type Packable, toBase64, utf8 } from "./codec";

const PKCS8 = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20); // RFC 8410, 7
type Signed = { body: Bytes; signature: Bytes };
export interface Key { name: Bytes; grant: Grant; chain: Signed[]; key: CryptoKey }

export const keys = shallowRef<Key[]>([]);

/* --- kept in IndexedDB, where only this origin can use them */

function store(): Promise<IDBDatabase> {
  return new Promise((found, failed) => {
    const open = indexedDB.open("fusioncmd-keys", 1);
    open.onupgradeneeded = () => open.result.createObjectStore("keys");
    open.onsuccess = () => found(open.result);
    open.onerror = () => failed(open.error);
  });
}

async function kept<T>(mode: IDBTransactionMode, act: (keys: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await store();
  try {
    return await new Promise<T>((done, failed) => {
      const request = act(database.transaction("keys", mode).objectStore("keys"));
      request.onsuccess = () => done(request.result);
      request.onerror = () => failed(request.error);
    });
  } finally {
    database.close();
  }
}

export async function loadKeys(): Promise<void> {
  keys.value = (await kept<Key[]>("readonly", (all) => all.getAll())).filter((one) => one.grant.not_after_ms > Date.now());
}

export async function forgetKeys(): Promise<void> {
  await kept("readwrite", (all) => all.clear());
  keys.value = [];
}

/* --- opened from NAME.key and NAME.grants (fusioncmd/trust/keyfile.py), all in one choice */

export async function openKeys(files: File[]): Promise<number> {
  const found: Key[] = [];
  for (const file of files.filter((one) => one.name.endsWith(".key"))) {
    const grants = files.find((one) => one.name === `${file.name.slice(0, -4)}.grants`);
    if (grants) {
      const key = await opened(await file.text(), await grants.text(), file.name);
      if (key.grant.statuses.length === 1 || key.grant.purposes.includes("administer")) found.push(key);
    }
  }
  const usable = found.filter(({ grant }) => !grant.purposes.includes("node") && grant.not_after_ms > Date.now());
  if (!usable.length) {
    throw new Problem(
      "NoKey", "No key is among those files: choose NAME.key and NAME.grants together.",
      "所选文件中没有可用密钥：请同时选择 名称.key 与 名称.grants。",
    );
  }
  for (const key of usable) await kept("readwrite", (all) => all.put(key, toBase64(key.name)));
  await loadKeys();
  return usable.length;
}

async function opened(secret: string, granted: string, name: string): Promise<Key> {
  try {
    const { seed, algorithm } = JSON.parse(secret) as { seed: string; algorithm: string };
    const pairs = (JSON.parse(granted) as { chain: [string, string][] }).chain;
    const chain = pairs.map(([body, signature]) => ({ body: fromBase64(body), signature: fromBase64(signature) }));
    const last = chain.at(-1)!, grant = readGrant(last.body);
    if (algorithm !== "ed25519") throw new Error(algorithm);
    const key = await crypto.subtle.importKey("pkcs8", joined(PKCS8, fromBase64(seed)), { name: "Ed25519" }, false, ["sign"]);
    const check = await crypto.subtle.importKey("raw", grant.key, { name: "Ed25519" }, false, ["verify"]);
    const probe = utf8("fusioncmd");
    if (!(await crypto.subtle.verify("Ed25519", check, await crypto.subtle.sign("Ed25519", key, probe), probe))) throw new Error();
    return { name: await nameOf(last.body), grant, chain, key };
  } catch {
    throw new Problem(
      "BadKey", `${name} and its grants do not belong together, or this browser cannot sign with them.`,
      `${name} 与其授权文件不匹配，或本浏览器不支持该签名算法。`,
    );
  }
}

async function nameOf(body: Bytes): Promise<Bytes> {
  const digest = await crypto.subtle.digest("SHA-256", joined(utf8("fusioncmd/grant-name/1\0"), body));
  return new Uint8Array(digest).slice(0, 16);
}

/* --- used */

export function keyFor(status: Status, purpose: "issue" | "approve" = "issue"): Key {
  const found = keys.value
    .filter(({ grant }) => grant.statuses.length === 1 && grant.statuses[0] === status && grant.purposes.includes(purpose))
    .sort((a, b) => b.grant.not_after_ms - a.grant.not_after_ms)[0];
  if (found) return found;
  const [en, zh] = status === "actual" ? ["actual", "实战"] : ["exercise", "演练"];
  throw new Problem("NoKey", `Your key for ${en} orders is not opened here.`, `尚未打开您的${zh}密钥。`);
}

async function sealed(purpose: string, body: Bytes, own: Key): Promise<Packable> {
  const data = joined(utf8(`fusioncmd/${purpose}/1\0`), own.name, body);
  const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", own.key, data));
  return ["ed25519", own.name, packableChain(own.chain), signature];
}

const packableChain = (chain: Signed[]): Packable => chain.map(({ body, signature }) => [body, signature]);
const packableSeal = (seal: Seal): Packable => [seal.algorithm, seal.by, packableChain(seal.chain), seal.signature];

/* The order, signed: `sealed.1` as base64. */
export async function signOrder(body: Bytes, own: Key): Promise<string> {
  return toBase64(pack(["sealed.1", body, await sealed("issue", body, own), []]));
}

/* A proposed order with this person's approval. */
export async function approveOrder(proposed: string, own: Key): Promise<string> {
  const given = readSealed(fromBase64(proposed));
  const approvals = [...given.approvals.map(packableSeal), await sealed("approve", given.body, own)];
  return toBase64(pack(["sealed.1", given.body, packableSeal(given.seal), approvals]));
}

/* That this person has the key now, for that node. */
export async function prove(node: string, nowMs: number, own: Key): Promise<string> {
  const body = pack(["login.1", node, nowMs, crypto.getRandomValues(new Uint8Array(16))]);
  return toBase64(pack(["statement.1", body, await sealed("login", body, own)]));
}

/* Keys of one person and place, one for each thing that they give: what logs them in. */
export function loginKeys(): Key[] {
  const first = keys.value.find(({ grant }) => grant.statuses[0] === "exercise") ?? keys.value[0];
  const same = (one: Key) => one.grant.holder === first!.grant.holder && one.grant.path === first!.grant.path;
  const admin = keys.value.find((one) => one !== first && same(one) && one.grant.purposes.includes("administer"));
  return first ? [first, ...(admin ? [admin] : [])] : [];
}
