// The keys j and k where one thing is shown: they go to the one before and the one after it.

/** Numbers of what is before and after; null where there is nothing, undefined while that is not known. */
export interface Beside {
  before: number | null | undefined;
  after: number | null | undefined;
}

/** A key that comes before it is known where it leads is taken when it is; made while a component is being set up, and ended with it. */
export class Steps {
  #asked = $state.raw<readonly string[]>([]);

  /**
   * @param beside What is beside that which the page was last told to show.
   * @param go Shows the one with a number.
   */
  constructor(beside: () => Beside, go: (to: number) => void) {
    const leads = (key: string | undefined) => (key === undefined ? undefined : key === "j" ? beside().before : beside().after);
    let due = false;
    $effect(() => {
      if (leads(this.#asked[0]) === undefined || due) return;
      due = true;
      // When what follows from the last change has been done: the page changes by this too.
      queueMicrotask(() => {
        due = false;
        const to = leads(this.#asked[0]);
        if (to === undefined) return;
        this.#asked = this.#asked.slice(1);
        if (to !== null) go(to);
      });
    });
  }

  press({ key, repeat }: KeyboardEvent) {
    // One that is held down does not count while another waits: it would go on when it was let go long ago.
    if ((key === "j" || key === "k") && !(repeat && this.#asked.length)) this.#asked = [...this.#asked, key];
  }
}
