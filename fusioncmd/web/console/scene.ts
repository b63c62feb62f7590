/* What the screen is about: the order that is looked at, the place, and the figures as they come.
 *
 * Figures stand in one plain map that nothing watches; `tick` is raised at most once per frame, however many events came.
 */

import { computed, reactive, ref, shallowRef, watch } from "vue";
import {
  type Course, type CutLine, get, type Health, type IssuedOrder, type OrderLine, type PastCourse, type Point, Problem, type Proposal, type ReportLine,
  type Reports, type Row, type StepLine, type Tally, who,
} from "./asking";
import { above, belowOf, places, trail, within } from "./places";

const WATCHED_MAX = 32; // places in one stream (gateways/console/bounds.py)
const ORDERS_EVERY_MS = 3_000, REPORTS_MAX = 2_000, PAST = 8;
const CURVE_POINTS_MAX = 600; // beyond, the curve is read again from the node, which keeps fewer

export const orders = shallowRef<OrderLine[]>([]);
export const proposals = shallowRef<Proposal[]>([]);
export const chosen = ref<string | null>(null);
export const line = shallowRef<OrderLine | null>(null);
export const at = ref(""); // the place that is looked at
export const expanded = reactive(new Set<string>());
export const rows = new Map<string, Row>();
export const tick = ref(0);
export const health = shallowRef<Health | null>(null);
export const curve = shallowRef<Point[]>([]);
export const past = shallowRef<{ courses: PastCourse[]; median: Point[] }>({ courses: [], median: [] });
export const steps = shallowRef<StepLine[]>([]); // of the ladder, those that have begun and the next
export const cuts = shallowRef<CutLine[]>([]); // branches that carry nothing, as the newest tally of the outermost place tells
export const reports = shallowRef<ReportLine[]>([]);
export const reportsTotal = ref(0);
export const trouble = shallowRef<Problem | null>(null);
export const panel = ref<"order" | "compose" | "after" | "people" | "audit" | "roll" | "alarms" | "experts" | "departments">("order");
export const standing = ref("silent");
export const draftPlaces = reactive(new Set<string>()); // picked for a new order
export const rollPicks = ref(false); // places for a roll are picked
export const pointing = ref(false); // a point of the map is picked
export const touchedAt = shallowRef<[lat: number, lon: number] | null>(null); // in the datum of the map
export const picking = computed(() => panel.value === "compose" || (panel.value === "roll" && rollPicks.value));

export function touched(lat: number, lon: number): void {
  [touchedAt.value, pointing.value] = [[lat, lon], false];
}

/* The outermost place of who is logged in. */
export const top = computed(() => {
  const me = who.value;
  return me ? (me.path.length > me.node.length ? me.path : me.node) : "";
});
export const order = computed<IssuedOrder | null>(() => line.value?.order ?? null);

/* What the map and the open branches of the tree show, the outermost first. */
const watched = computed(() => {
  const wanted = [top.value, ...(top.value.length < 4 ? belowOf(top.value) : []), ...trail(at.value, top.value)];
  const open = [...expanded].filter((code) => within(code, top.value)).reverse(); // the latest first
  return [...new Set([...wanted, ...open])].filter(Boolean).slice(0, WATCHED_MAX);
});

let stream: EventSource | null = null, broken = false;
let asked = 0;

function raise(): void {
  if (!asked) asked = requestAnimationFrame(() => ((asked = 0), tick.value++));
}

function heard(node: string, tally: Tally): void {
  rows.set(node, tally.total);
  for (const row of tally.below) rows.set(row.code, row);
  if (node === top.value) {
    line.value = tally.line;
    const last = curve.value.at(-1), { received, answered, reported } = tally.total;
    if (!last || last[1] !== received || last[2] !== answered) {
      curve.value = [...curve.value, [Math.max(tally.now_ms - tally.line.order.issued_ms, 0), received, answered]];
      if (curve.value.length > CURVE_POINTS_MAX) void readCourse();
    }
    steps.value = tally.steps;
    cuts.value = tally.cut ?? [];
    if (!performance.getEntriesByName("figures").length) performance.mark("figures"); // what `loadtest console` waits for
    if (reported > reportsTotal.value) void readReports();
  }
  trouble.value = null;
  raise();
}

/* What the node kept, and what came here since. */
async function readCourse(): Promise<void> {
  const id = chosen.value;
  if (!id || !who.value || !top.value) return;
  try {
    const found = await get<Course>(`orders/${id}/course?node=${top.value}&past=${PAST}`);
    if (id !== chosen.value) return;
    const until = found.points.at(-1)?.[0] ?? -1;
    curve.value = [...found.points, ...curve.value.filter(([ms]) => ms > until)];
    past.value = { courses: found.past, median: found.median };
  } catch {
    // the stream says what is wrong, and what comes from now on is drawn
  }
}

function open(): void {
  stream?.close();
  stream = null;
  if (!chosen.value || !who.value || !places.value.root) return;
  const nodes = watched.value.map((code) => `node=${code}`).join("&");
  const mine = (stream = new EventSource(`api/orders/${chosen.value}/live?${nodes}`));
  mine.addEventListener("tally", (event) => {
    const { node, tally } = JSON.parse(event.data) as { node: string; tally: Tally };
    if (mine === stream) heard(node, tally);
  });
  mine.onopen = () => void (broken && ((broken = false), readCourse()));
  mine.addEventListener("trouble", (event) => (trouble.value = problemOf(event.data)));
  mine.addEventListener("ended", () => {
    mine.close();
    void get("whoami").then(open, () => undefined); // logs in again where a key is; else the screen asks
  });
  mine.onerror = () => {
    if (mine !== stream) return;
    broken = true;
    trouble.value = new Problem("Offline", "The connection was lost; it is tried again.", "连接中断，正在重连。");
    if (mine.readyState === EventSource.CLOSED) setTimeout(() => mine === stream && open(), 2_000);
  };
}

function problemOf(data: string): Problem {
  const { code, en, zh } = JSON.parse(data) as { code: string; en: string; zh: string };
  return new Problem(code, en, zh);
}

async function readReports(): Promise<void> {
  if (!chosen.value || reading) return;
  reading = true;
  try {
    const id = chosen.value, last = reports.value.at(-1)?.report.id;
    const found = await get<Reports>(`orders/${id}/reports?limit=200${last ? `&after=${last}` : ""}`);
    if (id !== chosen.value) return;
    reports.value = [...reports.value, ...found.lines].slice(-REPORTS_MAX);
    reportsTotal.value = found.total;
  } catch {
    // the stream says what is wrong, and the next figure asks again
  } finally {
    reading = false;
  }
}
let reading = false;

export function choose(id: string | null): void {
  if (id === chosen.value) return;
  rows.clear();
  Object.assign(reports, { value: [] });
  reportsTotal.value = 0;
  curve.value = [];
  past.value = { courses: [], median: [] };
  steps.value = [];
  cuts.value = [];
  line.value = orders.value.find((one) => one.order.id === id) ?? null;
  chosen.value = id;
  raise();
}

/* On a phone the map is further down. */
export const toMap = (): void => document.querySelector("section.map")?.scrollIntoView({ block: "nearest" });

export const looked = ref(0); // so many times at a place, also at the same again

export function lookAt(code: string): void {
  at.value = code;
  looked.value += 1;
  for (const one of trail(code, top.value)) expanded.add(one);
  if (expanded.has(code) && !belowOf(code).length) expanded.delete(code);
}

export function toggle(code: string): void {
  if (!expanded.delete(code)) expanded.add(code);
}

export function pick(code: string): void {
  if (draftPlaces.delete(code)) return;
  for (const one of [...draftPlaces]) if (within(one, code)) draftPlaces.delete(one);
  if (![...draftPlaces].some((one) => within(code, one))) draftPlaces.add(code);
}

export async function readOrders(): Promise<void> {
  const [found, waiting, told] = await Promise.all([
    get<{ lines: OrderLine[] }>("orders?limit=60"), get<{ proposals: Proposal[] }>("proposals"), get<Health>("health"),
  ]);
  health.value = told;
  orders.value = found.lines;
  proposals.value = waiting.proposals;
  if (!chosen.value) choose(found.lines.find((one) => one.order.msg_type !== "cancel")?.order.id ?? null);
}

let timer = 0;
export function begin(): void {
  at.value = top.value;
  expanded.add(top.value);
  open();
  clearInterval(timer);
  const read = () => {
    void readOrders().catch(() => undefined); // said by the stream, or by the login that is asked for
    void readReports(); // a person's second one changes no figure
  };
  timer = window.setInterval(read, ORDERS_EVERY_MS);
}

export const share = (row: Row | undefined, of: (row: Row) => number): number =>
  row && row.targeted ? of(row) / row.targeted : 0;
export const waitingOf = (row: Row | undefined): number => (row ? row.silent + row.unreachable : 0);
export const placeAbove = above;

watch([chosen, () => watched.value.join()], open, { flush: "post" });
watch([chosen, top], readCourse, { flush: "post" });
