/* Why somebody may not speak, or no longer, in words. Knows nothing but the language. */

import { say } from "./words";

/* TS 24.380, clauses 8.2.6.2 and 8.2.10.2. */
export function causeWords(denied: number | null, revoked: number | null): string {
  switch (denied) {
    case null: break;
    case 1: return say("Denied: somebody else speaks.", "未获话权：他人正在讲话。");
    case 2: return say("Denied: the node failed; press again.", "未获话权：节点故障，请重新按下。");
    case 3: return say("Denied: nobody else is in the talkgroup.", "未获话权：通话组内没有其他人。");
    case 4: return say("Denied: press again in a moment.", "未获话权：请稍后再按。");
    case 5: return say("Denied: you may only listen.", "未获话权：只能收听。");
    case 6: return say("Denied: there is no room now, or no node in reach.", "未获话权：资源不足或节点不可达。");
    case 7: return say("Denied: too many are waiting.", "未获话权：排队已满。");
    case 255: return say("Denied; no cause was told.", "未获话权：未说明原因。");
    default: return say(`Denied (cause ${denied}).`, `未获话权（原因 ${denied}）。`);
  }
  switch (revoked) {
    case null: return "";
    case 1: return say("Stopped: nobody else is there.", "已停止：通话组内没有其他人。");
    case 2: return say("Stopped: you have spoken too long.", "已停止：讲话超时。");
    case 3: return say("Stopped: you did not have the floor.", "已停止：没有话权。");
    case 4: return say("Stopped: somebody with priority speaks.", "已停止：优先级更高者正在讲话。");
    case 6: return say("Stopped: there is no room any more.", "已停止：资源不足。");
    case 255: return say("Stopped; no cause was told.", "已停止：未说明原因。");
    default: return say(`Stopped (cause ${revoked}).`, `已停止（原因 ${revoked}）。`);
  }
}
