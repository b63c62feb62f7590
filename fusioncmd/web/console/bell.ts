/* The sound of a new extreme alarm: three strokes, once. A browser lets a page sound only after a touch on it. */

import { ref } from "vue";

const KEY = "fusioncmd.bell", STROKES = 3, STROKE_S = 0.7, HZ = [880, 660] as const;
export const muted = ref(localStorage.getItem(KEY) === "off");
export const blocked = ref(false); // it was to sound, and the browser did not let it
let context: AudioContext | null = null;

export function mute(chosen: boolean): void {
  muted.value = chosen;
  localStorage.setItem(KEY, chosen ? "off" : "on");
  if (chosen) hush();
}

/* Silent at once, whatever was to come. */
export function hush(): void {
  blocked.value = false;
  void context?.close();
  context = null;
}

export async function ring(): Promise<void> {
  if (muted.value) return;
  context ??= new AudioContext();
  const mine = context;
  await Promise.race([mine.resume(), new Promise((late) => setTimeout(late, 300))]); // never settles without a touch
  blocked.value = mine.state !== "running";
  if (blocked.value || mine !== context) return;
  for (let i = 0; i < STROKES * HZ.length; i++) {
    const tone = mine.createOscillator(), volume = mine.createGain(), fromS = mine.currentTime + (i * STROKE_S) / HZ.length;
    tone.frequency.value = HZ[i % HZ.length]!;
    volume.gain.setValueAtTime(0.5, fromS);
    volume.gain.exponentialRampToValueAtTime(0.001, fromS + STROKE_S / HZ.length);
    tone.connect(volume).connect(mine.destination);
    tone.start(fromS);
    tone.stop(fromS + STROKE_S / HZ.length);
  }
}
