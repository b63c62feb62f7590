/* MessagePack as the terminal protocol needs it (PROTOCOL.md, 2), and its frames. Knows no socket.
 *
 * What is signed is read by ../canonical.js, in one spelling only; here any encoding that fits is taken, within
 * bounds. `Unreadable` is thrown on any bytes that are no value, or more than one.
 */

import type { Bytes } from "../trust.js";

export type Value = null | boolean | number | string | Bytes | Value[] | Map<Value, Value>;

export class Unreadable extends Error {}

export const FRAME_BYTES_MAX = 20480;
const DEPTH_MAX = 16;

/* Terminal to gateway, gateway to terminal. */
export const Said = {
  hello: 1, received: 2, answer: 3, report: 4, alive: 5, enrol: 6, renew: 7, distrust: 8, picture: 9, subscribe: 10,
  noted: 11, answerFor: 12, position: 13,
} as const;
export const Heard = {
  alive: 5, welcome: 16, deliver: 17, counted: 18, stored: 19, refused: 20, enrolled: 21, ticketed: 22, partStored: 23, subscribed: 24,
  silent: 25,
} as const;
export const VERSION = 2;

export function encode(value: Value): Bytes {
  const out: number[] = [];
  write(out, value);
  return new Uint8Array(out);
}

/* In the shortest form of each; a number that is not an integer, as 64 bits. */
function write(out: number[], value: Value): void {
  if (value === null) out.push(0xc0);
  else if (typeof value === "boolean") out.push(value ? 0xc3 : 0xc2);
  else if (typeof value === "number") writeNumber(out, value);
  else if (typeof value === "string") {
    const bytes = new TextEncoder().encode(value);
    if (bytes.length < 32) out.push(0xa0 | bytes.length);
    else head(out, bytes.length, 0xd9, 0xda, 0xdb);
    append(out, bytes);
  } else if (value instanceof Uint8Array) {
    head(out, value.length, 0xc4, 0xc5, 0xc6);
    append(out, value);
  } else if (Array.isArray(value)) {
    if (value.length < 16) out.push(0x90 | value.length);
    else head(out, value.length, 0, 0xdc, 0xdd);
    for (const one of value) write(out, one);
  } else throw new Unreadable("no map is ever said");
}

/* Of bytes, also of some tens of thousands: more than a call may have arguments. */
function append(out: number[], bytes: Uint8Array): void {
  for (const byte of bytes) out.push(byte);
}

function head(out: number[], size: number, one: number, two: number, four: number): void {
  if (one && size < 256) out.push(one, size);
  else if (size < 65536) out.push(two, size >> 8, size & 255);
  else out.push(four, size >>> 24, (size >> 16) & 255, (size >> 8) & 255, size & 255);
}

function writeNumber(out: number[], value: number): void {
  const view = new DataView(new ArrayBuffer(8));
  if (!Number.isInteger(value) || value < 0) {
    view.setFloat64(0, value);
    out.push(0xcb, ...new Uint8Array(view.buffer));
  } else if (value < 128) out.push(value);
  else if (value < 256) out.push(0xcc, value);
  else if (value < 65536) out.push(0xcd, value >> 8, value & 255);
  else if (value < 2 ** 32) {
    view.setUint32(0, value);
    out.push(0xce, ...new Uint8Array(view.buffer, 0, 4));
  } else {
    view.setBigUint64(0, BigInt(value));
    out.push(0xcf, ...new Uint8Array(view.buffer));
  }
}

export function decode(bytes: Bytes): Value {
  const reader = new Loose(bytes);
  const value = reader.value(0);
  if (reader.at !== bytes.length) throw new Unreadable("bytes behind the end");
  return value;
}

class Loose {
  at = 0;
  private readonly view: DataView;

  constructor(private readonly bytes: Bytes) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  value(depth: number): Value {
    if (depth > DEPTH_MAX) throw new Unreadable("too deep");
    const head = this.uint(1);
    if (head < 0x80) return head;
    if (head < 0x90) return this.map(head & 15, depth);
    if (head < 0xa0) return this.array(head & 15, depth);
    if (head < 0xc0) return this.text(head & 31);
    if (head >= 0xe0) return head - 256;
    switch (head) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xc4: case 0xc5: case 0xc6: return this.take(this.uint(2 ** (head - 0xc4)));
      case 0xca: return this.view.getFloat32(this.skip(4));
      case 0xcb: return this.view.getFloat64(this.skip(8));
      case 0xcc: case 0xcd: case 0xce: case 0xcf: return this.uint(2 ** (head - 0xcc));
      case 0xd0: return this.view.getInt8(this.skip(1));
      case 0xd1: return this.view.getInt16(this.skip(2));
      case 0xd2: return this.view.getInt32(this.skip(4));
      case 0xd3: return Number(this.view.getBigInt64(this.skip(8)));
      case 0xd9: case 0xda: case 0xdb: return this.text(this.uint(2 ** (head - 0xd9)));
      case 0xdc: case 0xdd: return this.array(this.uint(2 ** (head - 0xdb)), depth);
      case 0xde: case 0xdf: return this.map(this.uint(2 ** (head - 0xdd)), depth);
      default: throw new Unreadable(`head ${head}`);
    }
  }

  private skip(size: number): number {
    if (size > this.bytes.length - this.at) throw new Unreadable("cut off");
    this.at += size;
    return this.at - size;
  }

  private take(size: number): Bytes {
    const from = this.skip(size);
    return this.bytes.slice(from, from + size);
  }

  private uint(size: number): number {
    const from = this.skip(size);
    return this.bytes.subarray(from, from + size).reduce((sum, byte) => sum * 256 + byte, 0);
  }

  private text(size: number): string {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.take(size));
    } catch (error) {
      if (error instanceof Unreadable) throw error;
      throw new Unreadable("no UTF-8");
    }
  }

  private array(size: number, depth: number): Value[] {
    if (size > this.bytes.length) throw new Unreadable("cut off");
    return Array.from({ length: size }, () => this.value(depth + 1));
  }

  private map(size: number, depth: number): Map<Value, Value> {
    if (size > this.bytes.length) throw new Unreadable("cut off");
    return new Map(Array.from({ length: size }, () => [this.value(depth + 1), this.value(depth + 1)] as const));
  }
}

export const hex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
export const unhex = (text: string): Bytes => Uint8Array.from(text.match(/../g) ?? [], (two) => parseInt(two, 16));

/* The id in a delivery of which nothing is proved; null where none can be read. */
export function idIn(sealed: Bytes): Bytes | null {
  try {
    const whole = decode(sealed);
    const body = Array.isArray(whole) && whole[1] instanceof Uint8Array ? decode(whole[1]) : null;
    const id = body instanceof Map ? body.get("id") : null;
    return id instanceof Uint8Array && id.length === 16 ? id : null;
  } catch (error) {
    if (error instanceof Unreadable) return null;
    throw error;
  }
}

/* 48 bits of milliseconds, then 80 of chance (PROTOCOL.md, 2). */
export function makeId(nowMs: number, chance: Uint8Array): Bytes {
  const id = new Uint8Array(16);
  new DataView(id.buffer).setBigUint64(0, BigInt(nowMs) << 16n);
  id.set(chance.subarray(0, 10), 6);
  return id;
}

export const base64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

/* The place of whom a ticket is for; empty where none can be read. Its last 16 bytes are the gateway's to check. */
export function placeIn(ticket: Bytes): string {
  try {
    const shown = decode(ticket.slice(0, -16));
    return Array.isArray(shown) && typeof shown[2] === "string" ? shown[2] : "";
  } catch (error) {
    if (error instanceof Unreadable) return "";
    throw error;
  }
}
