/* The order that is being written. It is kept on this machine from the first letter: neither a network that drops, nor a
 * session that ends, nor a page that is loaded again loses any of it. */

import { reactive, watch } from "vue";
import type { Prepared } from "./alarms";
import type { IssuedOrder, Selector, Status } from "./asking";
import { makeId } from "./codec";
import { draftPlaces, panel } from "./scene";

const KEY = "fusioncmd.draft", TEMPLATES = "fusioncmd.templates", TEMPLATES_MAX = 50;
export interface Written {
  id: string; status: Status; refs: IssuedOrder | null; text: string; severity: string; answers: string[]; roles: string[]; desks: string[];
  not_places: string[]; not_roles: string[]; // of those picked, left out
  receive_s: number; answer_s: number; open_s: number; ladder: string; places: string[];
  alarm: { id: string; playbook: string; headline: string } | null; // a playbook made it
}
export interface Template { name: string; text: string; answers: string[] }

const blank = (): Written => ({
  id: makeId(Date.now()), status: "exercise", refs: null, text: "", severity: "severe", answers: [], roles: [], desks: [], not_places: [], not_roles: [],
  receive_s: 120, answer_s: 600, open_s: 86_400, ladder: "", places: [], alarm: null,
});

function kept<T>(key: string, otherwise: T): T {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "") as T;
  } catch {
    return otherwise;
  }
}

export const draft = reactive<Written>({ ...blank(), ...kept<Partial<Written>>(KEY, {}) });
for (const code of draft.places) draftPlaces.add(code);

watch(() => [...draftPlaces], (places) => (draft.places = places));
watch(draft, () => localStorage.setItem(KEY, JSON.stringify(draft)), { flush: "sync" });

/* The order that a playbook made of an alarm; what was being written before is kept as a template. */
export function beginPrepared(made: Prepared, id: string, alarm: NonNullable<Written["alarm"]>): void {
  if (draft.text.trim() && !draft.alarm && !draft.refs) keepTemplate();
  const { status, text, severity, answers, audience, receive_within_s, answer_within_s, open_s, ladder } = made;
  Object.assign(draft, {
    ...blank(), id, status, text, severity, answers: [...answers], roles: [...(audience.roles ?? [])], desks: [...(audience.desks ?? [])],
    not_places: [...(audience.not_nodes ?? [])], not_roles: [...(audience.not_roles ?? [])], receive_s: receive_within_s, answer_s: answer_within_s, open_s, ladder, alarm,
  });
  draftPlaces.clear();
  for (const code of audience.nodes) draftPlaces.add(code);
  panel.value = "compose";
}

/* Places that are left out: what is picked by itself is not, nor what lies in nothing that is picked. */
export const leftOut = (): string[] =>
  draft.not_places.filter((code) => draft.places.some((one) => code.startsWith(one)) && !draft.places.some((one) => one.startsWith(code)));

export function audienceOf(): Selector | null {
  if (!draft.places.length) return null;
  const more = { roles: draft.roles, not_nodes: leftOut(), not_roles: draft.not_roles, desks: draft.desks };
  return { nodes: [...draft.places], ...Object.fromEntries(Object.entries(more).filter(([, some]) => some.length).map(([name, some]) => [name, [...some]])) };
}

/* For these people and nobody else: each has a role of their own (fusioncmd/roster/numbers.py). */
export function beginFor(people: { number: number; place: string }[]): void {
  if (draft.text.trim() && !draft.alarm && !draft.refs) keepTemplate();
  Object.assign(draft, { ...blank(), roles: people.map((one) => `@${one.number}`) });
  draftPlaces.clear();
  for (const one of people) draftPlaces.add(one.place);
  panel.value = "compose";
}

/* Of this moment and no other order's; one that was asked for without an answer keeps its own, and is issued once. */
export const renew = (): void => void (draft.id = makeId(Date.now()));

export function clearDraft(): void {
  Object.assign(draft, blank());
  draftPlaces.clear();
}

export function beginCorrection(order: IssuedOrder): void {
  Object.assign(draft, {
    ...blank(), refs: order, status: order.status, text: order.text, severity: order.severity, answers: [...order.answers],
    receive_s: order.receive_within_s, answer_s: order.answer_within_s, open_s: order.open_s,
  });
  draftPlaces.clear();
  panel.value = "compose";
}

export const LADDERS: [name: string, ladder: string][] = [ // fusioncmd/ladder/steps.py; none of them: as the node has it
  ["standard", "push 60 received; sms 120 answered; voice 240 answered; superior 180 answered"],
  ["quick", "push 15 received; sms 45 answered; voice 60 answered; superior 60 answered"],
  ["superior", "superior 300 answered"],
  ["none", "none"],
];
export const BUILT_IN: { en: Template; zh: Template }[] = [
  { en: { name: "Roll call", text: "Roll call. Answer at once.", answers: ["here", "need support"] },
    zh: { name: "点名", text: "点名，请立即答复。", answers: ["在岗", "需要支援"] } },
  { en: { name: "Flood", text: "Flood warning. Go to your post and report.", answers: ["on duty", "on the way", "need support"] },
    zh: { name: "防汛", text: "防汛应急响应启动，请立即到岗并答复。", answers: ["已到岗", "正在赶赴", "需要支援"] } },
  { en: { name: "Evacuation", text: "Evacuate the people in danger, and report when done.", answers: ["done", "under way", "need support"] },
    zh: { name: "转移群众", text: "请立即组织危险区域群众转移，完成后答复。", answers: ["已完成", "正在转移", "需要支援"] } },
];
export const templates = reactive<Template[]>(kept<Template[]>(TEMPLATES, []));

export function keepTemplate(): void {
  templates.unshift({ name: draft.text.trim().slice(0, 16), text: draft.text, answers: [...draft.answers] });
  templates.splice(TEMPLATES_MAX);
  localStorage.setItem(TEMPLATES, JSON.stringify(templates));
}
