/* Units on the map: a mark each for those in sight, as elements that the keyboard reaches; a dot for the rest; and trails.
 *
 * Marks are made once and moved; at most `MARKS_MAX` stand at a time, those heard of last.
 */

import type { GeoJSONSource, Map as Chart, Marker } from "maplibre-gl";
import { chosenUnit, freshness, hidden, type Place, type Unit, units, unitsNow, unitWord } from "./units";
import { colours } from "./theme";

const MARKS_MAX = 200, NAMES_FROM_ZOOM = 8.5;
const SHAPES: Record<string, string> = {
  person: "M8 1.5a3 3 0 1 1 0 6 3 3 0 0 1 0-6M2.5 14.5c0-3.6 2.2-5.8 5.5-5.8s5.5 2.2 5.5 5.8z",
  vehicle: "M1 4h8.5v2.5h2.8L15 9.3V12h-1.3a1.9 1.9 0 0 1-3.8 0H6.3a1.9 1.9 0 0 1-3.8 0H1z",
  drone: "M3.5 1a2.5 2.5 0 0 1 2.3 3.5L7 5.7h2l1.2-1.2a2.5 2.5 0 1 1 1.3 1.3L10.3 7v2l1.2 1.2a2.5 2.5 0 1 1-1.3 1.3L9 10.3H7l-1.2 1.2a2.5 2.5 0 1 1-1.3-1.3L5.7 9V7L4.5 5.8A2.5 2.5 0 1 1 3.5 1z",
  kit: "M5.5 2h5v2.5H15V14H1V4.5h4.5zm1.5 1.4v1.1h2V3.4z",
  sensor: "M8 1 15 8l-7 7-7-7z",
};

type Library = typeof import("maplibre-gl");
interface Mark { marker: Marker; element: HTMLButtonElement; name: HTMLElement; arrow: SVGElement; said: string }
let chart: Chart | undefined, library: Library | undefined;
const marks = new Map<string, Mark>();

function svg(path: string, name: string): SVGElement {
  const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg"), line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  picture.setAttribute("viewBox", "0 0 16 16");
  picture.setAttribute("aria-hidden", "true");
  picture.classList.add(name);
  line.setAttribute("d", path);
  picture.append(line);
  return picture;
}

function made(unit: Unit): Mark {
  const element = document.createElement("button"), name = document.createElement("span");
  const arrow = svg("M8 0 12 6H4z", "course");
  element.type = "button";
  element.append(arrow, svg(SHAPES[unit.kind]!, "shape"), name);
  element.addEventListener("click", (event) => {
    event.stopPropagation();
    chosenUnit.value = unit.address;
  });
  return { marker: new library!.Marker({ element }), element, name, arrow, said: "" };
}

function put(mark: Mark, unit: Unit, [lat, lon]: Place): void {
  const moves = unit.course_deg !== null && (unit.speed_m_s ?? 0) >= 0.5;
  const title = unit.title || unit.unit;
  const looks = `unit ${unit.kind} ${freshness(unitsNow.value - unit.at_ms)}${chosenUnit.value === unit.address ? " chosen" : ""}${unit.battery !== null && unit.battery < 20 ? " low" : ""}`;
  const said = `${lat},${lon},${looks},${moves ? unit.course_deg : ""},${title}`;
  if (mark.said === said) return;
  mark.said = said;
  mark.marker.setLngLat([lon, lat]);
  for (const one of ["unit", "person", "vehicle", "drone", "kit", "sensor", "fresh", "fading", "old", "chosen", "low"])
    mark.element.classList.toggle(one, looks.split(" ").includes(one));
  mark.name.textContent = title;
  mark.element.setAttribute("aria-label", `${title}, ${unitWord(unit.kind)}`);
  mark.arrow.style.display = moves ? "" : "none";
  mark.arrow.style.rotate = `${unit.course_deg ?? 0}deg`;
}

/* What is told, drawn. */
export function drawUnits(): void {
  if (!chart?.getSource("units")) return;
  const bounds = chart.getBounds();
  const shown = [...units.values()].filter(({ unit }) => !hidden.value.has(unit.kind));
  const inSight = shown.filter(({ shown: [at] }) => bounds.contains([at![1], at![0]]));
  inSight.sort((a, b) => Number(b.unit.address === chosenUnit.value) - Number(a.unit.address === chosenUnit.value) || b.unit.heard_ms - a.unit.heard_ms);
  const marked = new Set(inSight.slice(0, MARKS_MAX).map(({ unit }) => unit.address));
  for (const [address, mark] of marks) if (!marked.has(address)) {
    mark.marker.remove();
    marks.delete(address);
  }
  for (const address of marked) {
    const { unit, shown: [at] } = units.get(address)!;
    let mark = marks.get(address);
    const isNew = !mark;
    if (!mark) marks.set(address, (mark = made(unit)));
    put(mark, unit, at!);
    if (isNew) mark.marker.addTo(chart);
  }
  const dots = inSight.slice(MARKS_MAX).map(({ shown: [at] }) => [at![1], at![0]]);
  const trails = inSight.slice(0, MARKS_MAX).filter(({ shown: all }) => all.length > 2).map(({ unit, shown: all }) => ({
    type: "Feature" as const, properties: { chosen: unit.address === chosenUnit.value },
    geometry: { type: "LineString" as const, coordinates: all.map(([lat, lon]) => [lon, lat]) },
  }));
  (chart.getSource("trails") as GeoJSONSource).setData({ type: "FeatureCollection", features: trails });
  (chart.getSource("units") as GeoJSONSource).setData({ type: "Feature", properties: {}, geometry: { type: "MultiPoint", coordinates: dots } });
}

function named(): void {
  chart!.getContainer().classList.toggle("names", chart!.getZoom() >= NAMES_FROM_ZOOM);
}

export function colourUnits(): void {
  if (!chart?.getLayer("trails")) return;
  chart.setPaintProperty("trails", "line-color", ["case", ["get", "chosen"], colours.value.accent, colours.value.text]);
  chart.setPaintProperty("units", "circle-color", colours.value.text);
}

export function unitsOn(given: Chart, from: Library): void {
  chart = given;
  library = from;
  const nothing = { type: "FeatureCollection" as const, features: [] };
  chart.addSource("trails", { type: "geojson", data: nothing });
  chart.addSource("units", { type: "geojson", data: nothing });
  chart.addLayer({ id: "trails", type: "line", source: "trails", paint: { "line-width": 1.5, "line-opacity": 0.7, "line-dasharray": [2, 1.5] } });
  chart.addLayer({ id: "units", type: "circle", source: "units", paint: { "circle-radius": 3, "circle-opacity": 0.8 } });
  chart.on("moveend", drawUnits);
  chart.on("zoom", named);
  colourUnits();
  named();
  drawUnits();
}

/* To where the chosen one is. */
export function showUnit(address: string): void {
  const found = units.get(address);
  if (found && chart) chart.easeTo({ center: [found.shown[0]![1], found.shown[0]![0]], zoom: Math.max(chart.getZoom(), 11), duration: 300 });
}

export function unitsOff(): void {
  for (const { marker } of marks.values()) marker.remove();
  marks.clear();
  chart = undefined;
}
