/* The words of the page: of modes, of closes, of times. */

import type { Order } from "../trust.js";
import { language, say } from "../shared/words";

/* Both languages, always: a mode must be read by whoever holds the phone. */
export const MODE = { actual: "实战 ACTUAL", exercise: "演练 EXERCISE" } as const;

export function kindWords(order: Order): string {
  if (order.msg_type === "update") return say("Correction: takes the place of what came before", "更正：以此为准");
  return order.msg_type === "cancel" ? say("Cancelled: the order is over", "已取消：原指令作废") : "";
}

const SEVERITY: Record<Order["severity"], readonly [string, string]> = {
  extreme: ["extreme", "特别重大"], severe: ["severe", "重大"], moderate: ["moderate", "较大"], minor: ["minor", "一般"],
  unknown: ["", ""],
};
export const severityWords = (order: Order): string => say(...SEVERITY[order.severity]);

export function stoppedWords(code: number, reason: string): string {
  switch (code) {
    case 4100: return say("This person is connected elsewhere: another device has the same number.", "该人员已在其他设备上线。");
    case 4104: return say("This address does not serve your place; ask for the right one.", "此地址不服务您所在地区，请索取正确地址。");
    case 4106: return say("This device was revoked. Ask for a new code.", "本设备已被吊销，请申请新的登记码。");
    case 4107: return say(`The code was not taken: ${reason}`, `登记码未被接受：${reason}`);
    case 4101: case 4105: return say("This page is out of date: load it anew.", "页面版本过旧，请重新加载。");
    default: return say(`The gateway ended the connection (${code} ${reason}).`, `网关已断开（${code} ${reason}）。`);
  }
}

/* In the device's own time zone. */
export function clock(ms: number, nowMs: number): string {
  const at = new Date(ms), today = new Date(nowMs).toDateString() === at.toDateString();
  const day: Intl.DateTimeFormatOptions = today ? {} : { month: "numeric", day: "numeric" };
  return at.toLocaleString(language.value === "zh" ? "zh-CN" : "en-GB", { ...day, hour: "2-digit", minute: "2-digit" });
}

export function lasting(ms: number): string {
  const minutes = Math.ceil(ms / 60_000);
  if (minutes < 90) return say(`${minutes} min`, `${minutes} 分钟`);
  const hours = Math.round(minutes / 60);
  return hours < 48 ? say(`${hours} h`, `${hours} 小时`) : say(`${Math.round(hours / 24)} days`, `${Math.round(hours / 24)} 天`);
}
