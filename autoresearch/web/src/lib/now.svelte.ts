// What time it is, for everything that says how long ago something was.

class Now {
  value = $state(Date.now());

  constructor() {
    setInterval(() => {
      if (!document.hidden) this.value = Date.now();
    }, 5000);
  }
}

export const now = new Now();
