// What somebody does in a section of a page: said when it has arrived, or why it was refused.

import type { Refusal } from "../api/asking";

const SAVING = "Saving";

export class Acting {
  refusal = $state.raw<Refusal | null>(null);
  said = $state("");

  /** Do it, and then what follows from it; who presses twice means it once. */
  async act(call: () => Promise<unknown>, then: () => void = () => undefined, done = "Saved") {
    if (this.said === SAVING) return;
    this.refusal = null;
    this.said = SAVING;
    try {
      await call();
      this.said = done;
    } catch (error) {
      this.refusal = error as Refusal;
      this.said = "";
      return;
    }
    then();
  }

  /** The same for a form that is sent. */
  form(call: () => Promise<unknown>, then?: () => void, done?: string) {
    return (event: SubmitEvent) => {
      event.preventDefault();
      void this.act(call, then, done);
    };
  }
}
