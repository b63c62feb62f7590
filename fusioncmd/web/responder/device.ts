/* This device's key and its code: what is signed to enrol and to renew (PROTOCOL.md, 8). The private key never leaves
 * the browser: WebCrypto keeps it, and gives it to nobody. */

import type { Bytes } from "../trust.js";

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CODE_CHARS = 32;

export class NoEd25519 extends Error {}

export interface Keys {
  private: CryptoKey;
  public: Bytes;
}

/* `NoEd25519` where the browser is older than Chrome 137, Safari 17 or Firefox 129, or the page came by plain HTTP. */
export async function makeKeys(): Promise<Keys> {
  if (!globalThis.crypto?.subtle) throw new NoEd25519();
  try {
    const pair = (await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"])) as CryptoKeyPair;
    return { private: pair.privateKey, public: new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)) };
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotSupportedError") throw new NoEd25519();
    throw error;
  }
}

/* The 20 bytes of a code as people type it; null where it is none. `I`, `L` and `O` are read as digits. */
export function readCode(text: string): Bytes | null {
  const plain = text.toUpperCase().replace(/[\s-]/g, "").replace(/[IL]/g, "1").replace(/O/g, "0");
  if (plain.length !== CODE_CHARS || [...plain].some((char) => !CROCKFORD.includes(char))) return null;
  let whole = 0n;
  for (const char of plain) whole = (whole << 5n) | BigInt(CROCKFORD.indexOf(char));
  return Uint8Array.from({ length: 20 }, (_, i) => Number((whole >> BigInt(8 * (19 - i))) & 255n));
}

async function sign(key: CryptoKey, purpose: string, ...parts: Bytes[]): Promise<Bytes> {
  const domain = new TextEncoder().encode(`fusioncmd/${purpose}/1\0`);
  const whole = new Uint8Array([domain, ...parts].flatMap((part) => [...part]));
  return new Uint8Array(await crypto.subtle.sign({ name: "Ed25519" }, key, whole));
}

export const enrolProof = (keys: Keys, code: Bytes): Promise<Bytes> =>
  sign(keys.private, "enrol", code, new TextEncoder().encode("ed25519\0"), keys.public);

export function renewProof(keys: Keys, number: number, device: Bytes, atMs: number): Promise<Bytes> {
  const four = new DataView(new ArrayBuffer(4)), eight = new DataView(new ArrayBuffer(8));
  four.setUint32(0, number);
  eight.setBigUint64(0, BigInt(atMs));
  return sign(keys.private, "renew", new Uint8Array(four.buffer), device, new Uint8Array(eight.buffer));
}
