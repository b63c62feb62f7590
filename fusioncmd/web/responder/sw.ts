/* The service worker: the page opens without a network, from the files of its build, and shows them until a newer build
 * is whole. Orders come by the page's own connection, which verifies them. Where that is not there, a push message tells
 * that one waits; touched, it brings the page forward. */

/* Of the build, by the plugin of vite.config.ts: a name that changes with them, and the files. */
declare const BUILD: string;
declare const FILES: string[];

const worker = self as unknown as ServiceWorkerGlobalScope;
const CACHE = `responder-${BUILD}`;

worker.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)).then(() => worker.skipWaiting()));
});

worker.addEventListener("activate", (event) => {
  const older = caches.keys().then((names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name))));
  event.waitUntil(older.then(() => worker.clients.claim()));
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== location.origin) return;
  event.respondWith(
    caches.match(request.mode === "navigate" ? "./" : request, { ignoreSearch: true }).then((kept) => kept ?? fetch(request)),
  );
});

/* Both languages, always, as in words.ts: a mode must be read by whoever holds the phone. */
const MODE: Record<string, string> = { actual: "实战 ACTUAL", exercise: "演练 EXERCISE" };

interface Told {
  id: string;
  status: string;
  text: string;
  answers: string[];
}

/* What a message says (PROTOCOL.md, 8); null where it is not to be read: then, too, something waits. */
function read(data: PushMessageData | null): Told | null {
  try {
    const told = data?.json() as Told;
    const good = told.status in MODE && Array.isArray(told.answers) && /^[0-9a-f]{32}$/.test(told.id);
    return good ? told : null;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return null;
    throw error;
  }
}

async function show(told: Told | null): Promise<void> {
  const answers = told?.answers.map((answer, i) => `${i + 1} ${answer}`).join("  ") ?? "";
  await worker.registration.showNotification(told ? `${MODE[told.status]} · 应急叫应` : "应急叫应 Call-down", {
    body: told ? `${told.text}\n${answers}`.trim() : "有指令待办，请打开查看。An order waits: open it.",
    // The page's own notification of an order has the same tag, and takes the place of this one.
    tag: told?.id ?? "waits", lang: "zh-CN", requireInteraction: told?.status !== "exercise", icon: "./icon-192.png",
  });
  const pages = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  for (const page of pages) page.postMessage("wake");
}

worker.addEventListener("push", (event) => event.waitUntil(show(read(event.data))));

worker.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const shown = worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  event.waitUntil(shown.then(([page]) => (page ? page.focus() : worker.clients.openWindow("./"))));
});

export {};
