/* How an order sounds and shakes (PROTOCOL.md, rule 16): an actual one at full strength until it is touched or over, an
 * exercise once and briefly, with another sound. The sound of an actual order is used for nothing else.
 *
 * Browsers let a page sound only after a touch: until then `silent` is true, and the page asks for one.
 */

import { ref } from "vue";

const ACTUAL_HZ: readonly [number, number] = [988, 740], ACTUAL_STEP_S = 0.35, ACTUAL_EVERY_MS = 2_800;
const EXERCISE_HZ = [523, 659, 784], EXERCISE_STEP_S = 0.22;
const READY_HZ = 440;
const ACTUAL_SHAKE_MS = [700, 200, 700, 200, 700], EXERCISE_SHAKE_MS = [180, 120, 180];

export class Alarm {
  readonly silent = ref(true);
  private context: AudioContext | null = null;
  private repeating: ReturnType<typeof setInterval> | undefined;

  /* In the handler of a touch; safe to call at each. */
  async unlock(): Promise<void> {
    this.context ??= new AudioContext();
    if (this.context.state !== "running") await this.context.resume();
    this.silent.value = this.context.state !== "running";
  }

  actual(): void {
    if (this.repeating !== undefined) return;
    const once = (): void => {
      for (let i = 0; i < 6; i++) this.tone(ACTUAL_HZ[i % 2] as number, i * ACTUAL_STEP_S, ACTUAL_STEP_S, "square", 1);
      shake(ACTUAL_SHAKE_MS);
    };
    once();
    this.repeating = setInterval(once, ACTUAL_EVERY_MS);
  }

  exercise(): void {
    EXERCISE_HZ.forEach((hz, i) => this.tone(hz, i * EXERCISE_STEP_S, EXERCISE_STEP_S, "sine", 0.5));
    shake(EXERCISE_SHAKE_MS);
  }

  /* That there is sound: neither of the two. */
  ready(): void {
    this.tone(READY_HZ, 0, 0.12, "sine", 0.25);
  }

  stop(): void {
    if (this.repeating === undefined) return;
    clearInterval(this.repeating);
    this.repeating = undefined;
    shake([]);
    void this.context?.close();
    this.context = new AudioContext(); // what was scheduled ahead is silent at once
  }

  private tone(hz: number, afterS: number, lengthS: number, shape: OscillatorType, gain: number): void {
    const context = this.context;
    if (context?.state !== "running") return;
    const tone = context.createOscillator(), volume = context.createGain(), fromS = context.currentTime + afterS;
    tone.type = shape;
    tone.frequency.value = hz;
    volume.gain.setValueAtTime(0, fromS);
    volume.gain.linearRampToValueAtTime(gain, fromS + 0.02); // without a click
    volume.gain.setValueAtTime(gain, fromS + lengthS - 0.04);
    volume.gain.linearRampToValueAtTime(0, fromS + lengthS);
    tone.connect(volume).connect(context.destination);
    tone.start(fromS);
    tone.stop(fromS + lengthS);
  }
}

function shake(pattern: number[]): void {
  if (navigator.userActivation?.hasBeenActive ?? true) navigator.vibrate?.(pattern.length ? pattern : 0);
}
