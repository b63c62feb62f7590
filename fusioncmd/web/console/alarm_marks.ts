/* Alarms on the map: the counties that they mean, rimmed; the ground within a radius; and a mark with a word for each.
 *
 * How grave one is, is said by its word, by the colour and by the stroke of the rim. Alarms that would cover each other
 * share a mark, which counts them.
 */

import type { GeoJSONSource, Map as Chart, Marker } from "maplibre-gl";
import { say } from "../shared/words";
import { circle, gathered, type Gathered, grounds, SEVERITIES, type Severity } from "./alarm_rules";
import { alarms, chosenAlarm, eventWord, lookAtAlarm, placesWord, severityWord, type Shown, standing } from "./alarms";
import { pointing, touched } from "./scene";

const MARKS_MAX = 100, WIDE_PX = 118, HIGH_PX = 30; // of a mark
export const COLOURS: Record<Severity, string> = { extreme: "#e0322f", severe: "#e8741c", moderate: "#e6b81e", minor: "#3b82d9", unknown: "#8894a0" };
const STROKES: Record<Severity, [wide: number, dashes: number[] | null]> = {
  extreme: [4, null], severe: [3, null], moderate: [2.5, [4, 1.5]], minor: [2, [1, 1.5]], unknown: [1.5, [1, 3]],
};
export interface County { code: string; city: string; lon: number; lat: number }
type Library = typeof import("maplibre-gl");
let chart: Chart | undefined, library: Library | undefined, counties: County[] = [], marks: Marker[] = [], drawn = "";

/* Its point; else the middle of the first place that it means. */
function spotOf(one: Shown): [lat: number, lon: number] | null {
  if (one.at) return one.at;
  const code = one.alarm.nodes[0]!.slice(0, 6), inside = counties.filter((county) => county.code.startsWith(code));
  const middle = (of: (county: County) => number): number => inside.reduce((sum, county) => sum + of(county), 0) / inside.length;
  return inside.length ? [middle((county) => county.lat), middle((county) => county.lon)] : null;
}

function made({ all }: Gathered<Shown>): HTMLButtonElement {
  const element = document.createElement("button"), first = all[0]!;
  const name = `${severityWord(first.gravest)} · ${eventWord(first.alarm.event)}${all.length > 1 ? ` ×${all.length}` : ""}`;
  element.type = "button";
  element.className = `alarm-mark ${first.gravest}${all.some((one) => one.id === chosenAlarm.value) ? " chosen" : ""}`;
  element.textContent = name;
  const gravest = SEVERITIES.find((each) => all.some((one) => one.gravest === each))!;
  if (gravest !== first.gravest) { // the chosen one stands before a graver one
    const more = document.createElement("b");
    more.className = `severity ${gravest}`;
    more.textContent = severityWord(gravest);
    element.append(" ", more);
  }
  element.setAttribute("aria-label", `${say("Alarm", "预警")}: ${name}, ${first.alarm.headline}, ${placesWord(first.alarm.nodes)}`);
  element.addEventListener("click", (event) => {
    event.stopPropagation();
    const at = all.findIndex((one) => one.id === chosenAlarm.value); // again: the next of them
    lookAtAlarm(all[(at + 1) % all.length]!.id);
  });
  return element;
}

export function drawAlarms(): void {
  if (!chart?.getSource("alarm-ground")) return;
  const chosen = alarms.value.filter((one) => one.id === chosenAlarm.value && !standing.value.includes(one));
  const shown = [...standing.value.slice(0, MARKS_MAX), ...chosen];
  const spots = shown.flatMap((one) => {
    const at = spotOf(one);
    return at ? [{ ...chart!.project([at[1], at[0]]), of: one }] : [];
  });
  const groups = gathered(spots, (one) => (one.id === chosenAlarm.value ? -1 : SEVERITIES.indexOf(one.gravest)), WIDE_PX, HIGH_PX);
  const said = JSON.stringify([groups.map(({ all }) => all.map((one) => [one.id, one.gravest, one.standing, one.at])), chosenAlarm.value, say("en", "zh")]);
  if (said === drawn) return;
  drawn = said;
  for (const marker of marks) marker.remove();
  marks = groups.map((group) => {
    const [lat, lon] = spotOf(group.all[0]!)!;
    return new library!.Marker({ element: made(group), anchor: "bottom" }).setLngLat([lon, lat]).addTo(chart!);
  });
  const meant = grounds(shown.filter((one) => !one.at).map((one) => ({ nodes: one.alarm.nodes, gravest: one.gravest })), counties.map((one) => one.code));
  for (const severity of SEVERITIES) {
    const codes = [...meant].filter(([, each]) => each === severity).map(([code]) => code);
    chart.setFilter(`alarm-${severity}`, ["in", ["get", "code"], ["literal", codes]]);
  }
  const round = shown.filter((one) => one.at && one.alarm.radius_m > 0).map((one) => ({
    type: "Feature" as const, properties: { colour: COLOURS[one.gravest] },
    geometry: { type: "Polygon" as const, coordinates: [circle(one.at![0], one.at![1], one.alarm.radius_m)] },
  }));
  (chart.getSource("alarm-ground") as GeoJSONSource).setData({ type: "FeatureCollection", features: round });
}

export function alarmsOn(given: Chart, from: Library, known: County[]): void {
  [chart, library, counties, drawn] = [given, from, known, ""];
  chart.addSource("alarm-ground", { type: "geojson", data: { type: "FeatureCollection", features: [] } });
  for (const severity of [...SEVERITIES].reverse()) {
    const [wide, dashes] = STROKES[severity];
    chart.addLayer({
      id: `alarm-${severity}`, type: "line", source: "counties", filter: ["in", ["get", "code"], ["literal", []]],
      paint: { "line-color": COLOURS[severity], "line-width": wide, ...(dashes ? { "line-dasharray": dashes } : {}) },
    });
  }
  chart.addLayer({ id: "alarm-ground", type: "fill", source: "alarm-ground", paint: { "fill-color": ["get", "colour"], "fill-opacity": 0.3, "fill-outline-color": ["get", "colour"] } });
  chart.on("moveend", drawAlarms);
  chart.on("click", ({ lngLat: { lat, lng } }) => pointing.value && touched(lat, lng));
  drawAlarms();
}

/* To where the chosen one is. */
export function showAlarm(one: Shown): void {
  const at = spotOf(one);
  if (at && chart) chart.easeTo({ center: [at[1], at[0]], zoom: Math.max(chart.getZoom(), one.at ? 10 : 8), duration: 300 });
}

export function alarmsOff(): void {
  for (const marker of marks) marker.remove();
  marks = [];
  chart = undefined;
}
