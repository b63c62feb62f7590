/* Asking again and again: until nobody wants it any more, and nothing that comes late. Pure. */

/* At once, and so long after each answer; `act` says itself what fails. What it returns ends that, while it is asked too. */
export function every(ms: number, act: () => Promise<void>): () => void {
  let over = false, timer: ReturnType<typeof setTimeout> | undefined;
  const next = async (): Promise<void> => {
    await act();
    if (!over) timer = setTimeout(() => void next(), ms);
  };
  void next();
  return () => {
    over = true;
    clearTimeout(timer);
  };
}

/* What was asked for last counts, whatever is answered when. */
export class Latest<T> {
  private wanted = 0;
  private held = "";

  /* `said` names it. Null: it is held already, or something else was asked for since; so is a failure then. */
  async ask(said: string, get: () => Promise<T>): Promise<T | null> {
    const mine = ++this.wanted;
    if (said === this.held) return null;
    try {
      const told = await get();
      if (mine !== this.wanted) return null;
      this.held = said;
      return told;
    } catch (error) {
      if (mine !== this.wanted) return null;
      throw error;
    }
  }

  /* Nothing is held, and what is under way comes to nothing. */
  forget(): void {
    this.wanted += 1;
    this.held = "";
  }
}
