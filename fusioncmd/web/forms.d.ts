/* What forms.js reads, in types. */

import type { Bytes, Order } from "./trust.js";

export interface Grant {
  above: Bytes;
  holder: string;
  purposes: ("administer" | "approve" | "issue" | "node")[];
  path: string;
  statuses: ("actual" | "exercise")[];
  may_delegate: boolean;
  not_before_ms: number;
  not_after_ms: number;
  algorithm: string;
  key: Bytes;
}
export interface Seal {
  algorithm: string;
  by: Bytes;
  chain: { body: Bytes; signature: Bytes }[];
  signature: Bytes;
}
export function readOrder(bytes: Bytes): Order;
export function readGrant(bytes: Bytes): Grant;
export function readSealed(bytes: Bytes): { body: Bytes; seal: Seal; approvals: Seal[] };
