/* Where this device is, shared with those above as long as its person wants that: for the orders that are open, or until
 * it is ended. By a touch only, and it is forgotten when the page is closed.
 *
 * The browser asks the person for consent, and gives places as they change; what is newest is said each few seconds, when
 * it has moved or some time has passed. Nothing of it is kept here.
 */

import { ref } from "vue";
import { Said, type Value } from "./wire";

export type Share = "off" | "orders" | "always";
interface Battery { level: number }

const STILL_MS = 60_000, MOVED_M = 10, TOLD_OLD_MS = 120_000;

export class Sharing {
  readonly mode = ref<Share>("off");
  readonly saidMs = ref(0); // when a place was handed to the gateway last
  readonly fault = ref<"" | "denied" | "unavailable">("");
  readonly taken = ref(false); // the gateway takes positions
  private everyMs = 0;
  private watch = 0;
  private place: GeolocationCoordinates | null = null;
  private placeMs = 0;
  private told: [lat: number, lon: number] | null = null;
  private battery: Battery | null = null;

  constructor(private readonly say: (frame: Value) => boolean) {}

  offered(everyS: number): void {
    this.everyMs = everyS * 1000;
    this.taken.value = everyS > 0;
  }

  get possible(): boolean {
    return this.taken.value && "geolocation" in navigator && isSecureContext;
  }

  on(mode: "orders" | "always"): void {
    this.mode.value = mode;
    this.fault.value = "";
    if (this.watch) return;
    this.watch = navigator.geolocation.watchPosition(
      ({ coords }) => {
        [this.place, this.placeMs, this.fault.value] = [coords, Date.now(), ""];
      },
      ({ code, PERMISSION_DENIED }) => {
        if (code === PERMISSION_DENIED) this.off();
        this.fault.value = code === PERMISSION_DENIED ? "denied" : "unavailable";
      },
      { enableHighAccuracy: true, maximumAge: 5_000, timeout: 60_000 },
    );
    const { getBattery } = navigator as Navigator & { getBattery?: () => Promise<Battery> };
    void getBattery?.call(navigator).then((battery) => (this.battery = battery), () => undefined);
  }

  /* Those above show it no more. */
  off(): void {
    if (this.watch) navigator.geolocation.clearWatch(this.watch);
    if (this.place && this.told) this.say([...this.frame(this.place), true]);
    [this.watch, this.place, this.told, this.saidMs.value, this.mode.value] = [0, null, null, 0, "off"];
  }

  /* Each second while connected; `open`: whether an order is. */
  tick(open: boolean): void {
    if (this.mode.value === "orders" && !open) return this.off();
    const nowMs = Date.now(), place = this.place;
    if (!place || !this.everyMs || nowMs - this.saidMs.value < this.everyMs || nowMs - this.placeMs > TOLD_OLD_MS) return;
    if (this.told && metres(this.told, [place.latitude, place.longitude]) < MOVED_M && nowMs - this.saidMs.value < STILL_MS) return;
    if (!this.say(this.frame(place))) return;
    [this.told, this.saidMs.value] = [[place.latitude, place.longitude], nowMs];
  }

  private frame(place: GeolocationCoordinates): Value[] {
    const battery = this.battery ? Math.round(this.battery.level * 100) : null;
    return [Said.position, float(place.latitude), float(place.longitude), Math.min(1_000_000, Math.round(place.accuracy)), battery];
  }
}

/* A whole number of degrees is still a float on the wire. */
const float = (degrees: number): number => (Number.isInteger(degrees) ? degrees + 1e-7 : degrees);

function metres([lat, lon]: [number, number], [lat2, lon2]: [number, number]): number {
  return Math.hypot(lat2 - lat, (lon2 - lon) * Math.cos((lat * Math.PI) / 180)) * 111_195;
}
