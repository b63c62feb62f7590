/* Starts the page: one window of a device holds its connection, the others wait until it is closed. */

import { createApp, ref } from "vue";
import "./style.css";
import App from "./App.vue";
import { Alarm } from "./alarm";
import { Desk } from "./desk";
import { Store } from "./store";
import { language, speak } from "../shared/words";

const LOCK = "fusioncmd.responder";

async function begin(): Promise<void> {
  speak(language.value);
  const waits = ref(false), failed = ref(""), alarm = new Alarm();
  const url = new URL("terminal", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  url.hash = url.search = "";
  const desk = new Desk(await Store.open(), url.href);
  createApp(App, { desk, alarm, waits, failed }).mount("#app");

  navigator.serviceWorker?.addEventListener("message", desk.wake);

  const hold = async (): Promise<void> => {
    waits.value = false;
    try {
      await desk.start();
    } catch (error) {
      failed.value = String(error);
      throw error;
    }
    await new Promise(() => undefined); // as long as the window is open
  };
  if (!navigator.locks) return hold();
  void navigator.locks.request(LOCK, { ifAvailable: true }, (mine) => {
    if (mine) return hold();
    waits.value = true;
    void navigator.locks.request(LOCK, hold);
    return undefined;
  });
}

if ("serviceWorker" in navigator && import.meta.env.PROD) void navigator.serviceWorker.register("./sw.js");
void begin().catch((error: unknown) => {
  const app = document.querySelector("#app") as HTMLElement;
  app.textContent = `此浏览器无法保存数据，页面不能使用。This browser keeps no data, and the page cannot work: ${String(error)}`;
  throw error;
});
