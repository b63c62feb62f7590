/* Places of the registry, as the node tells: those that a map has in sight, or how many there are where. */

import { ref, shallowRef, watch } from "vue";
import { say } from "../shared/words";
import { get, type Person, who } from "./asking";

export interface Place {
  id: string; name: string; kind: string; node: string; where?: [lat: number, lon: number] | null; radius_m?: number; people?: string[];
  cameras?: string[]; address?: string;
}
export type Spot = [lat: number, lon: number]; // in the datum of the map
export type Group = [lat: number, lon: number, many: number, kind: string];
export interface Sight { places: Place[]; shown: Spot[]; groups: Group[]; total: number; kinds: Record<string, number> }
export interface Near { lines: { place: Place; away_m: number | null }[]; shown: (Spot | null)[]; total: number }
export interface Responsible { named: string; person: Person | null }
export interface Bounds { south: number; west: number; north: number; east: number }

export const EACH_MAX = 150; // marks; beyond, they are counted
export const NEAR_KM = 3;
export const placesShown = ref(false); // the map has them on
export const chosenPlace = shallowRef<Place | null>(null);
export const hiddenPlaces = shallowRef(new Set<string>()); // kinds
/* Who comes next is shown nothing that the one before looked at. */
watch(() => `${who.value?.name} ${who.value?.path}`, () => {
  [chosenPlace.value, placesShown.value] = [null, false];
});

/* Some more than what is in sight, to a grid that all screens share: the node is asked the same by many, and nothing anew
 * for a small move. */
export function widened({ south, west, north, east }: Bounds): Bounds {
  const step = 2 ** Math.ceil(Math.log2(Math.max(north - south, east - west, 1e-4))) / 4;
  const down = (value: number): number => Math.floor(value / step) * step, up = (value: number): number => Math.ceil(value / step) * step;
  return { south: Math.max(down(south), -90), west: Math.max(down(west), -180), north: Math.min(up(north), 90), east: Math.min(up(east), 180) };
}

export function inSight(box: Bounds, kinds: string[], datum: string): Promise<Sight> {
  const query = new URLSearchParams({ limit: String(EACH_MAX), datum });
  for (const [name, value] of Object.entries(box)) query.set(name, value.toFixed(6));
  for (const kind of kinds) query.append("kind", kind);
  return get<Sight>(`places/sight?${query}`);
}
export const near = ([lat, lon]: [number, number], datum: string): Promise<Near> =>
  get<Near>(`places/near?lat=${lat}&lon=${lon}&within_km=${NEAR_KM}&limit=40&datum=${datum}`);
export const responsibleFor = (place: Place): Promise<Responsible[]> =>
  place.people?.length ? get<Responsible[]>(`places/people?${place.people.map((one) => `who=${encodeURIComponent(one)}`).join("&")}`) : Promise.resolve([]);

const KINDS: Record<string, [string, string]> = { // the usual ones (fusioncmd/places/place.py)
  enterprise: ["enterprise", "企业"], hazard: ["hazard point", "隐患点"], protected: ["protected", "防护目标"], camera: ["camera", "摄像头"],
};
export const kindWord = (kind: string): string => (KINDS[kind] ? say(...KINDS[kind]) : kind);
export const awayWord = (m: number | null): string => (m === null ? "" : m < 950 ? `${Math.round(m / 10) * 10} m` : `${(m / 1000).toFixed(1)} km`);
