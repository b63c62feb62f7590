/* Floor control messages in bytes (3GPP TS 24.380, clause 8.2): what a browser says, and what it has to understand.
 *
 * The counterpart of fusioncmd/floor/codec.py. Fields that are not known are passed over; `null` is no message. */

export const Kind = {
  request: 0, granted: 1, taken: 2, deny: 3, release: 4, idle: 5, revoke: 6, position: 8, queued: 9, ack: 10,
} as const;

export interface FloorMessage {
  kind: number;
  ack: boolean; // an answer is asked for
  cause: number | null;
  position: number | null;
  party: string | null; // who speaks
}

const NAME = 0x4d435054, APP = 204, HEADER = 12; // "MCPT"
const PRIORITY = 0, CAUSE = 2, POSITION = 3, PARTY = 4, SOURCE = 10, ACKNOWLEDGED = 12, INDICATOR = 13;
const NORMAL = 0x8000, EMERGENCY = 0x1000, QUEUEING = 0x0400;

function packet(kind: number, ssrc: number, fields: [number, number][]): Uint8Array<ArrayBuffer> {
  const out = new DataView(new ArrayBuffer(HEADER + 4 * fields.length));
  out.setUint8(0, 0x80 | kind);
  out.setUint8(1, APP);
  out.setUint16(2, out.byteLength / 4 - 1);
  out.setUint32(4, ssrc);
  out.setUint32(8, NAME);
  fields.forEach(([number, value], i) => {
    out.setUint8(HEADER + 4 * i, number);
    out.setUint8(HEADER + 4 * i + 1, 2);
    out.setUint16(HEADER + 4 * i + 2, value);
  });
  return new Uint8Array(out.buffer);
}

/* Which weight it has, the gateway says. */
export const request = (ssrc: number, emergency: boolean) =>
  packet(Kind.request, ssrc, [[PRIORITY, 0], [INDICATOR, (emergency ? EMERGENCY : NORMAL) | QUEUEING]]);
export const release = (ssrc: number) => packet(Kind.release, ssrc, []);
export const acknowledge = (ssrc: number, kind: number) => packet(Kind.ack, ssrc, [[SOURCE, 0], [ACKNOWLEDGED, kind << 8]]);

export function read(data: ArrayBuffer): FloorMessage | null {
  const view = new DataView(data);
  if (view.byteLength < HEADER || view.byteLength % 4 || view.getUint8(1) !== APP || view.getUint32(8) !== NAME) return null;
  const first = view.getUint8(0);
  if (first >> 5 !== 4 || (view.getUint16(2) + 1) * 4 !== view.byteLength) return null; // version 2, no padding, whole
  const found: FloorMessage = { kind: first & 15, ack: (first & 16) !== 0, cause: null, position: null, party: null };
  for (let at = HEADER; at + 2 <= view.byteLength; ) {
    const number = view.getUint8(at), long = number >= 192;
    if (long && at + 3 > view.byteLength) return null;
    const begin = at + (long ? 3 : 2), size = long ? view.getUint16(at + 1) : view.getUint8(at + 1), end = begin + size;
    if (end > view.byteLength) return null;
    if (number === CAUSE && size >= 2) found.cause = view.getUint16(begin);
    else if (number === POSITION && size >= 1) found.position = view.getUint8(begin);
    else if (number === PARTY) found.party = new TextDecoder().decode(new Uint8Array(data, begin, size));
    at = end + ((4 - ((end - HEADER) % 4)) % 4);
  }
  return found;
}
