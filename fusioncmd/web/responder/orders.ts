/* The orders of this device, in memory and on disk alike, and what has become of each. */

import { computed, shallowRef, type Ref } from "vue";
import { inOrder, states, toForget, type Kept } from "./rules";
import type { Store } from "./store";

export class Orders {
  readonly kept = shallowRef<Kept[]>([]);
  readonly states = computed(() => states(this.kept.value, this.nowMs.value));
  readonly open = computed(() =>
    this.kept.value.filter((one) => ["open", "cancel"].includes(this.states.value.get(one.id) ?? "")).sort(inOrder),
  );
  readonly past = computed(() =>
    this.kept.value.filter((one) => !this.open.value.includes(one)).sort((a, b) => (a.id < b.id ? 1 : -1)),
  );

  constructor(private readonly store: Store, private readonly nowMs: Ref<number>) {}

  async load(): Promise<void> {
    this.kept.value = await this.store.orders();
  }

  find = (id: string): Kept | undefined => this.kept.value.find((one) => one.id === id);

  /* On disk first; then it is shown. Some that ended long ago are forgotten, if there are too many. */
  async add(kept: Kept): Promise<void> {
    await this.store.keepOrder(kept);
    this.kept.value = [...this.kept.value, kept];
    const forgotten = new Set(toForget(this.kept.value, this.nowMs.value).map((one) => one.id));
    if (!forgotten.size) return;
    this.kept.value = this.kept.value.filter((one) => !forgotten.has(one.id));
    for (const id of forgotten) await this.store.forgetOrder(id);
  }

  async change(id: string, fields: Partial<Kept>): Promise<void> {
    const before = this.find(id);
    if (!before) return;
    const after = { ...before, ...fields };
    this.kept.value = this.kept.value.map((one) => (one.id === id ? after : one));
    await this.store.keepOrder(after);
  }
}
