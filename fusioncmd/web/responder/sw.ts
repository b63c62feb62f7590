/* The service worker: the page opens without a network, from the files of its build, and shows them until a newer build
 * is whole. A touched notification brings the page forward. Orders come by the page's own connection, not by this. */

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

worker.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const shown = worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  event.waitUntil(shown.then(([page]) => (page ? page.focus() : worker.clients.openWindow("./"))));
});

export {};
