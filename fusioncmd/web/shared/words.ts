/* What is said to people, in their language: Chinese where the browser asks for it, or where `lang` was set.
 *
 * The counterpart of fusioncmd/words.py.
 */

import { ref } from "vue";

export type Language = "zh" | "en";

const KEY = "fusioncmd.lang";

function preferred(): Language {
  const chosen = localStorage.getItem(KEY);
  if (chosen === "zh" || chosen === "en") return chosen;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export const language = ref<Language>(preferred());

/* Reactive: a template that calls it is drawn anew when the language changes. */
export const say = (en: string, zh: string): string => (language.value === "zh" ? zh : en);

export function speak(chosen: Language): void {
  language.value = chosen;
  localStorage.setItem(KEY, chosen);
  document.documentElement.lang = chosen === "zh" ? "zh-CN" : "en";
}
