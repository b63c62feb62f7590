/* Messages that reach this device while the page is closed (RFC 8030). With the consent of whoever holds it, the browser
 * subscribes at its push service with the tier's key; where it takes messages is said to the gateway until that is
 * on disk there, and again only when it changes, or after a week: everyone comes back at once after a cut.
 */

import { ref } from "vue";
import type { Bytes } from "../trust.js";
import { Said, type Value } from "./wire";

const AGAIN_MS = 7 * 86_400_000;

export interface Pushed {
  endpoint: string;
  atMs: number;
}

export class Push {
  readonly on = ref(false); // the gateway knows where this device takes them
  readonly fault = ref("");
  private key: Bytes = new Uint8Array(0);
  private endpoint = "";

  /* `said` and `keep`: what the gateway has on disk, and where that is kept. */
  constructor(
    private readonly say: (frame: Value) => boolean, private readonly said: () => Pushed | undefined,
    private readonly keep: (pushed: Pushed) => Promise<void>,
  ) {}

  /* The gateway's key came with its welcome; an empty one where the tier sends no such messages. */
  offered(key: Value): Promise<void> {
    this.key = key instanceof Uint8Array && key.length === 65 ? key : new Uint8Array(0);
    return this.begin();
  }

  /* After each welcome, and after consent. What the browser refuses is told, and nothing else depends on it. */
  async begin(): Promise<void> {
    if (!this.key.length || !("PushManager" in window) || Notification.permission !== "granted") return;
    try {
      const mine = await this.subscription();
      const key = mine.getKey("p256dh"), auth = mine.getKey("auth");
      if (!key || !auth) return;
      this.fault.value = "";
      this.endpoint = mine.endpoint;
      const known = this.said();
      this.on.value = known?.endpoint === mine.endpoint;
      if (this.on.value && Math.abs(Date.now() - (known?.atMs ?? 0)) < AGAIN_MS) return;
      this.say([Said.subscribe, mine.endpoint, new Uint8Array(key), new Uint8Array(auth)]);
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      this.fault.value = error.message;
    }
  }

  /* The gateway has it on disk. */
  async stored(): Promise<void> {
    if (!this.endpoint) return;
    await this.keep({ endpoint: this.endpoint, atMs: Date.now() });
    this.on.value = true;
  }

  /* This device is nobody's any more. */
  async forget(): Promise<void> {
    this.on.value = false;
    const worker = await navigator.serviceWorker?.getRegistration();
    await (await worker?.pushManager?.getSubscription())?.unsubscribe();
  }

  /* One that was made with another key is of no use. */
  private async subscription(): Promise<PushSubscription> {
    const { pushManager } = await navigator.serviceWorker.ready;
    const mine = await pushManager.getSubscription();
    if (mine && same(mine.options.applicationServerKey, this.key)) return mine;
    await mine?.unsubscribe();
    return pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: this.key });
  }
}

function same(one: ArrayBuffer | null, other: Bytes): boolean {
  const bytes = new Uint8Array(one ?? new ArrayBuffer(0));
  return bytes.length === other.length && bytes.every((byte, i) => byte === other[i]);
}
