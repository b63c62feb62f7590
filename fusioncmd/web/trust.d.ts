/* What trust.js gives, in types; the words are those of PROTOCOL.md, 3 and 10. */

export type Bytes = Uint8Array<ArrayBuffer>;

export interface Order {
  kind: "order.1";
  id: Bytes;
  msg_type: "alert" | "update" | "cancel";
  status: "actual" | "exercise";
  refs: Bytes | null;
  root: Bytes | null;
  node: string;
  issuer: string;
  issued_ms: number;
  text: string;
  severity: "extreme" | "severe" | "moderate" | "minor" | "unknown";
  answers: string[];
  audience: { nodes: string[]; roles: string[]; not_nodes: string[]; not_roles: string[]; desks: string[] };
  receive_within_s: number;
  answer_within_s: number;
  open_s: number;
  ladder: string;
}

export class Untrusted extends Error {
  reason: string;
}

export function verify(
  sealed: Bytes,
  roots: Bytes[],
  nowMs: number,
  revocations?: Bytes[],
): Promise<{ order: Order; holder: string; approvers: string[] }>;
