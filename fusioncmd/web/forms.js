/* The shapes of what is signed: orders, grants, seals, statements, each from its bytes.
 *
 * The counterpart of the structs in fusioncmd/messages.py and fusioncmd/trust, with their bounds (fusioncmd/limits.py).
 */

import { Reader, refuse } from "./canonical.js";

const SEALED_BYTES_MAX = 20416, STATEMENT_BYTES_MAX = 16384, ORDER_BYTES_MAX = 16384, GRANT_BYTES_MAX = 512;
const CHAIN_GRANTS_MAX = 6, APPROVALS_MAX = 3, MILLIS_MAX = 2 ** 48;
export const OPEN_S_MAX = 604800;
const PURPOSES = ["administer", "approve", "issue", "node"], STATUSES = ["actual", "exercise"];
const MSG_TYPES = ["alert", "update", "cancel"], SEVERITIES = ["extreme", "severe", "moderate", "minor", "unknown"];
const CODE = /^([0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{9}|[0-9]{12})$/;
const DESK = /^([0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{9}|[0-9]{12})\.[a-z][a-z0-9-]{0,23}$/;
const HOLDER = /^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+$/u;

const rises = (names) => names.length > 0 && names.every((name, i) => i === 0 || names[i - 1] < name);

function readSigned(r) {
  r.tuple(2);
  return { body: r.bin(0, GRANT_BYTES_MAX), signature: r.bin(16, 96) };
}
const readChain = (r) => r.array(0, CHAIN_GRANTS_MAX, () => readSigned(r));

function readSeal(r) {
  r.tuple(4);
  return { algorithm: r.str(1, 16), by: r.bin(16, 16), chain: readChain(r), signature: r.bin(16, 96) };
}

export function readSealed(bytes) {
  const r = new Reader(bytes, SEALED_BYTES_MAX);
  r.tuple(4, "sealed.1");
  const body = r.bin(0, ORDER_BYTES_MAX);
  return r.end({ body, seal: readSeal(r), approvals: r.array(0, APPROVALS_MAX, () => readSeal(r)) });
}

export function readGrant(bytes) {
  const r = new Reader(bytes, GRANT_BYTES_MAX);
  r.tuple(11, "grant.1");
  const grant = r.end({
    above: r.bin(16, 16), holder: r.match(HOLDER, 64), purposes: r.array(0, PURPOSES.length, () => r.word(PURPOSES)),
    path: r.match(CODE, 12), statuses: r.array(0, 2, () => r.word(STATUSES)), may_delegate: r.bool(),
    not_before_ms: r.int(0, MILLIS_MAX), not_after_ms: r.int(0, MILLIS_MAX), algorithm: r.str(1, 16),
    key: r.bin(16, 96),
  });
  const good = rises(grant.purposes) && rises(grant.statuses) && grant.not_before_ms < grant.not_after_ms;
  return good ? grant : refuse("bytes");
}

function readSelector(r) {
  const lists = {
    nodes: [CODE, 64], roles: [/^/, 32], not_nodes: [CODE, 64], not_roles: [/^/, 32], desks: [DESK, 16],
  };
  const found = { roles: [], not_nodes: [], not_roles: [], desks: [] }, names = Object.keys(lists);
  for (let left = r.size(), at = -1; left > 0; left--) {
    const name = r.word(names), before = at;
    at = names.indexOf(name);
    if (at <= before) refuse("bytes"); // twice, or out of order
    found[name] = r.array(1, lists[name][1], () => r.match(lists[name][0], name === "desks" ? 37 : 32));
  }
  return found.nodes ? found : refuse("bytes");
}

/* The order that these bytes are: its fields by the names of PROTOCOL.md, 3; ids are bytes. */
export function readOrder(bytes) {
  const r = new Reader(bytes, ORDER_BYTES_MAX), id = () => r.bin(16, 16), seconds = () => r.int(1, OPEN_S_MAX);
  const fields = {
    kind: () => r.word(["order.1"]), id, msg_type: () => r.word(MSG_TYPES), status: () => r.word(STATUSES),
    refs: () => r.optional(id), root: () => r.optional(id), node: () => r.match(CODE, 12), issuer: () => r.str(1, 64),
    issued_ms: () => r.int(0, MILLIS_MAX), text: () => r.str(1, 2000), severity: () => r.word(SEVERITIES),
    answers: () => r.array(0, 8, () => r.str(1, 32)), audience: () => readSelector(r), receive_within_s: seconds,
    answer_within_s: seconds, open_s: seconds,
  };
  const order = {}, left = r.size() - Object.keys(fields).length;
  if (left === 1) fields.ladder = () => r.str(1, 256); // how it escalates: nothing that is shown
  else if (left) refuse("bytes");
  for (const [name, read] of Object.entries(fields)) {
    r.key(name);
    order[name] = read();
  }
  return r.end({ ladder: "", ...order });
}

/* A root as terminals keep it: a grant and its signature. */
export function readRoot(bytes) {
  const r = new Reader(bytes, 1024);
  return r.end(readSigned(r));
}

export function readStatement(bytes) {
  const r = new Reader(bytes, STATEMENT_BYTES_MAX);
  r.tuple(3, "statement.1");
  return r.end({ body: r.bin(0, STATEMENT_BYTES_MAX), seal: readSeal(r) });
}

/* The chain down to the grant that ends. Since when is of no use to whoever sees an order now for the first time. */
export function readRevocation(bytes) {
  const r = new Reader(bytes, STATEMENT_BYTES_MAX);
  r.tuple(3, "revocation.1");
  r.int(0, MILLIS_MAX);
  const chain = r.end(readChain(r));
  return chain.length ? chain : refuse("chain");
}
