/* The words of the field that stand in more than one place (DESIGN, 7). */

import { language, say } from "../shared/words";
import type { MsgType, OrderLine, Status } from "./asking";

export const modeWord = (status: Status): string => (status === "actual" ? say("ACTUAL", "实战") : say("EXERCISE", "演练"));
export const typeWord = (type: MsgType): string =>
  ({ alert: say("call-down", "叫应"), update: say("correction", "更正"), cancel: say("cancel", "取消") })[type];
export const stateWord = (state: OrderLine["state"]): string =>
  ({
    open: say("open", "进行中"), replaced: say("corrected", "已更正"), cancelled: say("cancelled", "已取消"),
    expired: say("expired", "已过期"), revoked: say("key revoked", "密钥已撤销"),
  })[state];
export const standingWord = (standing: string): string =>
  ({
    targeted: say("meant", "应到"), sent: say("sent", "已送达"), received: say("received", "已收到"),
    answered: say("answered", "已答复"), reported: say("reported", "已报告"), silent: say("silent", "未答复"),
    unreachable: say("unreachable", "失联"), waiting: say("not answered", "未答复"),
  })[standing] ?? standing;
export const channelWord = (channel: string): string =>
  ({
    push: say("push", "推送"), sms: say("SMS", "短信"), voice: say("voice call", "语音"), webhook: say("webhook", "外部接口"),
    superior: say("superior", "上级"),
  })[channel] ?? channel;
export const ladderWord = (name: string): string =>
  ({
    standard: say("push, SMS, voice, superior (10 min)", "推送、短信、语音、上级（10 分钟）"),
    quick: say("the same, quick (3 min)", "同上，快速（3 分钟）"), superior: say("the superior, after 5 min", "5 分钟后报上级"), none: say("nothing", "不升级"),
  })[name] ?? name;
export const DEEDS = ["order", "proposal", "approval", "ladder", "refusal", "login", "logout", "key", "account", "device", "roster", "node", "radio", "camera", "voice", "video", "track", "alarm", "expert", "place", "department"]; // fusioncmd/audit/entries.py
export const deedWord = (deed: string): string =>
  ({
    order: say("order", "指令"), proposal: say("proposal", "提交待批"), approval: say("approval", "批准"), ladder: say("ladder", "升级阶梯"),
    refusal: say("refusal", "拒绝"), login: say("login", "登录"), logout: say("logout", "退出"), key: say("key", "密钥"),
    account: say("account", "账号"), device: say("device", "终端"), roster: say("roster", "名册"), node: say("node", "节点"),
    radio: say("radio", "电台"), camera: say("camera", "摄像头"), voice: say("voice", "语音"), video: say("video", "视频"),
    track: say("position", "位置"), alarm: say("alarm", "预警"), expert: say("experts", "专家"), place: say("places", "场所"),
    department: say("department", "部门"),
  })[deed] ?? deed;
export const detailWord = (name: string): string =>
  language.value !== "zh" ? name.replaceAll("_", " ") : ({
    path: "地点", towns: "乡镇数", first: "首个", last: "末个", sha256: "摘要", seq: "序号", subject: "主题", for: "对象",
    msg_type: "种类", status: "类型", place: "地点", people: "人数", asked_by: "经办", refs: "原指令", why: "原因", change: "变更", version: "版本",
    by: "方式", roles: "角色", number: "编号", answer: "答复", step: "级", channel: "通道",
  })[name] ?? name;
const ROLES: Record<string, string> = { // those of the sample (fusioncmd/roster/sample.py)
  "grid-worker": "网格员", flood: "防汛", "forest-fire": "森林防火", geology: "地质灾害", hazchem: "危化品",
  "duty-leader": "值班领导",
};
/* `@` and a number is one person's own (fusioncmd/roster/numbers.py). */
export const roleWord = (role: string): string =>
  /^@\d+$/.test(role) ? say(`person ${role.slice(1)}`, `人员 ${role.slice(1)}`) : language.value === "zh" ? (ROLES[role] ?? role) : role;

export const count = (n: number): string => n.toLocaleString(language.value === "zh" ? "zh-CN" : "en");
export const percent = (share: number): string =>
  share > 0.999 && share < 1 ? "99.9%" : `${(share * 100).toFixed(share && share < 0.1 ? 1 : 0)}%`;
export const clock = (ms: number): string =>
  new Date(ms).toLocaleTimeString(language.value === "zh" ? "zh-CN" : "en-GB", { hour12: false });
export const moment = (ms: number): string =>
  new Date(ms).toLocaleString(language.value === "zh" ? "zh-CN" : "en-GB", {
    month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false,
  });

/* 0:07, 3:07, 2:03:07 */
export function span(ms: number | null): string {
  if (ms === null) return "—";
  const s = Math.round(ms / 1000), two = (n: number) => String(n).padStart(2, "0");
  return s < 3600 ? `${Math.floor(s / 60)}:${two(s % 60)}` : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}

/* A while after the fact: 0.4 s, 9.8 s, 3:07 */
export const after = (ms: number | null): string => (ms !== null && ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : span(ms));

/* The time alone while it is of the last day. */
export const since = (ms: number, now_ms: number): string => (now_ms - ms < 86_400_000 ? clock(ms) : moment(ms));
