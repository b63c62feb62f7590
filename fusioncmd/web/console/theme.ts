/* Dark or light, as the person chose or their system says; the colours that a canvas needs, read from the style sheet. */

import { computed, ref, watchEffect } from "vue";

const KEY = "fusioncmd.theme";
const system = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
export const theme = ref(localStorage.getItem(KEY) ?? system);

export function setTheme(chosen: string): void {
  theme.value = chosen;
  localStorage.setItem(KEY, chosen);
}

watchEffect(() => (document.documentElement.dataset["theme"] = theme.value));

export const colours = computed(() => {
  document.documentElement.dataset["theme"] = theme.value;
  const style = getComputedStyle(document.documentElement), named = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    answered: named("answered"), received: named("received"), silent: named("silent"), unreachable: named("unreachable"),
    text: named("text"), dim: named("dim"), line: named("line"), accent: named("accent"), sea: named("sea"),
    blank: named("map-blank"), mapAnswered: named("map-answered"), mapSilent: named("map-silent"), mapUnreachable: named("map-unreachable"),
  };
});
