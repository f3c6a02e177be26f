// Light or dark: as the system says, unless somebody chose otherwise here.

const NAME = "autoresearch-theme";

class Theme {
  chosen = $state(localStorage.getItem(NAME));

  constructor() {
    this.#show();
  }

  get dark(): boolean {
    return this.chosen === null ? matchMedia("(prefers-color-scheme: dark)").matches : this.chosen === "dark";
  }

  turn() {
    this.chosen = this.dark ? "light" : "dark";
    localStorage.setItem(NAME, this.chosen);
    this.#show();
  }

  #show() {
    if (this.chosen) document.documentElement.dataset.theme = this.chosen;
  }
}

export const theme = new Theme();
