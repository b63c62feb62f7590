/* What survives a restart of the device: who it is, its orders with their answers, its reports. IndexedDB, one file.
 *
 * Each promise is kept when the write is on disk (`durability: "strict"`), and not before.
 */

import type { Bytes } from "../trust.js";
import type { Keys } from "./device";
import type { Pushed } from "./push";
import type { Kept } from "./rules";

export interface Identity {
  keys: Keys;
  code: Bytes;
  device: Bytes; // empty until it is enrolled
  number: number;
  ticket: Bytes;
  renewAtMs: number;
  roots: Bytes[];
  latestMs: number; // when the newest genuine order was issued: the clock is never earlier
  pushed?: Pushed; // where it takes push messages, as far as the gateway has it on disk
}

/* By the hex of its id. `parts` are those of the picture; the first `stored` of them are on the gateway's disk. */
export interface Report {
  id: string;
  order: string;
  atMs: number;
  text: string;
  lat: number | null;
  lon: number | null;
  parts: Bytes[];
  stored: number;
  done: boolean;
}

const NAME = "fusioncmd.responder", VERSION = 1;
const IDENTITY = "identity";
type Table = "kept" | "orders" | "reports";

const done = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

export class Store {
  private constructor(private readonly db: IDBDatabase) {}

  static async open(): Promise<Store> {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("kept");
      request.result.createObjectStore("orders", { keyPath: "id" });
      request.result.createObjectStore("reports", { keyPath: "id" });
    };
    return new Store(await done(request));
  }

  private write(table: Table, change: (rows: IDBObjectStore) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = this.db.transaction(table, "readwrite", { durability: "strict" });
      step.oncomplete = () => resolve();
      step.onabort = step.onerror = () => reject(step.error);
      change(step.objectStore(table));
    });
  }

  private all<T>(table: Table): Promise<T[]> {
    return done(this.db.transaction(table).objectStore(table).getAll()) as Promise<T[]>;
  }

  async identity(): Promise<Identity | null> {
    return (await done(this.db.transaction("kept").objectStore("kept").get(IDENTITY))) ?? null;
  }

  keepIdentity = (identity: Identity): Promise<void> => this.write("kept", (rows) => rows.put(identity, IDENTITY));
  orders = (): Promise<Kept[]> => this.all("orders");
  keepOrder = (kept: Kept): Promise<void> => this.write("orders", (rows) => rows.put(kept));
  forgetOrder = (id: string): Promise<void> => this.write("orders", (rows) => rows.delete(id));
  reports = (): Promise<Report[]> => this.all("reports");
  keepReport = (report: Report): Promise<void> => this.write("reports", (rows) => rows.put(report));
  forgetReport = (id: string): Promise<void> => this.write("reports", (rows) => rows.delete(id));

  /* A device that was revoked forgets all of it. */
  async forgetAll(): Promise<void> {
    for (const table of ["kept", "orders", "reports"] as const) await this.write(table, (rows) => rows.clear());
  }
}
