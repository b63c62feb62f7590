/* What time it is, for a device whose own clock may be wrong, or be set while the page is open (PROTOCOL.md, 10). */

const TRUST_MS_MAX = 2 * 3_600_000; // so far a gateway may move the time by which orders are judged
const JUMP_MS_MIN = 30_000;

export class Clock {
  skewMs = 0; // the gateway's time minus this device's
  private wallMs = Date.now();
  private steadyMs = performance.now();

  heard(serverMs: number): void {
    this.skewMs = serverMs - Date.now();
  }

  /* By the gateway's clock, as far as it was heard. */
  now = (): number => Date.now() + this.skewMs;

  /* By which an order is judged that comes now: whoever takes over a gateway cannot make an older one fresh, and a device
   * that is an hour wrong shows what is open. `latestMs`: when the newest genuine order was issued. */
  judged(latestMs: number): number {
    const skewMs = Math.max(-TRUST_MS_MAX, Math.min(TRUST_MS_MAX, this.skewMs));
    return Math.max(Date.now() + skewMs, latestMs);
  }

  /* Whether the device's clock was set, or the device slept, since this was asked last: then the gateway has to be heard anew. */
  jumped(): boolean {
    const wallMs = Date.now(), steadyMs = performance.now();
    const byMs = wallMs - this.wallMs - (steadyMs - this.steadyMs);
    [this.wallMs, this.steadyMs] = [wallMs, steadyMs];
    return Math.abs(byMs) > JUMP_MS_MIN;
  }
}
