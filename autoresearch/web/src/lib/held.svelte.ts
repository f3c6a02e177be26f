// What was shown last stays until newer is there, also when what it depends on has changed.

import type { Live } from "./live.svelte";

/** The last value of something live; made while a component is being set up. */
export class Held<T> {
  value = $state.raw<T>();

  constructor(live: Live<T>) {
    $effect(() => {
      if (live.value !== undefined) this.value = live.value;
    });
  }
}

/** Call something every few seconds for as long as there is reason to and the page is looked at; made like `Held`. */
export function every(milliseconds: number, reason: () => boolean, call: () => void) {
  $effect(() => {
    if (!reason()) return;
    const timer = setInterval(() => {
      if (!document.hidden) call();
    }, milliseconds);
    return () => clearInterval(timer);
  });
}
