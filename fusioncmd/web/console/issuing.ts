/* From a draft to an order: composed by the node, seen to be what was asked for, signed here, issued or proposed. */

import { readOrder, readSealed } from "../forms.js";
import type { Order } from "../trust.js";
import { get, type Health, type MsgType, post, Problem, type Proposal, type Selector, type Status, who } from "./asking";
import { fromBase64, idText, makeId } from "./codec";
import { approveOrder, keyFor, signOrder } from "./keys";

export interface Draft {
  id: string; msg_type: MsgType; status: Status; refs: string | null; text: string; severity: string; answers: string[];
  audience: Selector | null; receive_within_s: number; answer_within_s: number; open_s: number; ladder: string;
}
interface Issued { order: { id: string }; targeted: number; reachable: number }
export interface Done { id: string; waits: boolean }

const WAIT_MS = 10_000;

/* `waits`: it needs a second commander, and is not sent yet. Asked again with the same draft, it is the same order. */
export async function issue(draft: Draft): Promise<Done> {
  const own = keyFor(draft.status), me = who.value!;
  const node = [me.node, own.grant.path, me.path].reduce((a, b) => (b.length > a.length ? b : a));
  const { now_ms } = await get<Health>("health");
  const asked = { ...draft, issuer: own.grant.holder, node };
  const body = fromBase64((await post<{ body: string }>("compose", asked)).body);
  checkAsked(readOrder(body), asked);
  const signed = { sealed: await signOrder(body, own), until_ms: now_ms + WAIT_MS };
  try {
    return { id: (await post<Issued>("orders", signed)).order.id, waits: false };
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== "SecondNeeded") throw error;
  }
  return { id: (await post<Proposal>("proposals", signed)).order.id, waits: true };
}

/* What is approved is read from the signed bytes, not from what somebody says is in them. */
export const proposedOrder = (proposal: Proposal): Order => readOrder(readSealed(fromBase64(proposal.sealed)).body);

export async function approve(proposal: Proposal): Promise<string> {
  const order = proposedOrder(proposal), { now_ms } = await get<Health>("health");
  const sealed = await approveOrder(proposal.sealed, keyFor(order.status, "approve"));
  return (await post<Issued>("orders", { sealed, until_ms: now_ms + WAIT_MS })).order.id;
}

/* An end of an order, or a correction of it, in its mode. */
export function successor(before: { id: string; status: Status; severity: string; receive_within_s: number;
  answer_within_s: number; open_s: number }, kind: "update" | "cancel", text: string, answers: string[]): Draft {
  const { status, severity, receive_within_s, answer_within_s, open_s } = before;
  return {
    id: makeId(Date.now()), msg_type: kind, refs: before.id, status, text, severity, answers, audience: null,
    receive_within_s, answer_within_s, open_s, ladder: "",
  };
}

/* As `check_asked` of fusioncmd/orders.py. */
function checkAsked(order: Order, draft: Draft & { issuer: string; node: string }): void {
  const list = (given: string[] | undefined) => JSON.stringify(given ?? []);
  const { audience } = draft, meant = order.audience;
  const good =
    idText(order.id) === draft.id && order.msg_type === draft.msg_type && order.status === draft.status &&
    (order.refs ? idText(order.refs) : null) === draft.refs && order.issuer === draft.issuer && order.node === draft.node &&
    order.severity === draft.severity && order.receive_within_s === draft.receive_within_s &&
    order.ladder === draft.ladder && order.answer_within_s === draft.answer_within_s && order.open_s === draft.open_s && order.text === draft.text.trim() &&
    (list(order.answers) === list(draft.answers) || (draft.msg_type === "update" && !draft.answers.length)) &&
    (!audience || (list(meant.nodes) === list(audience.nodes) && list(meant.roles) === list(audience.roles) &&
      list(meant.not_nodes) === list(audience.not_nodes) && list(meant.not_roles) === list(audience.not_roles) &&
      list(meant.desks) === list(audience.desks)));
  if (!good) {
    throw new Problem(
      "BadOrder", "The node composed something else than was asked; nothing was signed.",
      "节点拟制的指令与请求不符，未签名。",
    );
  }
}
