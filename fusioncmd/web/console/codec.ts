/* Bytes as text and back: base64, ids (fusioncmd/ids.py), and the few MessagePack values that are signed (canonical.py). */

import type { Bytes } from "../trust.js";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

export const toBase64 = (bytes: Bytes): string => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

export function fromBase64(text: string): Bytes {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}

export function joined(...parts: Bytes[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return whole;
}

export const utf8 = (text: string): Bytes => new TextEncoder().encode(text) as Bytes;

export function idText(id: Bytes): string {
  let value = id.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n), text = "";
  for (let i = 0; i < 26; i++, value >>= 5n) text = ALPHABET[Number(value & 31n)] + text;
  return text;
}

/* A new one, of this moment. */
export function makeId(nowMs: number): string {
  const id = crypto.getRandomValues(new Uint8Array(16));
  for (let i = 5, left = nowMs; i >= 0; i--, left = Math.floor(left / 256)) id[i] = left % 256;
  return idText(id);
}

export type Packable = string | number | Bytes | Packable[];

/* The one spelling of a value: every length and number as short as can be. */
export function pack(value: Packable): Bytes {
  if (typeof value === "number") return packInt(value);
  if (typeof value === "string") {
    const bytes = utf8(value);
    return joined(head(bytes.length, 0xa0, 32, 0xd9, 0xda), bytes);
  }
  if (value instanceof Uint8Array) return joined(head(value.length, 0, 0, 0xc4, 0xc5), value);
  return joined(head(value.length, 0x90, 16, 0, 0xdc), ...value.map(pack));
}

function head(size: number, first: number, count: number, one: number, two: number): Bytes {
  if (size < count) return Uint8Array.of(first + size);
  return one && size < 256 ? Uint8Array.of(one, size) : Uint8Array.of(two, size >> 8, size & 255);
}

function packInt(value: number): Bytes {
  if (value < 128) return Uint8Array.of(value);
  const width = value < 256 ? 1 : value < 2 ** 16 ? 2 : value < 2 ** 32 ? 4 : 8;
  const bytes = new Uint8Array(width + 1);
  bytes[0] = { 1: 0xcc, 2: 0xcd, 4: 0xce, 8: 0xcf }[width]!;
  for (let i = width, left = value; i > 0; i--, left = Math.floor(left / 256)) bytes[i] = left % 256;
  return bytes;
}
