/* A place's mark and that of many, as elements that the keyboard reaches. The shape says the kind, as the colour does. */

import { say } from "../shared/words";
import { kindWord, type Place } from "./map_places";

const SHAPES: Record<string, string> = {
  enterprise: "M2 14V6l4 2.5V6l4 2.5V2h3.5l.5 12z", hazard: "M8 1.5 15 14H1z M7.3 6h1.4v4H7.3z M7.3 11h1.4v1.5H7.3z",
  protected: "M8 1.5 14 4v4c0 3.5-2.6 5.6-6 6.5C4.6 13.6 2 11.5 2 8V4z", camera: "M1.5 4.5h8.5v7H1.5zM11 7l3.5-2v6L11 9z",
};
const OTHER = "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2z";

function shape(kind: string): SVGElement {
  const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg"), line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  picture.setAttribute("viewBox", "0 0 16 16");
  picture.setAttribute("aria-hidden", "true");
  line.setAttribute("d", SHAPES[kind] ?? OTHER);
  line.setAttribute("fill-rule", "evenodd");
  picture.append(line);
  return picture;
}

function button(names: string, label: string, press: () => void): HTMLButtonElement {
  const element = document.createElement("button");
  element.type = "button";
  element.className = names;
  element.setAttribute("aria-label", label);
  element.addEventListener("click", (event) => {
    event.stopPropagation();
    press();
  });
  return element;
}

export function placeMark(place: Place, chosen: boolean, press: () => void): HTMLButtonElement {
  const element = button(`place-mark ${SHAPES[place.kind] ? place.kind : "other"}${chosen ? " chosen" : ""}`, `${place.name}, ${kindWord(place.kind)}`, press);
  const name = document.createElement("span");
  name.textContent = place.name;
  element.append(shape(place.kind), name);
  return element;
}

export function groupMark(many: number, kind: string, press: () => void): HTMLButtonElement {
  const named = kind ? kindWord(kind) : say("places", "场所");
  const element = button(`place-group ${SHAPES[kind] ? kind : "other"}`, say(`${many} × ${named}: closer`, `${many} × ${named}：放大`), press);
  element.textContent = many < 1_000 ? String(many) : `${(many / 1_000).toFixed(many < 10_000 ? 1 : 0)}k`;
  return element;
}
