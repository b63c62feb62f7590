/* Those who do not answer, as the gateway names them to who looks after them: shown while they are, and answered for.
 *
 * Nothing of it is kept on the device: on each connection the gateway says it again.
 */

import { ref } from "vue";
import { hex, Said, type Value } from "./wire";
import type { Bytes } from "../trust.js";

export interface SilentPerson {
  number: number;
  name: string;
  phone: string;
  place: string;
}

export interface SilentList {
  id: string;
  order: Bytes;
  status: "actual" | "exercise";
  text: string;
  answers: string[];
  count: number;
  people: SilentPerson[];
}

export class Below {
  readonly lists = ref<SilentList[]>([]);

  constructor(private readonly say: (frame: Value) => boolean) {}

  /* A list takes the place of the one before; an empty one ends it. */
  heard([order, status, text, answers, count, people]: Value[]): void {
    if (!(order instanceof Uint8Array) || (status !== "actual" && status !== "exercise") || !Array.isArray(people)) return;
    const id = hex(order), others = this.lists.value.filter((one) => one.id !== id);
    const named = people.flatMap((one) => {
      if (!Array.isArray(one) || typeof one[0] !== "number") return [];
      return [{ number: one[0], name: String(one[1]), phone: String(one[2]), place: String(one[3]) }];
    });
    const list = {
      id, order, status, text: String(text), answers: Array.isArray(answers) ? answers.map(String) : [],
      count: Number(count), people: named,
    } as const;
    this.lists.value = list.count ? [...others, { ...list, answers: [...list.answers] }] : others;
    this.say([Said.noted, order]);
  }

  /* Shown as given by somebody else; the next list is without that person. */
  answer(list: SilentList, person: SilentPerson, which: number): void {
    this.say([Said.answerFor, list.order, person.number, which]);
  }

  /* A connection that ended says nothing any more. */
  forget(): void {
    this.lists.value = [];
  }
}
